"""retrofm.ru, a radio station: all twelve signs on one page, which prints no date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scraper.base import HoroscopeSpider, Page
from scraper.strategies import Blocks, Headings


class RetroFmSpider(HoroscopeSpider):
    """The first of thirteen boxes is no sign; it names none, so it falls away."""

    name = "retrofm"
    strategies = (
        Blocks("boxes", ".horoscope_list .text_box", sign="h6"),
        Headings("headings"),
    )

    def pages(self, day: dt.date, ahead: int) -> Iterator[Page]:
        yield Page("https://retrofm.ru/goroskop")
