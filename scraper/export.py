"""The raw dataset as one real CSV file, each horoscope once, in the order of date, source, topic, sign.

    python -m scraper.export --storage data --date-from 2026-11-01 --output horoscopes.csv

Complete runs under `raw/` come in; the file appears whole or not at all.
Exit codes: 0 done, 1 nothing to export or a damaged run, 2 wrong arguments or environment.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from scraper.days import moscow_today, parse_day
from scraper.items import COLUMNS
from scraper.outcome import last_line
from scraper.runs import manifests, read_rows
from scraper.storage import StorageError


def main(argv: list[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    started = time.monotonic()
    output = Path(arguments.output)
    try:
        first, last = (parse_day(day, moscow_today()) for day in (arguments.date_from, arguments.date_to))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    try:
        rows_in, rows_out = write_csv(output, rows_between(arguments.storage, first, last))
    except OSError as error:
        print(f"error: expected a file that can be written, found {error}, in --output", file=sys.stderr)
        return 2
    except StorageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(last_line("export", "done", rows_in, rows_out, time.monotonic() - started, output=str(output)))
    return 0


def parser() -> argparse.ArgumentParser:
    known = argparse.ArgumentParser(prog="python -m scraper.export", description=__doc__.split("\n")[0])
    known.add_argument("--date-from", default="0001-01-01", help="first day of the horoscopes (default: all)")
    known.add_argument("--date-to", default="9999-12-31", help="last day of the horoscopes (default: all)")
    known.add_argument("--output", required=True, metavar="FILE.csv", help="the file to write")
    known.add_argument(
        "--storage", default=os.environ.get("HOROSCOPE_STORAGE", "data"), help="folder or s3://"
    )
    return known


def rows_between(root: str, first: dt.date, last: dt.date) -> Iterator[dict[str, str]]:
    """Rows of all complete runs whose day lies between, repeats included."""
    for run, manifest in manifests(root):
        if manifest["outcome"] == "complete":
            for row in read_rows(root, run, manifest):
                if str(first) <= row["date"] <= str(last):
                    yield row


def write_csv(output: Path, rows: Iterator[dict[str, str]]) -> tuple[int, int]:
    """(rows read, rows written). Raises StorageError if there is nothing to write."""
    rows_in = 0
    seen: set[str] = set()
    aside = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        with aside.open("w", encoding="utf-8", newline="") as lines:
            writer = csv.DictWriter(lines, COLUMNS, lineterminator="\n")
            writer.writeheader()
            for row in rows:
                rows_in += 1
                if row["horoscope_id"] not in seen:
                    seen.add(row["horoscope_id"])
                    writer.writerow(row)
        if not seen:
            raise StorageError(
                "expected rows, found none, in the complete runs under --storage; collect first"
            )
        aside.replace(output)
    finally:
        aside.unlink(missing_ok=True)
    return rows_in, len(seen)


if __name__ == "__main__":
    sys.exit(main())
