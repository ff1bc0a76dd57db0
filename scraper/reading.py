"""From a page to items: a response and what the page must hold come in, items or the page's faults go out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from scrapy.http import Response, TextResponse

from scraper.days import PrintedDate, printed_dates, utc_instant
from scraper.items import SIGNS, HoroscopeItem
from scraper.loaders import HoroscopeLoader
from scraper.page_faults import disguise, is_cut_short
from scraper.page_tree import rightly_decoded
from scraper.processors import is_horoscope_text, node_text
from scraper.signs import sign_in
from scraper.strategies import Found, Strategy, select, words_at


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


class PageReader:
    """What a site's pages look like, and how they are read. Spiders state the attributes."""

    name: str
    strategies: tuple[Strategy, ...] = ()
    """In the order of trust."""
    dated_by: tuple[str, ...] = ()
    """Where the page prints its date: CSS, XPath, or `near:words`; empty: the site prints none."""
    titled_by: str = "h1"
    """Where a page about one sign names it, so that a page swapped for another sign's is noticed."""
    in_zodiac_order = True
    """Whether a page of all signs lists them as the year goes, from whichever sign: labels that were swapped
    show so where no text names its sign.
    """
    period = "day"
    language = "ru"

    def items_of(self, response: Response, page: Page, day: dt.date) -> tuple[list[HoroscopeItem], list[str]]:
        """Items for `day`, and what is wrong with the page."""
        if not isinstance(response, TextResponse):
            return [], [
                f"{page.url}: expected text, found {response.headers.get('Content-Type', b'nothing')!r}"
            ]
        response = rightly_decoded(response)
        strategy, found = self.best(response, page, day)
        printed = self.page_date(response, day)
        faults = list(self.page_faults(response, page, day, found, printed))
        if faults:
            return [], [f"{page.url}: {fault}" for fault in faults]
        words = printed.words if printed else ""
        loader = HoroscopeLoader()  # one for all: making it is most of its cost
        fetched_at = utc_instant()
        return [
            HoroscopeItem(
                date=day.isoformat(), sign=piece.sign or page.sign or "", topic=page.topic,
                period=self.period, language=self.language, text=text_of(loader, piece), source=self.name,
                url=page.url, printed_date=own_date(piece, day) or words, strategy=strategy,
                fetched_at=fetched_at,
            )
            for piece in found
        ], []  # fmt: skip

    def page_faults(
        self,
        response: TextResponse,
        page: Page,
        day: dt.date,
        found: list[Found],
        printed: PrintedDate | None,
    ) -> Iterator[str]:
        """A challenge, a page cut short, for another day, about another sign, or with its labels mixed up."""
        if not found:
            tried = ", ".join(strategy.name for strategy in self.strategies)
            what = disguise(response) or self.other_days(response, day)
            what = what or f"none by {tried}; see python -m scraper.doctor"
            yield f"expected horoscopes for {day}, found {what}"
        if found and is_cut_short(response):
            yield "expected a whole page, found one cut short"
        if printed and printed.day != day:
            yield f"expected a page for {day}, found {printed.words!r}"
        if found and self.dated_by and not printed:
            yield "expected a printed date, found none; see python -m scraper.doctor"
        title = sign_in(" ".join(map(node_text, select(response, self.titled_by)))) if page.sign else None
        if title and title != page.sign:
            yield f"expected {page.sign}, found a page titled {title}"
        order = list(dict.fromkeys(piece.sign for piece in found if piece.sign))
        if self.in_zodiac_order and not is_zodiac_order(order):
            yield f"expected signs in the zodiac's order, found {' '.join(order)}; labels may be swapped"

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
            everything = [
                piece._replace(pieces=[*map(node_text, piece.pieces)]) for piece in strategy.find(response)
            ]
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
        return is_horoscope_text(" ".join(found.pieces).strip())


def is_zodiac_order(signs: Sequence[str]) -> bool:
    """From any sign on, at most once around; signs may be missing."""
    places = [SIGNS.index(sign) for sign in signs]
    return sum(before > after for before, after in zip(places, places[1:] + places[:1], strict=True)) <= 1


def text_of(loader: HoroscopeLoader, found: Found) -> str:
    """What the page says goes through the loader; what we know is written beside it."""
    loader.replace_value("text", found.pieces)
    return loader.get_output_value("text") or ""


def own_date(found: Found, day: dt.date) -> str:
    """The date that stands beside this very text, in the page's words; empty if none does."""
    return next((date.words for date in printed_dates(found.printed, near=day)), "") if found.printed else ""
