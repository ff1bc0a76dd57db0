"""Rows become CSV parts, a complete day becomes a published run with its manifest. See scraper.runs for
how.
"""

from __future__ import annotations

import datetime as dt
import logging
from statistics import median
from typing import Any

from s3pipeline.strategies.error import UploadError
from scrapy import signals
from scrapy.crawler import Crawler

from scraper.days import utc_instant
from scraper.forgotten import Forgotten
from scraper.items import HoroscopeItem, PageRows
from scraper.ledger import DayAccount, Ledger, day_complete
from scraper.manners import Manners
from scraper.runs import Aside, RunWriter

PART_ROWS = 5000
logger = logging.getLogger(__name__)


class Parts:
    """The last stage. One writer and one buffer for each open day."""

    def __init__(self, crawler: Crawler, aside: Aside, run: str) -> None:
        self.crawler = crawler
        self.aside = aside
        self.run = run
        self.store_is_away = False
        self.buffers: dict[dt.date, list[HoroscopeItem]] = {}
        self.writers: dict[dt.date, RunWriter] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Parts:
        ledger = crawler.get_extension(Ledger)
        assert ledger is not None
        parts = cls(crawler, Aside(crawler.settings["HOROSCOPE_STORAGE"], ledger.run), ledger.run)
        crawler.signals.connect(parts.day_complete, day_complete)
        crawler.signals.connect(parts.aside.close, signals.engine_stopped)
        return parts

    def process_item(self, page: PageRows) -> PageRows:
        buffer = self.buffers.setdefault(page.day, [])
        buffer += page.rows
        if len(buffer) >= PART_ROWS:
            self._flush(page.day, buffer[0].source)
        return page

    def day_complete(self, account: DayAccount) -> None:
        """A day that cannot be stored is a failed day, whatever the site said."""
        try:
            self._flush(account.day, account.source)
            writer = self.writers.pop(account.day)
            writer.publish(manifest_of(account, self.crawler), patient=not self.store_is_away)
        except Forgotten as error:
            account.failures.append(str(error))
        except Exception as error:  # noqa: BLE001  of what a signal's receiver raises nobody but a log hears
            self.store_is_away = True
            waits = isinstance(error, UploadError)
            advice = "it waits, finish with python -m scraper.resume_upload" if waits else "collect again"
            account.failures.append(f"expected {self.aside.root} to take the run, found {error}; {advice}")
            logger.error(account.failures[-1])

    def _flush(self, day: dt.date, source: str) -> None:
        writer = self.writers.setdefault(day, RunWriter(self.aside, day, source, self.run))
        items = self.buffers.pop(day, [])
        if items or not writer.parts:
            writer.write_part(sorted(items, key=lambda item: (item.topic, item.sign)))


def manifest_of(account: DayAccount, crawler: Crawler) -> dict[str, Any]:
    """What the account says, in the words of DATA_FORMAT.md."""
    spider: Any = crawler.spider
    chars = [len(text) for text in account.texts.values()] or [0]
    manners = crawler.get_downloader_middleware(Manners)
    return {
        "outcome": account.outcome,
        "started_at": account.started_at,
        "finished_at": utc_instant(),
        "spider_version": spider.spider_version,
        "coverage": {
            "expected": len(account.expected),
            "found": len(account.texts),
            "missing": account.missing,
        },
        "strategies": dict(account.strategies),
        "dropped": dict(account.dropped),
        "responses": {
            "statuses": dict(account.statuses),
            "median_s": round(median(account.latencies_s or [0]), 3),
            "max_s": round(max(account.latencies_s or [0]), 3),
        },
        "chars": {"min": min(chars), "median": int(median(chars)), "max": max(chars)},
        "failures": account.failures,
        "warnings": account.warnings,
        "manners": {"user_agent": crawler.settings["USER_AGENT"], "hosts": manners.record if manners else {}},
    }
