"""What all spiders share: which days are asked for, where, and what becomes of each answer.

A spider of a site adds addresses and ways to read them (scraper.reading). Requests come from `pages`, items
go to the pipelines; what was expected and what became of it is told to the `Ledger`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import inspect
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import scrapy
from scrapy.crawler import Crawler
from scrapy.http import Response
from twisted.python.failure import Failure

from scraper.days import day_range, moscow_today, parse_day
from scraper.items import HoroscopeItem, PageRows
from scraper.kept_pages import kept_ahead
from scraper.ledger import Ledger
from scraper.reading import Page, PageReader
from scraper.sources import permissions

YESTERDAY, TODAY, TOMORROW = -1, 0, 1
WORDS = {YESTERDAY: "yesterday", TODAY: "today", TOMORROW: "tomorrow"}
"""As most sites call the days in their addresses."""


class HoroscopeSpider(PageReader, scrapy.Spider):
    """Arguments: `-a date=DAY`, or `-a date_from=DAY -a date_to=DAY`, or `-a days=DAY,DAY,…`; today in
    Moscow if none.
    """

    reach: tuple[int, ...] = (TODAY,)
    """Days that the live site shows, counted from today."""
    archive_from: dt.date | None = None
    """The first day that has an address of its own; None: the site keeps no archive."""

    def __init__(
        self, *, days: list[dt.date], today: dt.date, began: dt.date | None = None, **arguments: Any
    ) -> None:
        super().__init__(**arguments)
        self.days = days
        self.asked = frozenset(days)
        self.today = today
        self.began = began or today
        self.spider_version = hashlib.sha256(Path(inspect.getfile(type(self))).read_bytes()).hexdigest()[:8]

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **arguments: str) -> HoroscopeSpider:
        now = moscow_today()
        today, began = (parse_day(arguments.pop(name, "today"), now) for name in ("today", "began"))
        days = days_asked(arguments, today)
        return super().from_crawler(crawler, *args, days=days, today=today, began=began, **arguments)

    def pages(self, day: dt.date, ahead: int) -> Iterator[Page]:
        """Addresses that together hold the whole day, which lies `ahead` days after the site's today."""
        raise NotImplementedError

    @classmethod
    def shows(cls, day: dt.date, today: dt.date) -> bool:
        """Whether the live site shows that day."""
        in_archive = cls.archive_from is not None and cls.archive_from <= day < today
        return in_archive or (day - today).days in cls.reach

    def ahead(self, day: dt.date) -> int:
        """How far the day is from the site's today. In an archive of snapshots each day is its own today.

        Raises:
            ValueError: the live site does not show that day any more, or not yet.
        """
        kept = self.settings.get("HOROSCOPE_READ_PAGES")
        if kept:
            return kept_ahead(Path(kept), self.name, day)
        if self.settings.get("HOROSCOPE_SNAPSHOTS"):
            return TODAY
        if self.shows(day, self.today):
            return (day - self.today).days
        days = ", ".join(str(self.today + dt.timedelta(days=offset)) for offset in self.reach)
        archive = f", {self.archive_from} and later" if self.archive_from else ""
        raise ValueError(
            f"expected a day that {self.name} shows today ({days}{archive}), found {day}, in the date; "
            "choose another day, or set HOROSCOPE_SNAPSHOTS to an archive of the site's earlier days"
        )

    async def start(self) -> AsyncIterator[Any]:
        ledger = self.ledger
        for day in self.days:
            try:
                self.require_permission()
                pages = list(self.pages(day, self.ahead(day)))
            except ValueError as error:
                ledger.refuse(day, str(error))
                continue
            await ledger.room()
            ledger.open(day, {(sign, page.topic) for page in pages for sign in page.signs}, len(pages))
            for page in pages:
                yield self.request(page, day)

    def names_day(self, day: dt.date) -> bool:
        """Whether the address of a page of that day names the day, as an archive's do."""
        return day < self.today and (day - self.today).days not in self.reach

    def require_permission(self) -> None:
        """Raises ValueError where sources.yaml forbids to ask the live site."""
        if self.settings.get("HOROSCOPE_SNAPSHOTS"):
            return
        permission = permissions().get(self.name)
        if permission is None or not permission.allowed:
            raise ValueError(
                f"expected an allowed source, found {self.name}, in scraper/sources.yaml; review it first"
            )

    def request(self, page: Page, day: dt.date, faults: Sequence[str] = ()) -> scrapy.Request:
        """`faults`: what was wrong with the addresses asked before this one."""
        meta = {"day": day, "page": page, "faults": list(faults)}
        if self.names_day(day):
            meta["dont_cache"] = True  # a page of an archive is asked for once: 80,000 of them fill a disk
        return scrapy.Request(page.url, meta=meta, errback=self.page_failed, dont_filter=True)

    @property
    def ledger(self) -> Ledger:
        ledger = self.crawler.get_extension(Ledger)
        assert ledger is not None, "the extension scraper.ledger.Ledger is missing in the settings"
        return ledger

    def parse(self, response: Response) -> Iterator[PageRows | scrapy.Request]:
        self.answered(response.meta, str(response.status))
        items, faults = self.items_of(response, response.meta["page"], response.meta["day"])
        faults = faults or self.midnight_faults(response, items)
        if faults:
            yield from self.fault(response.meta, faults)
            return
        self.ledger.warn(response.meta["day"], response.meta["faults"])
        yield PageRows(response.meta["day"], items)

    def midnight_faults(self, response: Response, items: Sequence[HoroscopeItem]) -> list[str]:
        """A page that prints no date is dated by the clock."""
        if not self.day_has_turned(response.meta["day"]) or any(item.printed_date for item in items):
            return []
        return [
            f"{response.meta['page'].url}: expected an answer while it is {self.began} in Moscow, "
            f"found that it is {moscow_today()} and that the page prints no date; collect again"
        ]

    def day_has_turned(self, day: dt.date) -> bool:
        """Whether an answer for that day may by now be the next day's, unless its address names the day."""
        is_live = not (self.settings.get("HOROSCOPE_SNAPSHOTS") or self.settings.get("HOROSCOPE_READ_PAGES"))
        return is_live and not self.names_day(day) and moscow_today() != self.began

    def page_failed(self, failure: Failure) -> Iterator[scrapy.Request]:
        request = failure.request  # type: ignore[attr-defined]  # Scrapy adds it
        response = getattr(failure.value, "response", None)
        self.answered(request.meta, "none" if response is None else str(response.status))
        error = failure.getErrorMessage() or failure.type.__name__
        what = f"status {response.status}" if response is not None else error
        yield from self.fault(request.meta, [f"{request.meta['page'].url}: expected a page, found {what}"])

    def answered(self, meta: dict[str, Any], status: str) -> None:
        self.ledger.page_answered(meta["day"], status, meta.get("download_latency", 0.0))

    def fault(self, meta: dict[str, Any], faults: list[str]) -> Iterator[scrapy.Request]:
        """Ask the next address that has the same horoscopes; where there is none, the page has failed."""
        page, faults = meta["page"], meta["faults"] + faults
        if page.instead:
            page = page._replace(url=page.instead[0], instead=page.instead[1:])
            yield self.request(page, meta["day"], faults)
        else:
            self.ledger.page_done(meta["day"], faults)


def days_asked(arguments: dict[str, str], today: dt.date) -> list[dt.date]:
    """Takes the spider's day arguments out of `arguments`.

    Raises:
        ValueError: a day is no day, or the arguments contradict each other; the message is for the user.
    """
    asked = {
        name: arguments.pop(name) for name in ("date", "date_from", "date_to", "days") if name in arguments
    }
    if len(asked.keys() & {"date", "days"}) + bool(asked.keys() & {"date_from", "date_to"}) > 1:
        raise ValueError(
            f"expected date, or date_from and date_to, or days, found {' and '.join(asked)}, in -a; give one"
        )
    if "days" in asked:
        return sorted({parse_day(word, today) for word in asked["days"].split(",")})
    if "date" in asked or not asked:
        return [parse_day(asked.get("date", "today"), today)]
    if len(asked) < 2:
        raise ValueError(
            f"expected date_from and date_to together, found only {next(iter(asked))}, in -a; give both"
        )
    return day_range(parse_day(asked["date_from"], today), parse_day(asked["date_to"], today))
