"""7days.ru, a magazine: a page a sign for today, which prints no date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scraper.base import HoroscopeSpider, Page
from scraper.items import SIGNS
from scraper.strategies import Article


class SevenDaysSpider(HoroscopeSpider):
    """One class name is all that is known of its design."""

    name = "sevendays"
    strategies = (Article("content", ".horoscope-7days__content_text"),)

    def pages(self, day: dt.date, ahead: int) -> Iterator[Page]:
        for sign in SIGNS:
            yield Page(f"https://7days.ru/astro/horoscope/{sign}/today", sign)
