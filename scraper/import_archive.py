"""Bring an existing archive of horoscopes into `raw/`, under the same schema as a crawl.

    python -m scraper.import_archive horoscopes.jsonl.gz --source archive --map text=body --storage data

A JSONL, CSV or Parquet file (also .gz), or `hf:NAME` for a dataset of huggingface.co, comes in; one run for
each source and calendar month goes out. Every rejected row is counted by reason, with an example. The same
file imported again adds nothing. Exit codes: 0 done, 1 nothing in the archive can be used, 2 wrong arguments
or environment.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime as dt
import errno
import itertools
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from s3pipeline.strategies.error import UploadError

from scraper.archive_files import ArchiveError, Row, fingerprint, rows_of
from scraper.days import moscow_today, parse_day, printed_dates, utc_instant
from scraper.forgotten import ForgottenPages, forgotten_sources
from scraper.items import LANGUAGES, PERIODS, SIGNS, TOPICS, HoroscopeItem, horoscope_id
from scraper.ledger import run_id
from scraper.outcome import last_line
from scraper.processors import single_spaces
from scraper.runs import Aside, RunWriter, manifests
from scraper.signs import sign_in
from scraper.storage import StorageError

TARGETS = ("date", "sign", "topic", "period", "language", "text", "url", "printed_date")
PART_ROWS = 5000
_PERIOD_WORDS = {"daily": "day", "weekly": "week", "monthly": "month", "yearly": "year"}
Month = tuple[str, int, int]
"""(source, year, month)"""


class Rejected(Exception):
    """One row cannot be used; the argument is the reason's name."""


@dataclasses.dataclass
class ArchiveRun:
    """What is gathered for one source and month."""

    items: list[HoroscopeItem] = dataclasses.field(default_factory=list)
    ids: set[str] = dataclasses.field(default_factory=set)
    dropped: Counter[str] = dataclasses.field(default_factory=Counter)


class Rejections:
    """Reason → how many, and the first example of each."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    def add(self, reason: str, row: Row) -> None:
        self.counts[reason] += 1
        self.examples.setdefault(reason, str(row)[:160])


def parser() -> argparse.ArgumentParser:
    known = argparse.ArgumentParser(
        prog="python -m scraper.import_archive", description=__doc__.split("\n")[0]
    )
    known.add_argument(
        "archive", metavar="FILE", help="a .jsonl, .csv or .parquet file, also .gz; or hf:NAME"
    )
    known.add_argument(
        "--source", required=True, metavar="NAME", help="what the archive is called in `source`"
    )
    known.add_argument(
        "--source-column", metavar="COLUMN", help="take the source's name from this column instead"
    )
    known.add_argument(
        "--map",
        nargs="+",
        default=[],
        metavar="TARGET=COLUMN",
        help=f"which column holds what: {', '.join(TARGETS)}",
    )
    known.add_argument("--default-date", metavar="D", help="the day of rows that have none")
    known.add_argument(
        "--default-topic", default="general", choices=TOPICS, help="the topic of rows that have none"
    )
    known.add_argument("--period", default="day", choices=PERIODS, help="the span of rows that name none")
    known.add_argument(
        "--language", default="ru", choices=LANGUAGES, help="the language of rows that name none"
    )
    known.add_argument(
        "--storage", default=os.environ.get("HOROSCOPE_STORAGE", "data"), help="folder or s3://"
    )
    return known


def main(argv: list[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    started = time.monotonic()
    try:
        if not re.fullmatch(r"[a-z0-9_]+", arguments.source):
            raise ValueError(f"expected a name of a-z, 0-9 and _, found {arguments.source!r}, in --source")
        if arguments.default_date:
            parse_day(arguments.default_date, moscow_today())
        if arguments.source in forgotten_sources(arguments.storage):
            raise ValueError(
                f"expected a source that may be kept, found {arguments.source}, in --source; it was forgotten"
            )
        columns = mapping(arguments.map)
        digits = fingerprint(arguments.archive)
        rows = checked_columns(rows_of(arguments.archive), columns, arguments)
        with contextlib.closing(Aside(arguments.storage, run_id())) as aside:
            summary = import_rows(rows, columns, arguments, aside, digits)
    except (ValueError, StorageError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(
            f"error: expected to store rows, found {error}, in --storage {arguments.storage}; run again",
            file=sys.stderr,
        )
        return 2
    except (ArchiveError, UploadError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for reason, rejected in summary["rejected"].items():
        print(
            f"import: rejected {rejected['count']} rows as {reason}, first {rejected['example']}",
            file=sys.stderr,
        )
    rows_in, rows_out = summary.pop("rows_in"), summary.pop("rows_out")
    outcome = "done" if rows_out or summary["already"] else "failed"
    if outcome == "failed":
        summary["reason"] = f"expected usable rows, found none among {rows_in}, in {arguments.archive}"
        print(f"error: {summary['reason']}; the reasons stand above", file=sys.stderr)
    print(last_line("import", outcome, rows_in, rows_out, time.monotonic() - started, **summary))
    return int(outcome == "failed")


def mapping(pairs: list[str]) -> dict[str, str]:
    """Target → column; a target that is not mapped has the column of its own name."""
    columns = {target: target for target in TARGETS}
    for pair in pairs:
        target, _, column = pair.partition("=")
        if target not in TARGETS or not column:
            raise ValueError(
                f"expected TARGET=COLUMN with one of {', '.join(TARGETS)}, found {pair!r}, in --map"
            )
        columns[target] = column
    return columns


def checked_columns(
    rows: Iterator[Row], columns: dict[str, str], arguments: argparse.Namespace
) -> Iterator[Row]:
    """The same rows, once the first of them shows that the columns asked for exist."""
    first = next((row for row in rows if "" not in row), None)
    if first is None:
        raise ArchiveError(f"expected rows, found none, in {arguments.archive}; is it the right file?")
    asked = {column for target, column in columns.items() if column != target} | {
        columns["text"],
        columns["sign"],
    }
    asked |= set() if arguments.default_date else {columns["date"]}
    asked |= {arguments.source_column} if arguments.source_column else set()
    unknown = sorted(asked - first.keys())
    if unknown:
        found = ", ".join(map(str, first))
        raise ValueError(
            f"expected columns {', '.join(unknown)}, found {found}, in {arguments.archive}; give --map"
        )
    return itertools.chain([first], rows)


def import_rows(
    rows: Iterator[Row], columns: dict[str, str], arguments: argparse.Namespace, aside: Aside, digits: str
) -> dict[str, Any]:
    """All rows into runs; returns what the last line tells."""
    started_at, run = utc_instant(), f"{aside.folder.name.split('-')[0]}-{digits}"
    sources, pages = forgotten_sources(arguments.storage), ForgottenPages(arguments.storage)
    runs: dict[Month, ArchiveRun] = {}
    rejections = Rejections()
    rows_in = 0
    for row in rows:
        rows_in += 1
        try:
            item = item_of(row, columns, arguments, started_at)
            if item.source in sources:
                raise Rejected("forgotten_source")
            if item in pages:
                raise Rejected("forgotten_page")
            add_item(runs, item)
        except Rejected as reason:
            rejections.add(str(reason), row)
        if rows_in % 100_000 == 0:
            print(f"import: {rows_in} rows read", file=sys.stderr, flush=True)
    rows_out, already = publish(runs, aside, run, started_at)
    rejected = {
        reason: {"count": count, "example": rejections.examples[reason]}
        for reason, count in sorted(rejections.counts.items())
    }
    return {
        "rows_in": rows_in,
        "rows_out": rows_out,
        "runs": len(runs),
        "already": already,
        "rejected": rejected,
    }


def add_item(runs: dict[Month, ArchiveRun], item: HoroscopeItem) -> None:
    day = dt.date.fromisoformat(item.date)
    gathered = runs.setdefault((item.source, day.year, day.month), ArchiveRun())
    if item.horoscope_id in gathered.ids:
        gathered.dropped["duplicate"] += 1
        raise Rejected("duplicate")
    gathered.ids.add(item.horoscope_id)
    gathered.items.append(item)


def item_of(row: Row, columns: dict[str, str], arguments: argparse.Namespace, instant: str) -> HoroscopeItem:
    """Raises Rejected for a row without a text or a day."""
    if "" in row:
        raise Rejected("not_json")
    values = {target: single_spaces(str(row.get(column) or "")) for target, column in columns.items()}
    if not values["text"]:
        raise Rejected("empty_text")
    source = arguments.source
    if arguments.source_column:
        source = (
            re.sub(r"[^a-z0-9]+", "_", str(row.get(arguments.source_column) or "").lower()).strip("_")
            or source
        )
    period = values["period"].lower()
    item = HoroscopeItem(
        date=iso_date(values["date"] or arguments.default_date or ""),
        sign=known_sign(values["sign"]),
        topic=values["topic"].lower() or arguments.default_topic,
        period=_PERIOD_WORDS.get(period, period) or arguments.period,
        language=values["language"].lower() or arguments.language,
        text=values["text"],
        source=source,
        url=values["url"],
        printed_date=values["printed_date"],
        strategy="archive",
        fetched_at=instant,
    )
    for name, known in (("topic", TOPICS), ("period", PERIODS), ("language", LANGUAGES)):
        if getattr(item, name) not in known:
            raise Rejected(f"unknown_{name}")
    item.horoscope_id = horoscope_id(item)
    return item


def iso_date(words: str) -> str:
    if not words:
        raise Rejected("empty_date")
    found = printed_dates(words, near=dt.date.min.replace(year=2000))
    if not found or not re.search(r"\d{4}", words):
        raise Rejected("no_date")
    return found[0].day.isoformat()


def known_sign(words: str) -> str:
    """A sign by its name in any language and case; anything else goes through for cleaning to judge."""
    lowered = words.lower()
    return lowered if lowered in SIGNS else sign_in(words) or lowered


def publish(runs: dict[Month, ArchiveRun], aside: Aside, run: str, started_at: str) -> tuple[int, int]:
    """(rows published, runs that this very file had brought before)."""
    digits = run.split("-")[1]
    known = {
        (manifest["source"], *map(int, manifest["date"].split("-")[:2]))
        for path, manifest in manifests(aside.root)
        if path.endswith(f"-{digits}") and manifest["outcome"] == "complete"
    }
    rows_out = already = 0
    for month, gathered in sorted(runs.items()):
        if month in known:
            already += 1
            continue
        items = sorted(gathered.items, key=lambda item: (item.date, item.topic, item.sign, item.horoscope_id))
        writer = RunWriter(aside, dt.date.fromisoformat(items[0].date), month[0], run)
        for start in range(0, len(items), PART_ROWS):
            writer.write_part(items[start : start + PART_ROWS])
        try:
            writer.publish(archive_manifest(items, gathered.dropped, started_at))
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:  # the same file is imported beside us
                raise
            already += 1
            continue
        rows_out += len(items)
    return rows_out, already


def archive_manifest(items: list[HoroscopeItem], dropped: Counter[str], started_at: str) -> dict[str, Any]:
    """An archive promises no cells: what it holds is what was expected."""
    cells = len({(item.sign, item.topic, item.date) for item in items})
    return {
        "outcome": "complete", "started_at": started_at, "finished_at": utc_instant(),
        "spider_version": "archive", "coverage": {"expected": cells, "found": cells, "missing": []},
        "strategies": {"archive": len(items)}, "dropped": dict(dropped), "failures": [], "warnings": [],
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
