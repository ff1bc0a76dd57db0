"""How pages print days and signs: dates in Russian words, the span of a sign, the typography of each site."""

from __future__ import annotations

import re
from datetime import date, datetime

MONTHS = [
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
]
WEEKDAYS = ["понедельник", "вторник", "среда", "четверг", "пятница", "суббота", "воскресенье"]
SPANS = {
    "aries": "21 марта — 20 апреля",
    "taurus": "21 апреля — 20 мая",
    "gemini": "21 мая — 21 июня",
    "cancer": "22 июня — 22 июля",
    "leo": "23 июля — 23 августа",
    "virgo": "24 августа — 23 сентября",
    "libra": "24 сентября — 23 октября",
    "scorpio": "24 октября — 22 ноября",
    "sagittarius": "23 ноября — 21 декабря",
    "capricorn": "22 декабря — 20 января",
    "aquarius": "21 января — 18 февраля",
    "pisces": "19 февраля — 20 марта",
}
"""Days of the year of each sign, as sites print them."""

_SHORT_WORD = re.compile(r"\b([А-Яа-яЁё]{1,2}) ")


def day_month(day: date) -> str:
    """`23 ноября`."""
    return f"{day.day} {MONTHS[day.month - 1]}"


def long_date(day: date) -> str:
    """`23 ноября 2026`."""
    return f"{day_month(day)} {day.year}"


def dotted(day: date) -> str:
    """`23.11.2026`."""
    return f"{day:%d.%m.%Y}"


def weekday(day: date) -> str:
    """`понедельник`."""
    return WEEKDAYS[day.weekday()]


def with_nbsp(text: str) -> str:
    """Return `text` as a typograph leaves it: a short word is tied to the next by a no-break space."""
    return _SHORT_WORD.sub("\\1\u00a0", text)


def without_yo(text: str) -> str:
    """Return `text` as a hurried editor leaves it: е for ё, a hyphen for a dash."""
    return text.replace("ё", "е").replace("Ё", "Е").replace("—", "-")


def parsed(text: str, form: str) -> date | None:
    """Return the day that `text` names in the `strptime` form, or None if there is no such day."""
    try:
        return datetime.strptime(text, form).date()
    except ValueError:
        return None
