"""`scrapy crawl` as everybody knows it, but its exit code tells the truth.

    scrapy crawl ru74 -a date=2026-11-23 -s HOROSCOPE_STORAGE=data
    scrapy crawl rambler -a date_from=2004-01-01 -a date_to=2025-12-31

A range goes on where it was stopped: days that have a complete run are not asked for again. Exit code 1 if
any day failed, 2 if the arguments make no sense; the last line of stdout is one JSON line.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from scrapy.commands.crawl import Command as ScrapyCrawl
from scrapy.exceptions import UsageError

from scraper.base import days_asked
from scraper.days import moscow_today, parse_day
from scraper.forgotten import forgotten_sources
from scraper.ledger import Ledger, day_complete
from scraper.outcome import last_line, source_summary, tell_crawl_faults, tell_faults
from scraper.progress import CrawlProgress
from scraper.runs import check_writable, complete_days
from scraper.storage import StorageError


class Command(ScrapyCrawl):
    """Scrapy's own, with the arguments checked first and the outcome told last."""

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.crawler_process is not None
        if len(args) != 1:
            raise UsageError("expected one spider name; scrapy list shows all")
        started = time.monotonic()
        try:
            arguments = dict(opts.spargs)
            is_range = "date_from" in arguments
            days = days_asked(arguments, parse_day(arguments.get("today", "today"), moscow_today()))
            crawler = self.crawler_process.create_crawler(args[0])
            check_writable(self.storage())
            if args[0] in forgotten_sources(self.storage()):
                raise ValueError(f"expected a source that may be kept, found {args[0]}; it was forgotten")
            done = complete_days(self.storage(), args[0]) if is_range else set()
        except (ValueError, KeyError, StorageError) as error:
            raise UsageError(str(error.args[0])) from error
        todo = [day for day in days if day not in done]
        if not todo:
            print(last_line("crawl", "done", 0, 0, 0.0, source=args[0], already=len(days)))
            return
        with CrawlProgress({args[0]: len(todo)}) as progress:
            crawler.signals.connect(progress.day_complete, day_complete)
            self.crawler_process.crawl(crawler, days=",".join(map(str, todo)), **arguments)
            self.crawler_process.start()
        ledger = crawler.get_extension(Ledger) if crawler.extensions else None
        if ledger is None or not ledger.outcomes:
            print(
                f"error: expected {args[0]} to crawl, found that it did not start; see the log",
                file=sys.stderr,
            )
            self.exitcode = 1
            return
        summary = source_summary(ledger.outcomes)
        tell_faults(args[0], ledger.outcomes, max(ledger.outcomes), sys.stderr)
        tell_crawl_faults(args[0], ledger.crawl_faults, sys.stderr)
        outcome = "failed" if summary["days_failed"] or ledger.crawl_faults else "done"
        rows_in, rows_out = summary.pop("rows_in"), summary.pop("rows_out")
        own = {"source": args[0], "already": len(days) - len(todo), **summary}
        print(last_line("crawl", outcome, rows_in, rows_out, time.monotonic() - started, **own))
        self.exitcode = int(outcome == "failed")

    def storage(self) -> str:
        assert self.settings is not None
        return str(self.settings.get("HOROSCOPE_STORAGE") or os.environ.get("HOROSCOPE_STORAGE", "data"))
