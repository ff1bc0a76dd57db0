"""What all spiders share: days to pages, a page to items. A spider of a site adds addresses and strategies
only.

A request comes from `pages`, its response goes through the first strategy that finds every sign the page
should hold, and items go to the pipelines. What was expected and what became of it is told to the `Ledger`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import inspect
from collections.abc import AsyncIterator, Iterator
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
from scraper.strategies import Found, Strategy, select

OFFSETS = {"yesterday": -1, "today": 0, "tomorrow": 1}
ARCHIVE = "archive"


class Page(NamedTuple):
    """One address to ask for, and what it must hold."""

    url: str
    sign: str | None = None
    """The one sign it is about; None: all twelve."""
    topic: str = "general"

    @property
    def signs(self) -> tuple[str, ...]:
        return (self.sign,) if self.sign else SIGNS


class HoroscopeSpider(scrapy.Spider):
    """Arguments: `-a date=DAY`, or `-a date_from=DAY -a date_to=DAY`, or `-a days=DAY,DAY,…`; today in
    Moscow if none.
    """

    reach: tuple[str, ...] = ("today",)
    """What the live site shows: names of OFFSETS, and ARCHIVE where any past day has an address."""
    strategies: tuple[Strategy, ...] = ()
    """In the order of trust."""
    dated_by: tuple[str, ...] = ()
    """CSS or XPath of elements that print the page's date; empty: the site prints none."""
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

    def pages(self, day: dt.date, when: str) -> Iterator[Page]:
        """Addresses that together hold the whole day; `when` is a name of OFFSETS, or ARCHIVE."""
        raise NotImplementedError

    def when(self, day: dt.date) -> str:
        """How this day is reached. In a snapshot archive every day is the `today` of its own snapshot.

        Raises:
            ValueError: the live site does not show that day any more, or not yet.
        """
        if self.settings.get("HOROSCOPE_SNAPSHOTS"):
            return "today"
        for name, offset in OFFSETS.items():
            if name in self.reach and (day - self.today).days == offset:
                return name
        if ARCHIVE in self.reach and day < self.today:
            return ARCHIVE
        raise ValueError(
            f"expected a day that {self.name} can show on {self.today} ({', '.join(self.reach)}), "
            f"found {day}, in the date; choose another day, or set HOROSCOPE_SNAPSHOTS to an archive of "
            "the site's earlier days"
        )

    async def start(self) -> AsyncIterator[Any]:
        ledger = self.ledger
        for day in self.days:
            try:
                pages = list(self.pages(day, self.when(day)))
            except ValueError as error:
                ledger.refuse(day, str(error))
                continue
            await ledger.room()
            ledger.open(day, {(sign, page.topic) for page in pages for sign in page.signs}, len(pages))
            for page in pages:
                yield scrapy.Request(
                    page.url, meta={"day": day, "page": page}, errback=self.page_failed, dont_filter=True
                )

    @property
    def ledger(self) -> Ledger:
        ledger = self.crawler.get_extension(Ledger)
        assert ledger is not None, "the extension scraper.ledger.Ledger is missing in the settings"
        return ledger

    def parse(self, response: Response) -> Iterator[HoroscopeItem]:
        day, page = response.meta["day"], response.meta["page"]
        items, faults = self.items_of(response, page, day)
        self.ledger.page_done(day, len(items), faults)
        yield from items

    def page_failed(self, failure: Failure) -> None:
        request = failure.request  # type: ignore[attr-defined]  # Scrapy adds it
        response = getattr(failure.value, "response", None)
        what = (
            f"status {response.status}"
            if response is not None
            else failure.getErrorMessage() or failure.type.__name__
        )
        self.ledger.page_done(request.meta["day"], 0, [f"{request.url}: expected a page, found {what}"])

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
            for part in select(response, query):
                for date in printed_dates(node_text(part), near=day):
                    return date
        return None

    def best(self, response: TextResponse, page: Page, day: dt.date) -> tuple[str, list[Found]]:
        """The first strategy that finds every sign of the page, else the one that finds most."""
        most: tuple[str, list[Found]] = ("", [])
        for strategy in self.strategies:
            found = [piece for piece in strategy.find(response) if self.is_wanted(piece, page, day)]
            if len(found) > len(most[1]):
                most = (strategy.name, found)
            if {piece.sign or page.sign for piece in found} >= set(page.signs):
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
        loader = HoroscopeLoader()
        loader.add_value("text", found.pieces)
        words = [date.words for date in printed_dates(found.printed, near=day)]
        values = {
            "date": day.isoformat(), "sign": found.sign or page.sign, "topic": page.topic,
            "period": self.period, "language": self.language, "source": self.name, "url": page.url,
            "strategy": strategy, "printed_date": words[0] if words else printed, "fetched_at": utc_instant(),
        }  # fmt: skip
        for column, value in values.items():
            loader.add_value(column, value)
        return loader.load_item()


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
