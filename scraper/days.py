"""Days as sites print them and as a command line gives them, made `datetime.date`."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from typing import NamedTuple
from zoneinfo import ZoneInfo

MOSCOW = ZoneInfo("Europe/Moscow")
MONTHS = (
    "январ", "феврал", "март", "апрел", "ма[йя]", "июн",
    "июл", "август", "сентябр", "октябр", "ноябр", "декабр",
)  # fmt: skip
ENGLISH_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_PRINTED = re.compile(
    r"(?P<iso>(?<!\d)\d{4}-\d{2}-\d{2}(?!\d))"
    r"|(?P<compact>(?<!\d)20\d{6}(?!\d))"
    r"|(?P<dots>(?<![\d.])\d{1,2}\.\d{1,2}\.\d{4}(?!\d))"
    rf"|(?P<words>\b\d{{1,2}}\s+(?:{'|'.join(MONTHS)})[а-яё]*(?:\s+\d{{4}})?)"
    rf"|(?P<english>\b(?:{'|'.join(ENGLISH_MONTHS)})[a-z]*\.?\s+\d{{1,2}},\s+\d{{4}}\b)",
    re.IGNORECASE,
)


class PrintedDate(NamedTuple):
    """A date in the page's own words and the day it means."""

    words: str
    day: dt.date


def printed_dates(text: str, near: dt.date) -> list[PrintedDate]:
    """Every date in a text, in order. A date without a year gets the one that brings it closest to `near`."""
    found = []
    for match in _PRINTED.finditer(text):
        day = _day_of(match, near)
        if day:
            found.append(PrintedDate(" ".join(match.group().split()), day))
    return found


def _day_of(match: re.Match[str], near: dt.date) -> dt.date | None:
    words = match.group()
    try:
        if match.lastgroup == "iso":
            return dt.date.fromisoformat(words)
        if match.lastgroup == "compact":
            return dt.datetime.strptime(words, "%Y%m%d").date()
        if match.lastgroup == "dots":
            day, month, year = map(int, words.split("."))
            return dt.date(year, month, day)
        if match.lastgroup == "english":
            name, number, year_words = words.split()
            return dt.date(
                int(year_words), ENGLISH_MONTHS.index(name[:3].lower()) + 1, int(number.strip(","))
            )
        number, name, *year_of = words.lower().split()
        month = next(index for index, stem in enumerate(MONTHS, 1) if re.match(stem, name))
        if year_of:
            return dt.date(int(year_of[0]), month, int(number))
        return _closest(near, month, int(number))
    except ValueError:  # 31.02.2026 is no day
        return None


def _closest(near: dt.date, month: int, number: int) -> dt.date | None:
    candidates = []
    for year in (near.year - 1, near.year, near.year + 1):
        try:
            candidates.append(dt.date(year, month, number))
        except ValueError:  # 29 February outside a leap year
            continue
    return min(candidates, key=lambda day: abs(day - near), default=None)


def moscow_today() -> dt.date:
    """For the outer edge of a program only: inside, the day is an argument."""
    return dt.datetime.now(MOSCOW).date()


def utc_instant() -> str:
    """Now, as DATA_FORMAT writes instants."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def parse_day(text: str, today: dt.date) -> dt.date:
    """ISO date, or `today`, `tomorrow`, `yesterday`.

    Raises:
        ValueError: with a message for the user.
    """
    relative = {"yesterday": -1, "today": 0, "tomorrow": 1}
    if text in relative:
        return today + dt.timedelta(days=relative[text])
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        with contextlib.suppress(ValueError):  # 2026-02-30 looks like a day and is none
            return dt.date.fromisoformat(text)
    raise ValueError(
        f"expected a day YYYY-MM-DD (or today, tomorrow, yesterday), found {text!r}, in the date"
    )


def day_range(first: dt.date, last: dt.date) -> list[dt.date]:
    """Both ends included.

    Raises:
        ValueError: the range runs backwards.
    """
    if first > last:
        raise ValueError(
            f"expected date_from not after date_to, found {first} and {last}, in the date range; swap them"
        )
    return [first + dt.timedelta(days=offset) for offset in range((last - first).days + 1)]
