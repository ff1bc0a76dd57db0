"""hyrax.ru: an RSS feed a topic with an item a sign; its encoding is declared now right, now wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scraper.base import HoroscopeSpider, Page
from scraper.strategies import RssItems

FEEDS = {"general": "bn", "love": "love", "mobile": "mob", "cook": "cook"}


class HyraxSpider(HoroscopeSpider):
    """The first item of the general feed is the day of the moon; it names no sign, so it falls away."""

    name = "hyrax"
    strategies = (RssItems("rss"),)

    def pages(self, day: dt.date, ahead: int) -> Iterator[Page]:
        for topic, feed in FEEDS.items():
            yield Page(f"http://www.hyrax.ru/cgi-bin/{feed}_xml.cgi", topic=topic)
