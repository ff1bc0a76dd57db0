"""What a crawl came to, in one JSON value: accounts of days come in, the summary that every command prints
last goes out.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from scraper.ledger import DayAccount
from scraper.monitors import missing_by_topic


def source_summary(accounts: Mapping[dt.date, DayAccount], day: dt.date | None = None) -> dict[str, Any]:
    """One source over all days it was asked for; faults are told in full for `day`, the last one if none is
    given.
    """
    failed = [when for when, account in accounts.items() if account.failures]
    told = accounts.get(day or max(accounts, default=dt.date.min))
    return {
        "days": len(accounts),
        "days_failed": len(failed),
        "rows_in": sum(account.rows for account in accounts.values()),
        "rows_out": sum(account.rows for account in accounts.values() if not account.failures),
        "missing": list(missing_by_topic(told)) if told else [],
        "failures": told.failures if told else [],
    }


def tell_faults(source: str, accounts: Mapping[dt.date, DayAccount], day: dt.date, stream: TextIO) -> None:
    """For a person: every fault of `day`, and one line about earlier days."""
    earlier = sorted(when for when, account in accounts.items() if account.failures and when != day)
    if earlier:
        last = accounts[earlier[-1]].failures[0]
        print(f"warning: {source}: {len(earlier)} other days failed, last {earlier[-1]}: {last}", file=stream)
    for fault in like_together(accounts[day].failures if day in accounts else []):
        print(f"error: {source} {day}: {fault}", file=stream)


def like_together(faults: Sequence[str]) -> list[str]:
    """What many pages suffer from told once, with the number of pages and the first address: a person reads
    one line for a site's accident, not one for each of its pages. The manifest keeps them all.
    """
    urls = defaultdict(list)
    for fault in faults:
        url, _, what = fault.partition(": ")
        urls[what if "://" in url else fault].append(url)
    told = []
    for what, of in urls.items():
        if len(of) > 1:
            told.append(f"{len(of)} pages: {what} (first {of[0]})")
        else:
            told.append(f"{of[0]}: {what}" if "://" in of[0] else what)
    return told


def tell_crawl_faults(source: str, faults: Sequence[str], stream: TextIO) -> None:
    for fault in faults:
        print(f"error: {source} crawl: {fault}", file=stream)


def last_line(step: str, outcome: str, rows_in: int, rows_out: int, seconds: float, **own: Any) -> str:
    """The JSON line of DATA_FORMAT.md's last section. Rows in were extracted, rows out stand in complete
    runs.
    """
    line = {
        "step": step,
        "outcome": outcome,
        "rows_in": rows_in,
        "rows_out": rows_out,
        "seconds": round(seconds, 2),
    }
    return json.dumps(line | own, ensure_ascii=False)
