"""globalmsk.ru, one of a network of city portals: a page a sign, numbered in an order of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scraper.base import TODAY, TOMORROW, WORDS, HoroscopeSpider, Page
from scraper.items import SIGNS
from scraper.strategies import Article

NUMBERS = (3, 5, 7, 8, 1, 2, 6, 4, 12, 9, 10, 11)
SISTERS = ("global38.ru", "global71.ru")


class GlobalMskSpider(HoroscopeSpider):
    """The head of each page prints its date: «СЕГОДНЯ 22 мая 2025»."""

    name = "globalmsk"
    reach = (TODAY, TOMORROW)
    dated_by = ("near:СЕГОДНЯ",)
    strategies = (Article("text", ".horoscope_text"),)

    def pages(self, day: dt.date, ahead: int) -> Iterator[Page]:
        for sign, number in zip(SIGNS, NUMBERS, strict=True):
            path = f"/horoscope/{WORDS[ahead]}/{number}"
            yield Page(
                "https://globalmsk.ru" + path,
                sign,
                instead=tuple(f"https://{host}{path}" for host in SISTERS),
            )
