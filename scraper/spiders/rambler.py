"""horoscopes.rambler.ru: six topics by a JSON answer, the sign's page where that fails, and an archive from
2004.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scraper.base import TODAY, TOMORROW, WORDS, YESTERDAY, HoroscopeSpider, Page
from scraper.items import SIGNS
from scraper.strategies import Article, EmbeddedTexts, JsonTexts

SITE = "https://horoscopes.rambler.ru"
TOPICS = {
    "general": "general", "love": "love", "sex": "erotic", "career": "career", "woman": "woman", "man": "man",
}  # fmt: skip
"""The site's name → ours."""


class RamblerSpider(HoroscopeSpider):
    """Past days have a page a sign, general only."""

    name = "rambler"
    reach = (YESTERDAY, TODAY, TOMORROW)
    archive_from = dt.date(2004, 1, 1)
    strategies = (
        JsonTexts("json", "content.text[?type=='paragraph'].content", title="content.h1"),
        EmbeddedTexts(
            "embedded",
            r'"grabContent":\[\{"type":"paragraph","content":"(?P<text>(?:[^"\\]|\\.)*)"\}\],"date":"(?P<date>[^"]*)"',
        ),
        Article("microdata", "[itemprop=articleBody] p"),
    )

    def pages(self, day: dt.date, ahead: int) -> Iterator[Page]:
        if ahead not in self.reach:
            yield from (Page(f"{SITE}/{sign}/{day}/", sign) for sign in SIGNS)
            return
        for sign in SIGNS:
            for theirs, topic in TOPICS.items():
                html = "" if ahead == TODAY else f"{WORDS[ahead]}/"
                instead = (f"{SITE}/{sign}/{html}",) if topic == "general" else ()
                yield Page(
                    f"{SITE}/api/front/v3/horoscope/{theirs}/{sign}/{WORDS[ahead]}/", sign, topic, instead
                )
