"""my-calend.ru: all twelve signs on one page, which prints no date of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scraper.base import HoroscopeSpider, Page
from scraper.strategies import Blocks


class MyCalendSpider(HoroscopeSpider):
    """The last block of an item's description is the text, its link names the sign."""

    name = "mycalend"
    strategies = (
        Blocks(
            "items", "ul.goroskop-items > li", sign="a", text=".goroskop-items-description > div:last-child"
        ),
        Blocks("list", "ul > li", sign="a", text="div > div:last-child"),
    )

    def pages(self, day: dt.date, ahead: int) -> Iterator[Page]:
        yield Page("https://my-calend.ru/goroskop")
