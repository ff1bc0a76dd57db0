"""74.ru, a regional news portal: all twelve signs on one page. Its sisters (e1.ru, ngs.ru, chita.ru) show
the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scraper.base import HoroscopeSpider, Page
from scraper.strategies import Blocks, Headings


class Ru74Spider(HoroscopeSpider):
    """Headings «Гороскоп для Овнов» have outlived three generations of class names."""

    name = "ru74"
    reach = ("today", "tomorrow")
    dated_by = ("//*[not(self::script) and contains(text(), 'Прогноз на')]",)
    strategies = (
        Headings("headings", containing="гороскоп для"),
        Headings("headings-bare"),
        Blocks("classes-2024", ".forecastBlock_on0yT", sign="h2", text="p"),
        Blocks("classes-2022", "section article", sign="h3", text="div:last-child"),
    )

    def pages(self, day: dt.date, when: str) -> Iterator[Page]:
        yield Page(f"https://74.ru/horoscope/{'tomorrow' if when == 'tomorrow' else 'daily'}/")
