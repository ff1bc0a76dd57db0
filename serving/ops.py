"""The operator's page: what the stages left in storage over the last days in, one HTML page with plots out.

    python -m serving.ops --storage data --output ops.html

Reads manifests, ledgers, the runner's step records and published days; imports no stage. `serving.api --ops`
shows the same page at /ops, for whoever can reach it: keep it behind your proxy.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from serving.command import add_date, parser, run_command
from serving.days import CorruptDayError, Day, read_day
from serving.pages import REVALIDATE, static_files, templates

STEP = "ops"
LAST_DAYS = 30
STEPS = ("collect", "process", "train", "evaluate", "promote", "publish", "show")
DATE = re.compile(r"date=(\d{4}-\d\d-\d\d)")
CHART_WIDTH, CHART_HEIGHT = 640, 120


@dataclass
class DayState:
    """One day of the pipeline, as its files tell it."""

    date: dt.date
    coverage: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Source → cells found, cells expected, of its last complete run."""
    failed: dict[str, str] = field(default_factory=dict)
    """Source → first failure of a day without any complete run."""
    rows: dict[str, int] = field(default_factory=dict)
    """Source → rows of that run."""
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Step → the runner's record."""
    published: Day | None = None
    fault: str = ""
    """Why the published file cannot be used, if so."""


@dataclass
class Overview:
    """Everything the page shows."""

    today: dt.date
    days: list[DayState]
    sources: list[str]
    ledgers: list[dict[str, Any]]
    ahead: int | None
    """Days from today to the newest published one; None when nothing is published."""

    @property
    def shown(self) -> DayState:
        return next(state for state in self.days if state.date == self.today)


def gather(root: str, today: dt.date) -> Overview:
    """Read the last days; a damaged file counts as absent and is named in its day's `fault`."""
    dates = [today + dt.timedelta(days=1 - back) for back in range(LAST_DAYS + 1)]
    days = {date: DayState(date) for date in dates}
    for path, manifest in json_files(root, "raw", "manifest.json", days):
        state, source = days[path], manifest["source"]
        if manifest["outcome"] == "complete":
            cells = manifest["coverage"]
            state.coverage[source] = (cells["found"], cells["expected"])
            state.rows[source] = manifest["rows"]
            state.failed.pop(source, None)
        elif source not in state.coverage:
            state.failed[source] = (manifest["failures"] or ["failed"])[0]
    for path, record in json_files(root, "runs", ".json", days):
        days[path].steps[record["step"]] = record
    for state in days.values():
        try:
            state.published = read_day(root, state.date)
        except CorruptDayError as error:
            state.fault = str(error)
    published = [state.date for state in days.values() if state.published]
    return Overview(
        today,
        list(days.values()),
        sorted({source for state in days.values() for source in (*state.coverage, *state.failed)}),
        [ledger for _, ledger in json_files(root, "processed", "ledger.json", None)],
        (max(published) - today).days if published else None,
    )


def json_files(root: str, folder: str, ending: str, days: Any) -> list[tuple[Any, dict[str, Any]]]:
    """(date in the path, content) of the JSON files below a folder, of `days` only if given, sorted by
    path. What lies in hidden folders, as an unfinished run, is not there yet."""
    fs, path = fsspec.url_to_fs(f"{root.rstrip('/')}/{folder}")
    fs.invalidate_cache()
    found = []
    for name in sorted(fs.find(path)):
        match = DATE.search(name)
        date = dt.date.fromisoformat(match[1]) if match else None
        if name.endswith(ending) and "/." not in name[len(path) :] and (days is None or date in days):
            try:
                found.append((date, json.loads(fs.cat_file(name))))
            except FileNotFoundError:  # forgotten or renewed since it was listed
                continue
            except ValueError:  # half a file of a killed step; the step's own reader refuses it too
                continue
    return found


def bars(values: dict[dt.date, float], unit: str) -> list[dict[str, Any]]:
    """Rectangles of a bar chart, one for each day, with what each says when pointed at."""
    top, width = max([*values.values(), 1.0]), CHART_WIDTH / len(values)
    rectangles = []
    for number, (date, value) in enumerate(values.items()):
        height = value / top * CHART_HEIGHT
        place = {"x": number * width + 1, "y": CHART_HEIGHT - height, "width": width - 2, "height": height}
        rectangles.append({**place, "value": value, "told": f"{date}: {value:.0f} {unit}"})
    return rectangles


def rejections(ledgers: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Reason → rows over all parts, the most frequent first; `kept` among them."""
    total: Counter[str] = Counter()
    for ledger in ledgers:
        total["kept"] += ledger["kept"]
        total.update(ledger["rejected"])
    return total.most_common()


def render(overview: Overview, inline: bool) -> str:
    """The page; `inline` puts the styles into it, for a file that travels alone."""
    oldest_first = overview.days[::-1]
    seconds = {state.date: sum(step["seconds"] for step in state.steps.values()) for state in oldest_first}
    template = templates().get_template("ops.html")
    return template.render(
        overview=overview,
        oldest_first=oldest_first,
        steps=STEPS,
        rows=bars({state.date: float(sum(state.rows.values())) for state in oldest_first}, "строк"),
        seconds=bars(seconds, "с"),
        size=(CHART_WIDTH, CHART_HEIGHT),
        rejections=rejections(overview.ledgers),
        styles=static_files()["ops.css"].decode() if inline else "",
    )


router = APIRouter(include_in_schema=False)


@router.get("/ops")
def ops(request: Request) -> HTMLResponse:
    """In a thread of the pool: it reads storage, which may be slow."""
    overview = gather(request.app.state.days.root, request.app.state.clock.today())
    return HTMLResponse(render(overview, inline=False), 200, {**REVALIDATE, "Cache-Control": "no-store"})


def main(argv: list[str] | None = None) -> int:
    made = parser(__doc__)
    add_date(made)
    made.add_argument("--output", type=Path, default=Path("ops.html"), help="default: ops.html")
    args = made.parse_args(argv)

    def work() -> dict[str, Any]:
        overview = gather(args.storage, args.date)
        args.output.write_text(render(overview, inline=True), encoding="utf-8")
        published = sum(1 for state in overview.days if state.published)
        return {"rows_in": len(overview.days), "rows_out": published, "output": str(args.output)}

    return run_command(STEP, work)


if __name__ == "__main__":
    sys.exit(main())
