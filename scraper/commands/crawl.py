"""`scrapy crawl` as everybody knows it, but its exit code tells the truth.

    scrapy crawl ru74 -a date=2026-11-23 -s HOROSCOPE_STORAGE=data

Exit code 1 if any day failed, 2 if the arguments make no sense; the last line of stdout is one JSON line.
"""

from __future__ import annotations

import argparse
import sys
import time

from scrapy.commands.crawl import Command as ScrapyCrawl
from scrapy.exceptions import UsageError

from scraper.base import days_asked
from scraper.days import moscow_today, parse_day
from scraper.ledger import Ledger
from scraper.outcome import last_line, source_summary, tell_faults


class Command(ScrapyCrawl):
    """Scrapy's own, with the arguments checked first and the outcome told last."""

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.crawler_process is not None
        if len(args) != 1:
            raise UsageError("expected one spider name; scrapy list shows all")
        started = time.monotonic()
        try:
            days_asked(dict(opts.spargs), parse_day(opts.spargs.get("today", "today"), moscow_today()))
            crawler = self.crawler_process.create_crawler(args[0])
        except (ValueError, KeyError) as error:
            raise UsageError(str(error.args[0])) from error
        self.crawler_process.crawl(crawler, **opts.spargs)
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
        outcome = "failed" if summary["days_failed"] else "done"
        rows_in, rows_out = summary.pop("rows_in"), summary.pop("rows_out")
        print(
            last_line(
                "crawl", outcome, rows_in, rows_out, time.monotonic() - started, source=args[0], **summary
            )
        )
        self.exitcode = int(outcome == "failed")
