"""gadalkindom.ru: a page a sign and topic, with seven dated texts from today on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scraper.base import HoroscopeSpider, Page
from scraper.items import SIGNS
from scraper.strategies import DatedTexts

SLUGS = (
    "oven", "telets", "bliznetsy", "rak", "lev", "deva",
    "vesy", "skorpion", "strelets", "kozerog", "vodolej", "ryby",
)  # fmt: skip
TOPICS = {
    "general": "", "love": "-lyubovnyj", "finance": "-finansovyj",
    "man": "-muzhchina", "woman": "-zhenshchina",
}  # fmt: skip


class GadalkinDomSpider(HoroscopeSpider):
    """Each text stands after its own date, so the right day is taken whatever window the page shows."""

    name = "gadalkindom"
    reach = tuple(range(7))
    strategies = (DatedTexts("dated", "i.sprl"), DatedTexts("dated-any", ".textp i, .textp b, .textp strong"))

    def pages(self, day: dt.date, ahead: int) -> Iterator[Page]:
        for sign, slug in zip(SIGNS, SLUGS, strict=True):
            for topic, infix in TOPICS.items():
                yield Page(f"https://gadalkindom.ru/goroskop/nedelya/{slug}{infix}-nedelya.html", sign, topic)
