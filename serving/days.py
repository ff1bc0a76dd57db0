"""Published days: `published/date=D/horoscopes.json` under a storage root in, checked `Day`s out; nothing
else is trusted.

A file that is not one complete day of its own date is refused with its reason, so a reader never meets
half a day or another day's text. `PublishedDays` keeps the newest days in memory: storage may vanish,
readers do not notice.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import fsspec
import structlog

from serving.signs import BY_SLUG, SIGNS

MOSCOW = ZoneInfo("Europe/Moscow")
EARLIEST_ZONE = dt.timezone(dt.timedelta(hours=14))
"""Where readers' days begin first (Kiribati); in Moscow it is 13:00 of the day before."""
SCHEMA = 1
STATUSES = ("champion", "previous_champion")
DAY_FIELDS = ("date", "generated_at", "status", "model", "disclaimer", "texts")
TEXT_FIELDS = ("sign", "topic", "language", "text", "chars", "seed", "candidates", "gates", "model_version")
log = structlog.get_logger("serving")
DAY_FILE = re.compile(r"date=(\d{4}-\d\d-\d\d)/horoscopes\.json$")


class CorruptDayError(ValueError):
    """A day's file is not one complete day; the message says what is wrong with it."""


@dataclass(frozen=True)
class Horoscope:
    """One published text; the fields are those of `texts` in DATA_FORMAT.md."""

    sign: str
    topic: str
    language: str
    text: str
    chars: int
    seed: int
    candidates: int
    gates: dict[str, bool]
    model_version: str


@dataclass(frozen=True)
class Day:
    """One complete published day: every sign for every topic."""

    date: dt.date
    generated_at: str
    status: str
    model: dict[str, Any]
    disclaimer: str
    horoscopes: tuple[Horoscope, ...]

    @property
    def topics(self) -> tuple[str, ...]:
        """Topics in the order they were published."""
        return tuple(dict.fromkeys(horoscope.topic for horoscope in self.horoscopes))

    def find(self, sign: str, topic: str, language: str = "ru") -> Horoscope | None:
        wanted = (sign, topic, language)
        return next((h for h in self.horoscopes if (h.sign, h.topic, h.language) == wanted), None)


def moscow_today(now: dt.datetime) -> dt.date:
    """The day it is in Moscow at an aware instant."""
    return now.astimezone(MOSCOW).date()


def moscow_midnight(day: dt.date) -> dt.datetime:
    """The instant at which `day` ends in Moscow."""
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), MOSCOW)


def begins_anywhere(day: dt.date) -> dt.datetime:
    """The instant at which `day` begins in the earliest time zone on Earth."""
    return dt.datetime.combine(day, dt.time(), EARLIEST_ZONE)


def day_path(root: str, day: dt.date) -> str:
    return f"{root.rstrip('/')}/published/date={day.isoformat()}/horoscopes.json"


def parse_day(content: bytes, day: dt.date) -> Day:
    """The day in `content`; `CorruptDayError` unless it is whole and really that day's."""
    try:
        document = json.loads(content)
        missing = [name for name in DAY_FIELDS if name not in document]
        if document.get("schema") != SCHEMA or missing:
            raise CorruptDayError(
                f"expected schema {SCHEMA} with {', '.join(DAY_FIELDS)}; missing: {missing}"
            )
        texts = tuple(Horoscope(**{name: text[name] for name in TEXT_FIELDS}) for text in document["texts"])
        _check_day(document, texts, day)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, CorruptDayError):
            raise
        raise CorruptDayError(f"not a day's document: {type(error).__name__}: {error}") from error
    return Day(date=day, horoscopes=texts, **{name: document[name] for name in DAY_FIELDS[1:-1]})


def _check_day(document: dict[str, Any], texts: Iterable[Horoscope], day: dt.date) -> None:
    if document["date"] != day.isoformat():
        raise CorruptDayError(f"expected texts for {day}, found texts for {document['date']!r}")
    if document["status"] not in STATUSES or not isinstance(document["model"], dict):
        raise CorruptDayError(f"expected a status of {STATUSES} and a model, found {document['status']!r}")
    cells = {(text.sign, text.topic) for text in texts if isinstance(text.text, str) and text.text.strip()}
    topics = {text.topic for text in texts}
    missing = sorted(
        f"{sign.slug}/{topic}" for sign in SIGNS for topic in topics if (sign.slug, topic) not in cells
    )
    if not topics or missing:
        raise CorruptDayError(f"expected 12 signs for each topic, missing: {', '.join(missing) or 'all'}")
    if strangers := sorted({text.sign for text in texts} - BY_SLUG.keys()):
        raise CorruptDayError(f"unknown signs: {', '.join(strangers)}")


def read_day(root: str, day: dt.date) -> Day | None:
    """The published day, None if there is none; `CorruptDayError` if its file is damaged."""
    try:
        with fsspec.open(day_path(root, day), "rb") as file:
            return parse_day(file.read(), day)
    except FileNotFoundError:
        return None


def _day_of_file(path: str) -> dt.date | None:
    match = DAY_FILE.search(path)
    try:
        return dt.date.fromisoformat(match[1]) if match else None
    except ValueError:  # a folder such as date=2026-13-45 is nobody's day
        return None


class PublishedDays:
    """The newest published days, in memory. `refresh` follows storage; what cannot be read stays."""

    def __init__(self, root: str, kept_days: int = 40) -> None:
        self.root = root
        self.kept_days = kept_days
        self.version = 0
        """Changes whenever any kept day changes."""
        self.faults: dict[str, str] = {"storage": "not read yet"}
        """What is wrong now: `storage` or an ISO date → one-line reason; empty when all is well."""
        self._days: dict[dt.date, Day] = {}
        self._seen: dict[dt.date, str] = {}

    def get(self, day: dt.date) -> Day | None:
        return self._days.get(day)

    @property
    def dates(self) -> list[dt.date]:
        """Kept dates, oldest first."""
        return sorted(self._days)

    def refresh(self) -> None:
        """Read what changed since the last call. Never raises for storage's sake: see `faults`."""
        try:
            marks = self._list_days()
        except Exception as error:  # noqa: BLE001 - each backend has its own exceptions; all mean "no storage now"
            self.faults = {**self.faults, "storage": f"{type(error).__name__}: {error}"[:200]}
            return
        self.faults = {name: reason for name, reason in self.faults.items() if name in map(str, marks)}
        for day in sorted(self._days.keys() - marks.keys()):
            self._read(day, "")  # a folder that could not be listed looks like one that is empty
        for day in sorted(marks):
            if self._seen.get(day) != marks[day] or str(day) in self.faults:
                self._read(day, marks[day])
        for day in self.dates[: -self.kept_days]:
            self._forget(day)

    def refresh_within(self, timeout_s: float = 5.0) -> None:
        """The first read of a program that must start even when storage hangs."""
        first = threading.Thread(target=self.refresh, daemon=True)
        first.start()
        first.join(timeout_s)

    def follow(self, refresh_s: float, stop: threading.Event) -> None:
        """Refresh until told to stop, in a thread of its own: a storage that hangs must not hang readers."""
        faults: dict[str, str] = {}
        while not stop.wait(refresh_s):
            self.refresh()
            if self.faults != faults:
                faults = self.faults
                log.warning("storage", faults=faults, days=len(self.dates))

    def _list_days(self) -> dict[dt.date, str]:
        """Newest `kept_days` dates with a mark that changes when the file does."""
        fs, path = fsspec.url_to_fs(f"{self.root.rstrip('/')}/published")
        fs.invalidate_cache()
        found: dict[dt.date, str] = {}
        for name, info in fs.find(path, detail=True).items():
            if day := _day_of_file(name):
                mark = info.get("ETag") or (info.get("mtime"), info.get("size"), info.get("ino"))
                found[day] = str(mark)
        if not found and self._days and not fs.exists(path):
            raise FileNotFoundError(f"{path} has gone")
        return {day: found[day] for day in sorted(found)[-self.kept_days :]}

    def _read(self, day: dt.date, mark: str) -> None:
        try:
            read = read_day(self.root, day)
        except Exception as error:  # noqa: BLE001 - see refresh; a corrupt day and a failed read are told alike
            self.faults = {**self.faults, str(day): f"{type(error).__name__}: {error}"[:200]}
            return
        if read is not None:
            self.faults = {name: reason for name, reason in self.faults.items() if name != str(day)}
            self._days[day], self._seen[day] = read, mark
            self.version += 1
        elif day in self._days:
            self._forget(day)

    def _forget(self, day: dt.date) -> None:
        del self._days[day], self._seen[day]
        self.version += 1
