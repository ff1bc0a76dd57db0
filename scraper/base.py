"""What all spiders share: days to pages, a page to items. A spider of a site adds addresses and strategies
only.

A request comes from `pages`, its response goes through the first strategy that finds every sign the page
should hold, and items go to the pipelines. What was expected and what became of it is told to the `Ledger`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import inspect
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import scrapy
from scrapy.crawler import Crawler
from scrapy.http import Response, TextResponse
from twisted.python.failure import Failure

from scraper.days import PrintedDate, day_range, moscow_today, parse_day, printed_dates, utc_instant
from scraper.items import SIGNS, HoroscopeItem
from scraper.ledger import Ledger
from scraper.loaders import HoroscopeLoader
from scraper.page_faults import disguise, is_cut_short
from scraper.processors import is_horoscope_text, node_text
from scraper.signs import sign_in
from scraper.sources import permissions
from scraper.strategies import Found, Strategy, select, words_at

YESTERDAY, TODAY, TOMORROW = -1, 0, 1
WORDS = {YESTERDAY: "yesterday", TODAY: "today", TOMORROW: "tomorrow"}
"""As most sites call the days in their addresses."""


class Page(NamedTuple):
    """One address to ask for, and what it must hold."""

    url: str
    sign: str | None = None
    """The one sign it is about; None: all twelve."""
    topic: str = "general"
    instead: tuple[str, ...] = ()
    """Addresses of the same horoscopes, asked in turn where this one fails."""

    @property
    def signs(self) -> tuple[str, ...]:
        return (self.sign,) if self.sign else SIGNS


class HoroscopeSpider(scrapy.Spider):
    """Arguments: `-a date=DAY`, or `-a date_from=DAY -a date_to=DAY`, or `-a days=DAY,DAY,…`; today in
    Moscow if none.
    """

    reach: tuple[int, ...] = (TODAY,)
    """Days that the live site shows, counted from today."""
    archive_from: dt.date | None = None
    """The first day that has an address of its own; None: the site keeps no archive."""
    strategies: tuple[Strategy, ...] = ()
    """In the order of trust."""
    dated_by: tuple[str, ...] = ()
    """Where the page prints its date: CSS, XPath, or `near:words`; empty: the site prints none."""
    titled_by: str = "h1"
    """Where a page about one sign names it, so that a page swapped for another sign's is noticed."""
    period = "day"
    language = "ru"

    def __init__(self, *, days: list[dt.date], today: dt.date, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.days = days
        self.today = today
        self.spider_version = hashlib.sha256(Path(inspect.getfile(type(self))).read_bytes()).hexdigest()[:8]

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **arguments: str) -> HoroscopeSpider:
        today = parse_day(arguments.pop("today", "today"), moscow_today())
        days = days_asked(arguments, today)
        return super().from_crawler(crawler, *args, days=days, today=today, **arguments)

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
        return scrapy.Request(page.url, meta=meta, errback=self.page_failed, dont_filter=True)

    @property
    def ledger(self) -> Ledger:
        ledger = self.crawler.get_extension(Ledger)
        assert ledger is not None, "the extension scraper.ledger.Ledger is missing in the settings"
        return ledger

    def parse(self, response: Response) -> Iterator[HoroscopeItem | scrapy.Request]:
        self.answered(response.meta, str(response.status))
        items, faults = self.items_of(response, response.meta["page"], response.meta["day"])
        if faults:
            yield from self.fault(response.meta, faults)
            return
        self.ledger.page_done(response.meta["day"], len(items), warnings=response.meta["faults"])
        yield from items

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
            self.ledger.page_done(meta["day"], 0, faults)

    def items_of(self, response: Response, page: Page, day: dt.date) -> tuple[list[HoroscopeItem], list[str]]:
        """Items for `day`, and what is wrong with the page."""
        if not isinstance(response, TextResponse):
            return [], [
                f"{page.url}: expected text, found {response.headers.get('Content-Type', b'nothing')!r}"
            ]
        response = rightly_decoded(response)
        strategy, found = self.best(response, page, day)
        faults = list(self.page_faults(response, page, day, bool(found)))
        if faults:
            return [], [f"{page.url}: {fault}" for fault in faults]
        printed = self.page_date(response, day)
        words = printed.words if printed else ""
        return [self.load(piece, page, day, strategy, words) for piece in found], []

    def page_faults(self, response: TextResponse, page: Page, day: dt.date, found: bool) -> Iterator[str]:
        """A challenge, a page cut short, for another day, or about another sign."""
        if not found:
            tried = ", ".join(strategy.name for strategy in self.strategies)
            what = disguise(response) or self.other_days(response, day)
            what = what or f"none by {tried}; see python -m scraper.doctor"
            yield f"expected horoscopes for {day}, found {what}"
        if found and is_cut_short(response):
            yield "expected a whole page, found one cut short"
        printed = self.page_date(response, day)
        if printed and printed.day != day:
            yield f"expected a page for {day}, found {printed.words!r}"
        if found and self.dated_by and not printed:
            yield "expected a printed date, found none; see python -m scraper.doctor"
        title = sign_in(" ".join(map(node_text, select(response, self.titled_by)))) if page.sign else None
        if title and title != page.sign:
            yield f"expected {page.sign}, found a page titled {title}"

    def other_days(self, response: TextResponse, day: dt.date) -> str | None:
        """On a page of several days: which days it has, if that is what is wrong with it."""
        printed = [found.printed for strategy in self.strategies for found in strategy.find(response)]
        days = sorted(date.day for words in printed for date in printed_dates(words, near=day))
        return f"texts for {days[0]} … {days[-1]}" if days else None

    def page_date(self, response: TextResponse, day: dt.date) -> PrintedDate | None:
        """The first date in the first place that prints one: others on the page tell when it was updated."""
        for query in self.dated_by:
            for words in words_at(response, query):
                for date in printed_dates(words, near=day):
                    return date
        return None

    def best(self, response: TextResponse, page: Page, day: dt.date) -> tuple[str, list[Found]]:
        """The first strategy that finds every sign of the page, else the one that finds most.

        Texts that are dated, none of them for this day, end the search: a way blind to dates would take them.
        """
        most: tuple[str, list[Found]] = ("", [])
        for strategy in self.strategies:
            everything = list(strategy.find(response))
            found = [piece for piece in everything if self.is_wanted(piece, page, day)]
            if len(found) > len(most[1]):
                most = (strategy.name, found)
            signs = {piece.sign or page.sign for piece in found}
            if signs >= set(page.signs) or (not found and any(piece.printed for piece in everything)):
                break
        return most

    def is_wanted(self, found: Found, page: Page, day: dt.date) -> bool:
        """A text, of a sign that this page should hold, for this day."""
        if (found.sign or page.sign) not in page.signs:
            return False
        if found.printed and day not in {date.day for date in printed_dates(found.printed, near=day)}:
            return False
        return is_horoscope_text(" ".join(map(node_text, found.pieces)).strip())

    def load(self, found: Found, page: Page, day: dt.date, strategy: str, printed: str) -> HoroscopeItem:
        """What the page says goes through the loader; what we know is written beside it."""
        loader = HoroscopeLoader()
        loader.add_value("text", found.pieces)
        words = [date.words for date in printed_dates(found.printed, near=day)]
        loader.add_value("printed_date", words[0] if words else printed)
        return HoroscopeItem(
            date=day.isoformat(), sign=found.sign or page.sign or "", topic=page.topic, period=self.period,
            language=self.language, source=self.name, url=page.url, strategy=strategy,
            fetched_at=utc_instant(), **loader.load_item(),
        )  # fmt: skip


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


def rightly_decoded(response: TextResponse) -> TextResponse:
    """What decodes as UTF-8 is UTF-8 whatever the server declares: Russian in windows-1251 never does."""
    if response.encoding == "utf-8":
        return response
    try:
        response.body.decode("utf-8")
    except UnicodeDecodeError:
        return response
    return response.replace(encoding="utf-8")
