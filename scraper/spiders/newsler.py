"""newsler.ru, a news site: a page a topic, all twelve signs on each, no printed date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scraper.base import HoroscopeSpider, Page
from scraper.strategies import Blocks

SPECIAL_TOPICS = ("erotic", "anti", "business", "health", "cook", "love", "mobile")


class NewslerSpider(HoroscopeSpider):
    """Eight topics of short texts, the same set as the ignio.com export."""

    name = "newsler"
    strategies = (
        Blocks("blocks", ".horoscope-block", sign=".t", text=".text"),
        Blocks("columns", ".horoscope-row > *", sign=".ico", text=".text"),
    )

    def pages(self, day: dt.date, ahead: int) -> Iterator[Page]:
        yield Page("https://www.newsler.ru/horoscope")
        for topic in SPECIAL_TOPICS:
            yield Page(f"https://www.newsler.ru/horoscope/{topic}", topic=topic)
