"""Dumps texts of the grammar: `python -m demo.grammar --days 30 > texts.txt`."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from demo.grammar import SITES, page, topics

COLUMNS = ("date", "sign", "topic", "site", "text")


def main(argv: list[str] | None = None) -> int:
    """Write the texts of the last days to stdout; return 0, or 2 for an unknown topic or site."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.grammar", description="Dump made-up horoscopes, always the same for a day."
    )
    today = datetime.now(ZoneInfo("Europe/Moscow")).date()
    parser.add_argument(
        "--days", type=int, default=30, help="how many days, ending with --until (default 30)"
    )
    parser.add_argument(
        "--until", type=date.fromisoformat, default=today, help="last day (default today in Moscow)"
    )
    parser.add_argument("--topics", type=_names(topics()), help="comma-separated (default: all a site has)")
    parser.add_argument(
        "--sites", type=_names(SITES), default=list(SITES), help="comma-separated (default: all)"
    )
    parser.add_argument(
        "--format", choices=("txt", "jsonl", "csv"), default="txt", help="txt: one text a line"
    )
    args = parser.parse_args(argv)
    if args.days < 1:
        parser.error(f"argument --days: expected a positive number, found {args.days}")
    try:
        _dump(_rows(args.days, args.until, args.sites, args.topics), args.format)
    except BrokenPipeError:
        sys.stderr.close()
    return 0


def _names(known: Iterable[str]) -> Callable[[str], list[str]]:
    names = list(known)

    def parse(value: str) -> list[str]:
        found = value.split(",")
        if unknown := sorted(set(found) - set(names)):
            raise argparse.ArgumentTypeError(
                f"expected some of {', '.join(names)}, found {', '.join(unknown)}"
            )
        return found

    return parse


def _rows(days: int, until: date, sites: list[str], wanted: list[str] | None) -> Iterator[dict[str, str]]:
    for back in reversed(range(days)):
        day = until - timedelta(back)
        for site in sites:
            for topic in (name for name in SITES[site] if wanted is None or name in wanted):
                for sign, text in page(day, topic, site).items():
                    yield dict(zip(COLUMNS, (day.isoformat(), sign, topic, site, text), strict=True))


def _dump(rows: Iterator[dict[str, str]], form: str) -> None:
    table = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    if form == "csv":
        table.writeheader()
    for row in rows:
        if form == "csv":
            table.writerow(row)
        else:
            print(row["text"] if form == "txt" else json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    sys.exit(main())
