"""astrostar.ru: a page a sign, today and tomorrow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scraper.base import TODAY, TOMORROW, HoroscopeSpider, Page
from scraper.items import SIGNS
from scraper.strategies import Article

SLUGS = (
    "oven", "telets", "bliznetsi", "rac", "lev", "deva",
    "vesy", "scorpion", "strelets", "kozerog", "vodoley", "riby",
)  # fmt: skip


class AstrostarSpider(HoroscopeSpider):
    """The first paragraph of the article is the text."""

    name = "astrostar"
    reach = (TODAY, TOMORROW)
    strategies = (Article("content", ".horoscopes-single-content p", first=True),)

    def pages(self, day: dt.date, ahead: int) -> Iterator[Page]:
        word = "tomorrow" if ahead == TOMORROW else "day"
        for sign, slug in zip(SIGNS, SLUGS, strict=True):
            yield Page(f"https://www.astrostar.ru/horoscopes/main/{slug}/{word}.html", sign)
