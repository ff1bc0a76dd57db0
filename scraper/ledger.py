"""The account of a crawl: for each day, the cells (sign × topic) that were expected and what became of each.

A Scrapy extension. Spiders open days and report pages, Scrapy's signals report what is stored; when the rows
of a day's last page are through the pipelines, the signal `day_complete` hands the day's account to the part
writer and to progress.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from scrapy import signals
from scrapy.crawler import Crawler

from scraper.days import utc_instant
from scraper.items import PageRows
from scraper.monitors import faults_of, warnings_of
from scraper.runs import manifests, read_rows
from scraper.storage import StorageError

DAY = dt.timedelta(days=1)
Cell = tuple[str, str]
"""(sign, topic)"""
day_complete = object()
"""Signal, with `account: DayAccount`."""
OPEN_DAYS = 8
REMEMBERED_DAYS = 2 * OPEN_DAYS


@dataclass(slots=True)
class DayAccount:
    """One day of one source in one crawl: everything the manifest tells but the parts."""

    source: str
    day: dt.date
    run: str
    started_at: str
    expected: set[Cell] = field(default_factory=set)
    pages_left: int = 0
    rows: int = 0
    """Cells that got a text, counted when the day is closed."""
    texts: dict[Cell, str] = field(default_factory=dict)
    strategies: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)

    @property
    def missing(self) -> list[str]:
        """Names such as `leo/love/2026-11-23`."""
        return sorted(f"{sign}/{topic}/{self.day}" for sign, topic in self.expected - self.texts.keys())

    def summary(self) -> DayAccount:
        """As much of the account as the end of the crawl needs: of a good day little more than its rows."""
        rows = len(self.texts)
        if not self.failures:
            return replace(GOOD_DAY, source=self.source, day=self.day, run=self.run, rows=rows)
        return replace(self, texts=dict.fromkeys(self.texts, ""), rows=rows)

    @property
    def outcome(self) -> str:
        return "failed" if self.failures else "complete"


GOOD_DAY = DayAccount("", dt.date.min, "", "")
"""Summaries of good days share its empty lists and counters: a long backfill has thousands of them."""


class Ledger:
    """Holds the open days; lets a spider open only a few at a time, so that memory does not grow with the
    range.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.run = run_id()
        self.accounts: dict[dt.date, DayAccount] = {}
        self.outcomes: dict[dt.date, DayAccount] = {}
        self.crawl_faults: list[str] = []
        """What scraper.crawl_monitors found wrong with the crawl as a whole."""
        self.texts: dict[dt.date, dict[Cell, str]] = {}
        self._room = asyncio.Semaphore(OPEN_DAYS)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Ledger:
        ledger = cls(crawler)
        crawler.signals.connect(ledger.page_stored, signals.item_scraped)
        crawler.signals.connect(ledger.page_lost, signals.item_error)
        crawler.signals.connect(ledger.page_broken, signals.spider_error)
        crawler.signals.connect(ledger.spider_closed, signals.spider_closed)
        return ledger

    async def room(self) -> None:
        """Wait until a day may be opened."""
        await self._room.acquire()

    def open(self, day: dt.date, expected: set[Cell], pages: int) -> None:
        self.accounts[day] = self._account(day)
        self.accounts[day].expected = expected
        self.accounts[day].pages_left = pages

    def refuse(self, day: dt.date, reason: str) -> None:
        """A day that cannot be asked for at all: it leaves no run, for nothing was said."""
        self.outcomes[day] = self._account(day)
        self.outcomes[day].failures.append(reason)

    def page_done(self, day: dt.date, faults: Sequence[str] = ()) -> None:
        """A page needs nothing more: its rows are through the pipelines, or its faults are known."""
        account = self.accounts[day]
        account.failures += faults
        account.pages_left -= 1
        self._settle(day)

    def _settle(self, day: dt.date) -> None:
        """A day is judged after the day before it: of two with the same texts the later one is to blame."""
        while day in self.accounts and not self.accounts[day].pages_left and day - DAY not in self.accounts:
            self._close(self.accounts[day])
            day += DAY

    def page_answered(self, day: dt.date, status: str, latency_s: float) -> None:
        """For the health page; a page that never answered has the status `none`."""
        self.accounts[day].statuses[status] += 1
        self.accounts[day].latencies_s.append(latency_s)

    def warn(self, day: dt.date, warnings: Sequence[str]) -> None:
        """Faults of addresses whose horoscopes another address gave."""
        self.accounts[day].warnings += warnings

    def page_stored(self, item: PageRows) -> None:
        account = self.accounts[item.day]
        account.dropped += item.dropped
        for row in item.rows:
            account.texts[row.sign, row.topic] = row.text
            account.strategies[row.strategy] += 1
        self.page_done(item.day)

    def page_lost(self, item: PageRows, failure: Any) -> None:
        """A bug in a pipeline: the page counts as failed, the other pages go on."""
        self.page_done(item.day, [f"a page's rows were lost: {failure.getErrorMessage()}"])

    def page_broken(self, failure: Any, response: Any) -> None:
        """A bug in the spider: the page counts as failed, the other pages go on."""
        message = f"{response.url}: {failure.type.__name__}: {failure.getErrorMessage()}"
        self.page_done(response.meta["day"], [message])

    def spider_closed(self) -> None:
        """A day still open now will never be whole: the crawl was interrupted."""
        for _, account in sorted(self.accounts.items()):
            if account.pages_left:
                account.failures.append("the crawl was stopped before the day was whole")
            self._close(account)

    def _account(self, day: dt.date) -> DayAccount:
        assert self.crawler.spider is not None
        return DayAccount(self.crawler.spider.name, day, self.run, utc_instant())

    def _close(self, account: DayAccount) -> None:
        neighbours = self._neighbours(account)
        account.failures += faults_of(account, neighbours)
        account.warnings += warnings_of(account, neighbours)
        self.texts[account.day] = account.texts
        if len(self.texts) > REMEMBERED_DAYS:
            del self.texts[min(self.texts)]
        del self.accounts[account.day]
        self._room.release()
        self._hand_over(account)

    def _neighbours(self, account: DayAccount) -> dict[str, dict[Cell, str]]:
        """Texts of the days beside this one, from this crawl or from the storage; none where none are."""
        days = {"the day before": account.day - DAY, "the day after": account.day + DAY}
        return {name: self.texts.get(day) or self._stored(account, day) for name, day in days.items()}

    def _stored(self, account: DayAccount, day: dt.date) -> dict[Cell, str]:
        """None of a day that this crawl is yet to close: then the two are compared. A day that cannot be read
        costs the comparison, not the account.
        """
        spider: Any = self.crawler.spider
        if day in spider.asked:
            return {}
        root = self.crawler.settings["HOROSCOPE_STORAGE"]
        try:
            return {
                (row["sign"], row["topic"]): row["text"]
                for run, manifest in manifests(root, account.source, str(day))
                if manifest["outcome"] == "complete"
                for row in read_rows(root, run, manifest)
            }
        except StorageError as error:
            account.warnings.append(f"not compared with {day}: {error}")
            return {}

    def _hand_over(self, account: DayAccount) -> None:
        self.crawler.signals.send_catch_log(day_complete, account=account)
        self.outcomes[account.day] = account.summary()


def run_id() -> str:
    """Sorts by time; unique without asking anybody."""
    started = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{started}-{uuid.uuid4().hex[:8]}"
