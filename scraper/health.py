"""Which source needs care, and why: the last days of every source at a glance.

    python -m scraper.health --storage data --output health.html

Manifests under `raw/` come in; a table on stdout and, if asked, an HTML page go out.
Exit codes: 0 every source of sources.yaml that is on by default is well, 1 some need care, 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2

from scraper.days import day_range, moscow_today, parse_day
from scraper.outcome import last_line, like_together
from scraper.runs import manifests
from scraper.sources import default_sources
from scraper.storage import StorageError

SHIFT_SHARE = 0.2
"""A strategy that gains or loses more than this share of the rows is a redesign."""
LENGTH_SHIFT = 0.5
"""So is a median text length that moves by more than this part."""
MARKS = {"complete": "█", "failed": "▒", "none": "·"}


@dataclass
class SourceHealth:
    """One source, its days from oldest to newest."""

    name: str
    days: list[dt.date]
    runs: dict[dt.date, dict[str, Any]] = field(default_factory=dict)
    """Day → the best manifest it has: a complete one if there is any, else the latest failed one."""

    def state(self, day: dt.date) -> str:
        return str(self.runs[day]["outcome"]) if day in self.runs else "none"

    def told(self, day: dt.date) -> str:
        """Everything measured on a day, in a line: cells, strategies, text length, status codes, answers."""
        if day not in self.runs:
            return "no run"
        run = self.runs[day]
        coverage, answers = run.get("coverage", {}), run.get("responses", {})
        counts = {
            **run["strategies"],
            **{f"status {code}": n for code, n in answers.get("statuses", {}).items()},
        }
        return ", ".join(
            [
                f"{run['outcome']}: {coverage.get('found', 0)} of {coverage.get('expected', 0)} cells",
                *(f"{name} × {count}" for name, count in counts.items()),
                f"median text {run.get('chars', {}).get('median', 0)} characters",
                f"median answer {answers.get('median_s', 0)} s",
                *run["failures"][:1],
            ]
        )

    @property
    def strip(self) -> str:
        return "".join(MARKS[self.state(day)] for day in self.days)

    @property
    def last(self) -> dict[str, Any]:
        return self.runs[max(self.runs)] if self.runs else {}

    @property
    def complaints(self) -> list[str]:
        """What a person should look at, most urgent first; empty if all is well."""
        newest = self.days[-1]
        if not self.runs:
            return [f"nothing was collected in {len(self.days)} days"]
        if newest not in self.runs:
            return [f"no run for {newest}, last {max(self.runs)}", *self.changes()]
        failures = self.runs[newest]["failures"] if self.state(newest) == "failed" else []
        return [*like_together(failures)[:2], *self.changes()]

    @property
    def remarks(self) -> list[str]:
        """What a person may want to know of a newest day that is trusted: another address had to stand in."""
        newest = self.runs.get(self.days[-1], {})
        return like_together(newest.get("warnings", []))

    def changes(self) -> list[str]:
        """Shifts between the newest run and the one before it."""
        known = [self.runs[day] for day in sorted(self.runs) if self.runs[day]["rows"]]
        if len(known) < 2:
            return []
        return [*strategy_shifts(known[-2], known[-1]), *length_shifts(known[-2], known[-1])]


def strategy_shifts(before: dict[str, Any], after: dict[str, Any]) -> Iterable[str]:
    for name in sorted(before["strategies"].keys() | after["strategies"].keys()):
        old, new = (run["strategies"].get(name, 0) / run["rows"] for run in (before, after))
        if abs(old - new) > SHIFT_SHARE:
            share = f"{old:.0%} of the texts on {before['date']}, {new:.0%} on {after['date']}"
            yield f"strategy {name} found {share}"


def length_shifts(before: dict[str, Any], after: dict[str, Any]) -> Iterable[str]:
    old, new = (run.get("chars", {}).get("median", 0) for run in (before, after))
    if old and new and abs(new / old - 1) > LENGTH_SHIFT:
        yield f"the median text had {old} characters on {before['date']}, {new} on {after['date']}"


def healths(root: str, days: list[dt.date]) -> list[SourceHealth]:
    """Every source on by default and every other that has runs in these days, those in need first."""
    sources = {name: SourceHealth(name, days) for name in default_sources()}
    for day in days:
        for _, manifest in manifests(root, day=str(day)):
            if manifest["spider_version"] == "archive":
                continue
            source = sources.setdefault(manifest["source"], SourceHealth(manifest["source"], days))
            if source.state(day) != "complete":
                source.runs[day] = manifest
    return sorted(sources.values(), key=lambda source: (not source.complaints, source.name))


def render_text(sources: list[SourceHealth]) -> str:
    """A line a source: the days as a strip, then what the last run was like, then what needs care."""
    width = max(len(source.name) for source in sources)
    lines = [f"{'source':<{width}}  {'days':<{len(sources[0].days)}}  cells    median  answers  needs care"]
    for source in sources:
        coverage, answers = source.last.get("coverage", {}), source.last.get("responses", {})
        cells = f"{coverage.get('found', 0)}/{coverage.get('expected', 0)}"
        chars = source.last.get("chars", {}).get("median", 0)
        care = [*source.complaints, *(f"well, but {remark}" for remark in source.remarks), "-"][0]
        last = f"{cells:<7}  {chars:>4} ch  {answers.get('median_s', 0):>5.2f} s"
        lines.append(f"{source.name:<{width}}  {source.strip}  {last}  {care}")
    return "\n".join([*lines, "█ complete  ▒ failed  · no run; newest day last"])


def render_html(sources: list[SourceHealth]) -> str:
    template = Path(__file__).with_name("health.html").read_text(encoding="utf-8")
    return (
        jinja2.Environment(autoescape=True)
        .from_string(template)
        .render(sources=sources, days=sources[0].days)
    )


def main(argv: list[str] | None = None) -> int:
    known = argparse.ArgumentParser(prog="python -m scraper.health", description=__doc__.split("\n")[0])
    known.add_argument("--date", default="today", help="the last day shown (default today in Moscow)")
    known.add_argument("--days", type=int, default=30, help="how many days are shown (default 30)")
    known.add_argument("--output", type=Path, metavar="FILE.html", help="write the page here too")
    known.add_argument(
        "--storage", default=os.environ.get("HOROSCOPE_STORAGE", "data"), help="folder or s3://"
    )
    arguments = known.parse_args(argv)
    started = time.monotonic()
    try:
        last = parse_day(arguments.date, moscow_today())
        sources = healths(arguments.storage, day_range(last - dt.timedelta(days=arguments.days - 1), last))
        if arguments.output:
            aside = arguments.output.with_name(f".{arguments.output.name}.{os.getpid()}")
            aside.write_text(render_html(sources), encoding="utf-8")
            aside.replace(arguments.output)
    except (ValueError, StorageError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(render_text(sources))
    sick = [source.name for source in sources if source.complaints and source.name in default_sources()]
    rows = sum(source.last.get("rows", 0) for source in sources)
    reason = {"reason": f"need care: {', '.join(sick)}"} if sick else {}
    print(last_line("health", "failed" if sick else "done", rows, rows, time.monotonic() - started, **reason))
    return int(bool(sick))


if __name__ == "__main__":
    sys.exit(main())
