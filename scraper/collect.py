"""Collect a day, and the days before it that have no complete run yet, from all sources in one process.

    python -m scraper.collect --date 2026-11-23 --history-days 60 --storage data

Sites (or, with HOROSCOPE_SNAPSHOTS, an archive of their earlier days) come in; runs under `raw/` go out. A
source that fails takes no other down and hides no earlier run. Run again, it asks only for what is still
missing.

Exit codes: 0 done, 1 a source failed for --date (each is named) or the storage does not answer, 2 wrong
arguments or environment, 130/143 interrupted.
"""

from __future__ import annotations

import argparse
import datetime as dt
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.settings import Settings
from scrapy.utils.project import get_project_settings

from scraper.days import day_range, moscow_today, parse_day
from scraper.forgotten import forgotten_sources
from scraper.kept_pages import kept_days
from scraper.ledger import DayAccount, Ledger, day_complete
from scraper.outcome import last_line, source_summary, tell_crawl_faults, tell_faults
from scraper.progress import CrawlProgress
from scraper.runs import check_writable, complete_days
from scraper.sources import default_sources, permissions
from scraper.storage import StorageError, Unreachable


class Process(AsyncCrawlerProcess):
    """Remembers which signal stopped it, for the exit code."""

    stopped_by: int | None = None

    def _signal_shutdown(self, signum: int, _: Any) -> None:
        self.stopped_by = signum
        super()._signal_shutdown(signum, _)


def parser() -> argparse.ArgumentParser:
    """Arguments as --help shows them."""
    known = argparse.ArgumentParser(prog="python -m scraper.collect", description=__doc__.split("\n")[0])
    known.add_argument(
        "--date", default="today", help="the day to collect: 2026-11-23, today, yesterday (Moscow time)"
    )
    known.add_argument(
        "--history-days", type=int, default=0, metavar="N", help="also fill gaps of the N days before it"
    )
    known.add_argument(
        "--spiders", metavar="A,B", help="sources by name; default: those that sources.yaml turns on"
    )
    known.add_argument(
        "--pages",
        metavar="FOLDER",
        help="read the pages kept there (.cache/pages) again and ask no site; implies --force",
    )
    known.add_argument("--force", action="store_true", help="collect again what already has a complete run")
    known.add_argument(
        "--storage", default=os.environ.get("HOROSCOPE_STORAGE", "data"), help="folder or s3:// address"
    )
    known.add_argument(
        "--log-level", default="CRITICAL", help="Scrapy's log on stderr: DEBUG, INFO, WARNING, ERROR"
    )
    return known


def main(argv: list[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    started = time.monotonic()
    today = moscow_today()
    try:
        day = parse_day(arguments.date, today)
        # Below this level nothing is shown, and making the records costs as much as parsing a small page.
        logging.getLogger("scrapy").setLevel(arguments.log_level)
        process = Process(project_settings(arguments))
        check_writable(arguments.storage)
        names = chosen(arguments.spiders, process, forgotten_sources(arguments.storage))
        days = range_before(day, arguments.history_days)
        force = arguments.force or arguments.pages
        done = {name: set() if force else complete_days(arguments.storage, name) for name in names}
    except Unreachable as error:  # no wrong argument: who called may try again
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (ValueError, StorageError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    todo = {
        name: [d for d in days if d not in done[name] and is_reachable(process, name, d, day, today)]
        for name in names
    }
    already = sum(d in done[name] for name in names for d in days)
    outcomes, crawl_faults = crawl(process, {name: wanted for name, wanted in todo.items() if wanted}, today)
    if process.stopped_by:
        print(f"error: stopped by signal {process.stopped_by}; run again to go on", file=sys.stderr)
    for name, faults in crawl_faults.items():
        tell_crawl_faults(name, faults, sys.stderr)
    unfinished = {name for name, faults in crawl_faults.items() if faults}
    seconds = time.monotonic() - started
    return report(day, names, todo, outcomes, unfinished, already, seconds, process.stopped_by)


def project_settings(arguments: argparse.Namespace) -> Settings:
    settings = get_project_settings()
    settings.setmodule("scraper.settings", "project")  # also where the current folder holds no scrapy.cfg
    settings.set("HOROSCOPE_STORAGE", arguments.storage, "cmdline")
    settings.set("LOG_LEVEL", arguments.log_level, "cmdline")
    if arguments.pages:
        settings.set("HOROSCOPE_READ_PAGES", arguments.pages, "cmdline")
    return settings


def chosen(asked: str | None, process: Process, forgotten: set[str]) -> list[str]:
    """Raises ValueError naming what is known, for an unknown name or a source that is not allowed."""
    names = list(dict.fromkeys(asked.split(","))) if asked else default_sources()
    known = sorted(process.spider_loader.list())
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            f"expected names of spiders ({', '.join(known)}), found {', '.join(unknown)}, in --spiders"
        )
    allowed = permissions()
    refused = [] if snapshots(process) else [n for n in names if n not in allowed or not allowed[n].allowed]
    if refused:
        raise ValueError(
            f"expected allowed sources, found {', '.join(refused)}, in --spiders; see scraper/sources.yaml"
        )
    if asked and forgotten & set(names):
        raise ValueError(
            f"expected sources that may be kept, found {', '.join(forgotten & set(names))}, in --spiders; "
            "they were forgotten, see raw/forgotten.json under --storage"
        )
    return [name for name in names if name not in forgotten]


def snapshots(process: Process) -> str:
    return process.settings.get("HOROSCOPE_SNAPSHOTS") or os.environ.get("HOROSCOPE_SNAPSHOTS", "")


def range_before(day: dt.date, history_days: int) -> list[dt.date]:
    if history_days < 0:
        raise ValueError(f"expected a number of days from 0, found {history_days}, in --history-days")
    return day_range(day - dt.timedelta(days=history_days), day)


def is_reachable(process: Process, name: str, asked: dt.date, day: dt.date, today: dt.date) -> bool:
    """Past days only where the source has them; the day itself always: if it cannot be had, that is said."""
    kept = process.settings.get("HOROSCOPE_READ_PAGES")
    if kept:
        return asked in kept_days(Path(kept), name)
    spider: Any = process.spider_loader.load(name)
    return asked == day or bool(snapshots(process)) or spider.shows(asked, today)


def crawl(
    process: Process, todo: dict[str, list[dt.date]], today: dt.date
) -> tuple[dict[str, dict[dt.date, DayAccount]], dict[str, list[str]]]:
    """All sources at once, each with its own pace; the accounts of every day of every source, and the faults
    of whole crawls.
    """
    if not todo:
        return {}, {}
    crawlers: dict[str, Crawler] = {}
    with CrawlProgress({name: len(days) for name, days in todo.items()}) as progress:
        for name, days in todo.items():
            crawlers[name] = process.create_crawler(name)
            crawlers[name].signals.connect(progress.day_complete, day_complete)
            process.crawl(crawlers[name], days=",".join(map(str, days)), today=str(today), began=str(today))
        process.start()
    ledgers = {name: ledger_of(crawler) for name, crawler in crawlers.items()}
    outcomes = {name: ledger.outcomes if ledger else {} for name, ledger in ledgers.items()}
    return outcomes, {name: ledger.crawl_faults for name, ledger in ledgers.items() if ledger}


def ledger_of(crawler: Crawler) -> Ledger | None:
    """None where the crawl did not even start: that source has failed."""
    return crawler.get_extension(Ledger) if crawler.extensions else None


def report(
    day: dt.date, names: list[str], todo: dict[str, list[dt.date]],
    outcomes: dict[str, dict[dt.date, DayAccount]], unfinished: set[str],
    already: int, seconds: float, stopped_by: int | None,
) -> int:  # fmt: skip
    sources = {name: source_summary(outcomes.get(name, {}), day) for name in names}
    failed = []
    for name in names:
        of_day = outcomes.get(name, {}).get(day)
        if name in unfinished or (day in todo[name] and (of_day is None or of_day.failures)):
            failed.append(name)
        tell_faults(name, outcomes.get(name, {}), day, sys.stderr)
        if day in todo[name] and of_day is None and not stopped_by:
            print(
                f"error: {name} {day}: the crawl did not start; run scrapy crawl {name} to see why",
                file=sys.stderr,
            )
    rows_in, rows_out = (sum(source[rows] for source in sources.values()) for rows in ("rows_in", "rows_out"))
    own: dict[str, Any] = {"date": day.isoformat(), "already": already, "sources": sources}
    own["missing"] = {name: source["missing"] for name, source in sources.items() if source["missing"]}
    if stopped_by:
        own["reason"] = f"stopped by signal {stopped_by}"
    elif failed:
        own["reason"] = f"failed for {day}: {', '.join(failed)}"
    print(
        last_line("collect", "failed" if "reason" in own else "done", rows_in, rows_out, seconds, **own),
        flush=True,
    )
    if stopped_by:
        return 143 if stopped_by == signal.SIGTERM else 130
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
