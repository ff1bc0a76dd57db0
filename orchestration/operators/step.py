"""One step of the day as an Airflow task: the same command as the local runner's, its lines in the
task's log.

The command's last JSON line becomes the task's XCom, and every asset the task produces is told the day.
What a retry cannot help (wrong arguments, a step that failed for a named reason) is not tried again; a
command that was killed or crashed is, and so is any failure of a task with `retry_failures`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import BaseOperator

from orchestration.airflow_versions import AirflowException, AirflowFailException, AirflowSkipException
from orchestration.command import Command, Outcome
from orchestration.plan import make_plan
from orchestration.settings import BadSetting
from orchestration.steps import find_step

PROJECT = Path(__file__).resolve().parents[2]
WRONG_ARGUMENTS = 2
KILLED = 128
KILL_GRACE_S = 3.0  # Airflow itself kills five seconds after it asked


def moscow_day(instant: datetime, days_ahead: int = 0) -> str:
    return (instant.astimezone(ZoneInfo("Europe/Moscow")) + timedelta(days=days_ahead)).date().isoformat()


def day_of(context: Mapping[str, Any], days_ahead: int = 0) -> str:
    """The day a run is for: asked by hand, else told by the asset that triggered it, else the run's own.

    The run's own is its instant's day in Moscow, and only from that one `days_ahead` counts. A backfilled run
    makes its own day and no other.
    """
    if context["params"].get("date"):
        return str(context["params"]["date"])
    events = context.get("triggering_asset_events") or {}
    told = [event.extra["day"] for asset in events for event in events[asset] if "day" in event.extra]
    run = context["dag_run"]
    return max(told) if told else moscow_day(run.logical_date or run.run_after, days_ahead)


class StepOperator(BaseOperator):
    """Runs `step` with `arguments` added; `skips_what_follows` turns a skipped step into a skipped task.

    `waits_for`: the beginning of the step's error that, until anything was ever published, means "not yet"
    and skips the task; afterwards it is a failure like any other.
    """

    template_fields = ("profile", "sites", "storage", "arguments")
    ui_color = "#e8f0fe"

    def __init__(
        self,
        *,
        step: str,
        arguments: Sequence[str] = (),
        profile: str = "{{ params.profile }}",
        sites: str = "{{ params.sites }}",
        storage: str = "",
        days_ahead: int = 0,
        skips_what_follows: bool = False,
        retry_failures: bool = False,
        waits_for: str = "",
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.step, self.arguments, self.days_ahead = step, arguments, days_ahead
        self.profile, self.sites, self.storage = profile, sites, storage
        self.skips_what_follows, self.retry_failures = skips_what_follows, retry_failures
        self.waits_for = waits_for
        self.command: Command | None = None

    def execute(self, context: Any) -> dict[str, Any]:
        os.chdir(os.environ.get("HOROSCOPE_PROJECT", PROJECT))  # the profiles' folders and files are relative
        day = day_of(context, self.days_ahead)
        try:
            outcome = self.follow(day)
        except BadSetting as error:
            raise AirflowFailException(str(error)) from error
        if outcome.exit_code and self.is_waiting(outcome, day):
            raise AirflowSkipException(outcome.error)
        if outcome.exit_code:
            again = self.retry_failures and outcome.exit_code != WRONG_ARGUMENTS
            again = again or outcome.crashed or outcome.exit_code > KILLED
            raise (AirflowException if again else AirflowFailException)(f"{self.step}: {outcome.error}")
        if self.skips_what_follows and outcome.summary["outcome"] == "skipped":
            raise AirflowSkipException(outcome.summary.get("reason", ""))
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {"day": day}
        return outcome.summary | {"peak_mib": round(outcome.peak_mib)}

    def follow(self, day: str) -> Outcome:
        plan, step = make_plan(day, self.profile, self.sites, self.storage), find_step(self.step)
        if step.needs and not getattr(plan, step.needs):
            raise AirflowSkipException(f"{step.needs} is empty in profile {plan.profile.name}")
        argv = [*step.command(plan), *self.arguments]
        self.log.info("command: %s", " ".join(argv))
        with tempfile.TemporaryDirectory(prefix=f"horoscope-{self.step}-") as logs:
            self.command = Command(argv, Path(logs), self.step, {**plan.profile.environment, **os.environ})
            outcome = self.command.wait(self.log.info)
            for line in self.command.output.read_text(encoding="utf-8", errors="replace").splitlines():
                self.log.info(line)
        return outcome

    def is_waiting(self, outcome: Outcome, day: str) -> bool:
        if not self.waits_for or not outcome.error.startswith(self.waits_for):
            return False
        from orchestration.record import Storage  # loads fsspec, which a DAG file does without

        plan = make_plan(day, self.profile, self.sites, self.storage)
        return not Storage(plan.storage).exists("published")

    def on_kill(self) -> None:
        if self.command:
            self.command.stop(KILL_GRACE_S)
