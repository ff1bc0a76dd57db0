"""74.ru, a regional news portal: all twelve signs on one page. Its sisters (e1.ru, ngs.ru, chita.ru) show
the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scraper.base import TODAY, TOMORROW, HoroscopeSpider, Page
from scraper.strategies import Blocks, Headings

SISTERS = ("www.e1.ru", "ngs.ru", "www.chita.ru")


class Ru74Spider(HoroscopeSpider):
    """Headings «Гороскоп для Овнов» have outlived three generations of class names."""

    name = "ru74"
    reach = (TODAY, TOMORROW)
    dated_by = ("near:Прогноз на",)
    strategies = (
        Headings("headings", containing="гороскоп для"),
        Headings("headings-bare"),
        Blocks("classes-2024", ".forecastBlock_on0yT", sign="h2", text="p"),
        Blocks("classes-2022", "section article", sign="h3", text="div:last-child"),
    )

    def pages(self, day: dt.date, ahead: int) -> Iterator[Page]:
        path = f"/horoscope/{'tomorrow' if ahead == TOMORROW else 'daily'}/"
        yield Page("https://74.ru" + path, instead=tuple(f"https://{host}{path}" for host in SISTERS))
