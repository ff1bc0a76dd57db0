"""Progress of a crawl on stderr: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from scraper.ledger import DayAccount

LINE_EVERY_S = 5.0


class CrawlProgress:
    """`day_complete` is called for each finished day of each source."""

    def __init__(self, days_by_source: dict[str, int]) -> None:
        self.totals = days_by_source
        self.done = dict.fromkeys(days_by_source, 0)
        self.failed = 0
        self._last_line = time.monotonic()
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> CrawlProgress:
        if sys.stderr.isatty():
            columns = (
                TextColumn("{task.description:>14}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=Console(stderr=True))
            self._bar.start()
            self._tasks = {name: self._bar.add_task(name, total=total) for name, total in self.totals.items()}
        else:
            asked = ", ".join(f"{name} {total}" for name, total in self.totals.items())
            print(f"collect: days to ask for: {asked}", file=sys.stderr, flush=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def day_complete(self, account: DayAccount) -> None:
        self.done[account.source] += 1
        self.failed += bool(account.failures)
        if self._bar:
            self._bar.advance(self._tasks[account.source])
        elif time.monotonic() - self._last_line > LINE_EVERY_S:
            self._last_line = time.monotonic()
            counts = ", ".join(f"{name} {count}/{self.totals[name]}" for name, count in self.done.items())
            print(f"collect: {counts}, failed {self.failed}", file=sys.stderr, flush=True)
