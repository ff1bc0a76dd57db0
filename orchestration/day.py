"""One run over a day's steps: a plan in, every step run or recognised as finished, a row about each out."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestration.command import Command, Outcome
from orchestration.plan import Plan
from orchestration.progress import View
from orchestration.record import (
    Storage,
    fingerprint,
    finished_record,
    read_record,
    record_name,
    render_record,
)
from orchestration.settings import BadSetting
from orchestration.steps import STEPS, Step

WRONG_ENVIRONMENT = 2


class Interrupted(BaseException):
    """A signal asked the run to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.exit_code = 128 + number


class DayRun:
    """One run over a plan's steps: `rows` tells what became of each."""

    def __init__(self, plan: Plan, storage: Storage, view: View, keep_open: tuple[int, ...] = ()) -> None:
        self.plan, self.storage, self.view, self.keep_open = plan, storage, view, keep_open
        self.logs = logs_folder(plan)
        self.rows: list[dict[str, Any]] = []
        self.failure: Outcome | None = None

    def run(self, steps: Sequence[Step], repeat: bool) -> None:
        """`repeat`: run the steps even if they are finished."""
        for step in steps:
            predecessor = self._predecessor_record(step)
            argv = step.command(self.plan)
            mark = fingerprint(argv, self.plan.storage, predecessor)
            finished = None if repeat or step.only_shows else self._finished(step, mark)
            if finished:
                earlier = f"finished at {finished['finished_at']}"
                spent = {"outcome": "skipped", "seconds": 0.0, "peak_mib": 0.0}
                self._end(step, finished | spent, "; ".join(filter(None, [earlier, finished["reason"]])))
            elif step.judges_candidate and self._has_no_candidate():
                self._end(step, {"outcome": "skipped"}, "training was skipped: no new candidate")
                self._write_record(step, mark, self.rows[-1])
            else:
                self._execute(step, argv, mark)
            if self.failure:
                return

    def _execute(self, step: Step, argv: list[str], mark: str) -> None:
        self.view.begin(step.name, step.purpose)
        self.storage.remove(record_name(self.plan.day, step.name))
        try:
            outcome = self._follow(step, argv)
        except BadSetting as error:
            outcome = Outcome(WRONG_ENVIRONMENT, {}, str(error), 0.0, 0.0)
        except Interrupted as interrupt:
            self._end(step, {"outcome": "failed"}, str(interrupt))
            raise
        row = outcome.summary | {"seconds": outcome.seconds, "peak_mib": outcome.peak_mib}
        if outcome.exit_code:
            self.failure = outcome
            self._end(step, row | {"outcome": "failed"}, outcome.error)
            return
        self._end(step, row, outcome.summary.get("reason") or "")
        show_output(self.logs / f"{step.name}.out")
        if not step.only_shows:
            self._write_record(step, mark, self.rows[-1])

    def _follow(self, step: Step, argv: list[str]) -> Outcome:
        environment = {**self.plan.profile.environment, **os.environ}
        if step.only_shows:
            environment |= terminal_settings()
        command = Command(argv, self.logs, step.name, environment, keep_open=self.keep_open)
        return command.wait(self.view.line, self.view.tick)

    def _predecessor_record(self, step: Step) -> bytes | None:
        position = STEPS.index(step)
        return self.storage.read(record_name(self.plan.day, STEPS[position - 1].name)) if position else None

    def _finished(self, step: Step, mark: str) -> dict[str, Any] | None:
        record = finished_record(self.storage, self.plan.day, step.name, mark)
        return record if record and self._has_product(step, record["outcome"]) else None

    def _has_product(self, step: Step, outcome: str) -> bool:
        if step.makes_candidate:
            return outcome == "skipped" or self._has_candidate()
        return not step.product or self.storage.exists(step.product.format(day=self.plan.day))

    def _has_candidate(self) -> bool:
        return Path(self.plan.model, "metrics.json").exists()

    def _has_no_candidate(self) -> bool:
        skipped = read_record(self.storage, self.plan.day, "train").get("outcome") == "skipped"
        return skipped and not self._has_candidate()

    def _write_record(self, step: Step, mark: str, row: dict[str, Any]) -> None:
        facts = {"step": step.name, "date": self.plan.day, "fingerprint": mark, "finished_at": utc_now()}
        self.storage.write(record_name(self.plan.day, step.name), render_record(row | facts))

    def _end(self, step: Step, row: dict[str, Any], reason: str) -> None:
        nothing = {"rows_in": None, "rows_out": None, "seconds": 0.0, "peak_mib": 0.0, "outcome": "done"}
        self.rows.append(nothing | row | {"step": step.name, "reason": reason})
        self.view.end(self.rows[-1])


def utc_now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def terminal_settings() -> dict[str, str]:
    """For a step whose output is shown to a person: the width, and colour where this output is a terminal."""
    colour = {"FORCE_COLOR": "1"} if sys.stdout.isatty() else {}
    return {"COLUMNS": str(shutil.get_terminal_size().columns), **colour}


def show_output(output: Path) -> None:
    """What a step printed before its JSON line."""
    lines = output.read_text(encoding="utf-8", errors="replace").rstrip("\n").split("\n")
    for line in lines[:-1]:
        print(line)


def logs_folder(plan: Plan) -> Path:
    """Beside the records; for a bucket a folder of this machine."""
    if plan.in_bucket:
        named = hashlib.sha256(plan.storage.encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir(), f"horoscope-runs-{named}", f"date={plan.day}")
    return Path(plan.storage, "runs", f"date={plan.day}")
