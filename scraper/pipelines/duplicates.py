"""A cell is written once a run: the same row again, or a second text for a cell that has one, is dropped and
counted.
"""

from __future__ import annotations

from scrapy.crawler import Crawler

from scraper.items import HoroscopeItem
from scraper.ledger import DayAccount, day_complete
from scraper.pipelines.rows import DroppedRow, RowPipeline


class DuplicatesInRun(RowPipeline):
    """Stage three. Remembers a day only while it is open, so that a long backfill does not grow."""

    def __init__(self) -> None:
        self.ids: dict[str, dict[tuple[str, ...], str]] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> DuplicatesInRun:
        pipeline = cls()
        crawler.signals.connect(pipeline.forget, day_complete)
        return pipeline

    def process_row(self, row: HoroscopeItem) -> None:
        seen = self.ids.setdefault(row.date, {})
        cell = (row.sign, row.topic, row.period, row.language)
        if cell in seen:
            reason = "duplicate" if seen[cell] == row.horoscope_id else "second_text"
            raise DroppedRow(reason, f"{'/'.join(cell)} in {row.url}")
        seen[cell] = row.horoscope_id

    def forget(self, account: DayAccount) -> None:
        self.ids.pop(account.day.isoformat(), None)
