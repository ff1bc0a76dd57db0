"""orakul.com: a page a sign and topic, yesterday to tomorrow, with a printed date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scraper.base import TODAY, TOMORROW, WORDS, YESTERDAY, HoroscopeSpider, Page
from scraper.items import SIGNS
from scraper.strategies import Article

TOPICS = {
    "general": "general", "love": "love", "family": "family", "career": "career", "health": "health",
    "tinager": "teen", "flirt": "flirt", "amigos": "friends",
}  # fmt: skip
"""The site's name → ours."""


class OrakulSpider(HoroscopeSpider):
    """Leo is `lion` in its addresses."""

    name = "orakul"
    reach = (YESTERDAY, TODAY, TOMORROW)
    dated_by = ("div.sm-descr",)
    strategies = (Article("block", "div.horoBlock p"),)

    def pages(self, day: dt.date, ahead: int) -> Iterator[Page]:
        for sign in SIGNS:
            slug = "lion" if sign == "leo" else sign
            for theirs, topic in TOPICS.items():
                yield Page(
                    f"https://orakul.com/horoscope/astrologic/{theirs}/{slug}/{WORDS[ahead]}.html",
                    sign,
                    topic,
                )
