"""What a person sees of a run: steps and their lines in, a live line (terminal) or plain lines (log) out."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Protocol

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

MARKS = {"done": "✓", "skipped": "–", "failed": "✗"}
COLOURS = {"done": "green", "skipped": "yellow", "failed": "red"}


class View(Protocol):
    """How a run is shown while it goes on."""

    def begin(self, step: str, purpose: str) -> None: ...
    def line(self, text: str) -> None: ...
    def tick(self) -> None: ...
    def end(self, row: dict[str, Any]) -> None: ...


class PlainLines:
    """For logs: every line of every step, with the step's name before it."""

    def __init__(self, console: Console) -> None:
        self.console, self.step = console, ""

    def begin(self, step: str, purpose: str) -> None:
        self.step = step
        self._print(f"{step}: {purpose}")

    def line(self, text: str) -> None:
        self._print(text if text.startswith(self.step) else f"{self.step}: {text}")

    def tick(self) -> None:
        return

    def end(self, row: dict[str, Any]) -> None:
        said = {"reason": ""} if row["outcome"] == "failed" else {}  # the step's own last line
        self._print(f"{row['step']}: {ending(row | said)}")

    def _print(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveLine:
    """For a terminal: one line that tells the running step, its seconds and its latest word."""

    def __init__(self, console: Console) -> None:
        self.console, self.step, self.latest, self.started = console, "", "", 0.0
        self.status: Status | None = None

    def begin(self, step: str, purpose: str) -> None:
        self.step, self.latest, self.started = step, purpose, time.monotonic()
        self.status = self.console.status(self._text())
        self.status.start()

    def line(self, text: str) -> None:
        self.latest = text

    def tick(self) -> None:
        if self.status:
            self.status.update(self._text())

    def end(self, row: dict[str, Any]) -> None:
        if self.status:
            self.status.stop()
            self.status = None
        mark = Text(f"{MARKS[row['outcome']]} {row['step']:<9}", style=COLOURS[row["outcome"]])
        self.console.print(mark.append(f" {ending(row)}", style="default"))

    def _text(self) -> Text:
        room = max(10, self.console.width - 28)
        return Text(f"{self.step:<9} {time.monotonic() - self.started:5.0f} s  {self.latest[:room]}")


def choose_view(console: Console) -> View:
    return LiveLine(console) if console.is_terminal else PlainLines(console)


def ending(row: dict[str, Any]) -> str:
    """`rows 240 → 231, 4.2 s`, or why there was nothing to do."""
    rows = f"rows {shown(row['rows_in'])} → {shown(row['rows_out'])}, {row['seconds']:.1f} s"
    return f"{row['outcome']}, {rows}" + (f" ({row['reason']})" if row["reason"] else "")


def shown(number: object) -> str:
    return f"{number:,}".replace(",", "\u2009") if isinstance(number, int) else "·"


def closing_table(rows: Iterable[dict[str, Any]], title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("step")
    for heading in ("rows in", "rows out", "seconds", "peak MiB"):
        table.add_column(heading, justify="right")
    table.add_column("outcome", overflow="fold")
    for row in rows:
        outcome = Text(row["outcome"], style=COLOURS[row["outcome"]])
        if row["reason"]:
            outcome.append(f": {row['reason']}", style="default")
        seconds, peak = f"{row['seconds']:.1f}", f"{row['peak_mib']:.0f}"
        table.add_row(row["step"], shown(row["rows_in"]), shown(row["rows_out"]), seconds, peak, outcome)
    return table
