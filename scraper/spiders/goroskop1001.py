"""1001goroskop.ru: a page a sign for today and tomorrow, and one for the calendar week with dated texts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scraper.base import TODAY, TOMORROW, HoroscopeSpider, Page
from scraper.items import SIGNS
from scraper.strategies import Article, DatedTexts

SITE = "https://1001goroskop.ru"
_TEXT = ".//p[string-length(normalize-space()) > 40]"
"""A day's page has one; several are a week whose dates were not recognised."""


class Goroskop1001Spider(HoroscopeSpider):
    """The week's page stands in where the day's fails."""

    name = "goroskop1001"
    reach = (TODAY, TOMORROW)
    titled_by = "h1[itemprop=name], h1"
    strategies = (
        DatedTexts("week", "[itemprop=description] .date"),
        Article("microdata", f"//*[@itemprop='description'][count({_TEXT}) = 1]{_TEXT[1:]}"),
    )

    def pages(self, day: dt.date, ahead: int) -> Iterator[Page]:
        for sign in SIGNS:
            tomorrow = "&kn=tomorrow" if ahead == TOMORROW else ""
            yield Page(f"{SITE}/?znak={sign}{tomorrow}", sign, instead=(f"{SITE}/?znak={sign}&kn=week",))
