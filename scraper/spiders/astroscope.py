"""astroscope.ru: a page a sign, with a printed date. Its header mis-states the encoding, which base.py
mends.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scraper.base import HoroscopeSpider, Page
from scraper.items import SIGNS
from scraper.strategies import Article, Headings

_HEADING = "//*[self::h1 or self::h2 or self::h3][contains(., 'ороскоп') and contains(., 'на сегодня')]"


class AstroscopeSpider(HoroscopeSpider):
    """Addresses of the sign pages are the English names; the index only repeats them."""

    name = "astroscope"
    dated_by = (f"({_HEADING})[last()]/following::*[contains(text(), '.20')][1]",)
    strategies = (
        Headings("heading", containing="на сегодня", first=True),
        Article("classes-2018", "p.p-3", first=True),
    )

    def pages(self, day: dt.date, ahead: int) -> Iterator[Page]:
        for sign in SIGNS:
            yield Page(f"https://astroscope.ru/horoskop/ejednevniy_goroskop/{sign}.html", sign)
