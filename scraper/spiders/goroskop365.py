"""goroskop365.ru: a page a sign and topic, today and tomorrow, with a printed date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scraper.base import TODAY, TOMORROW, HoroscopeSpider, Page
from scraper.items import SIGNS
from scraper.strategies import Article

TOPICS = {"general": "", "love": "lyubov/", "business": "biznes/"}


class Goroskop365Spider(HoroscopeSpider):
    """The first paragraph of the bordered box is the text."""

    name = "goroskop365"
    reach = (TODAY, TOMORROW)
    dated_by = ("div.date", "h1")
    strategies = (Article("box", ".content_wrapper.horoborder > p", first=True),)

    def pages(self, day: dt.date, ahead: int) -> Iterator[Page]:
        tomorrow = "zavtra/" if ahead == TOMORROW else ""
        for sign in SIGNS:
            for topic, path in TOPICS.items():
                yield Page(f"https://goroskop365.ru/{tomorrow}{path}{sign}/", sign, topic)
