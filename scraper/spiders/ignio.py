"""ignio.com: an XML export a topic, with yesterday to the day after tomorrow for all signs in one file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from scraper.base import HoroscopeSpider, Page
from scraper.strategies import XmlDays

FILES = {
    "general": "com", "erotic": "ero", "anti": "anti", "business": "bus",
    "health": "hea", "cook": "cook", "love": "lov", "mobile": "mob",
}  # fmt: skip


class IgnioSpider(HoroscopeSpider):
    """The file says itself which date is its `today`; one report says that the export has ended."""

    name = "ignio"
    reach = (-1, 0, 1, 2)
    strategies = (XmlDays("xml"),)

    def pages(self, day: dt.date, ahead: int) -> Iterator[Page]:
        for topic, file in FILES.items():
            path = f"/r/export/utf/xml/daily/{file}.xml"
            yield Page(f"https://ignio.com{path}", topic=topic, instead=(f"https://img.ignio.com{path}",))
