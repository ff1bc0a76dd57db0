"""A cell is written once a run: the same row again, or a second text for a cell that has one, is dropped and
counted.
"""

from __future__ import annotations

from scrapy.crawler import Crawler

from scraper.items import HoroscopeItem
from scraper.ledger import DayAccount, Dropped, day_complete


class DuplicatesInRun:
    """Stage three. Remembers a day only while it is open, so that a long backfill does not grow."""

    def __init__(self) -> None:
        self.ids: dict[str, dict[tuple[str, ...], str]] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> DuplicatesInRun:
        pipeline = cls()
        crawler.signals.connect(pipeline.forget, day_complete)
        return pipeline

    def process_item(self, item: HoroscopeItem) -> HoroscopeItem:
        seen = self.ids.setdefault(item.date, {})
        cell = (item.sign, item.topic, item.period, item.language)
        if cell in seen:
            reason = "duplicate" if seen[cell] == item.horoscope_id else "second_text"
            raise Dropped(reason, f"{'/'.join(cell)} in {item.url}")
        seen[cell] = item.horoscope_id
        return item

    def forget(self, account: DayAccount) -> None:
        self.ids.pop(account.day.isoformat(), None)
