"""One step of the day as an Airflow task: the same command as the local runner's, its lines in the
task's log.

The command's last JSON line becomes the task's XCom. A step that had nothing to do may skip what
follows it; wrong arguments are not tried again, a failed step is, as often as the task's `retries` say.
"""

from __future__ import annotations

import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from orchestration.command import Command, Outcome
from orchestration.plan import make_plan
from orchestration.settings import BadSetting
from orchestration.steps import find_step

PROJECT = Path(__file__).resolve().parents[2]
WRONG_ARGUMENTS = 2
RUN_DAY = "{{ params.date or dag_run.logical_date or dag_run.run_after }}"
"""The day asked for by hand, else the instant of the run: a backfilled run makes its own day and no other."""
KILL_GRACE_S = 3.0  # Airflow itself kills five seconds after it asked


def moscow_day(instant: str) -> str:
    """A day is left as it is; an instant such as `2026-11-22 21:30:00+00:00` gives Moscow's day then."""
    if "T" not in instant and " " not in instant:
        return instant
    return datetime.fromisoformat(instant).astimezone(ZoneInfo("Europe/Moscow")).date().isoformat()


class StepOperator(BaseOperator):
    """Runs `step` for `day` (a date, or an instant in any zone).

    `skips_what_follows` turns a skipped step into a skipped task.
    """

    template_fields = ("day", "profile", "sites", "storage")
    ui_color = "#e8f0fe"

    def __init__(
        self,
        *,
        step: str,
        day: str = RUN_DAY,
        profile: str = "{{ params.profile }}",
        sites: str = "{{ params.sites }}",
        storage: str = "",
        skips_what_follows: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.step, self.day, self.profile, self.sites, self.storage = step, day, profile, sites, storage
        self.skips_what_follows = skips_what_follows
        self.command: Command | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        os.chdir(os.environ.get("HOROSCOPE_PROJECT", PROJECT))  # the profiles' folders and files are relative
        try:
            outcome = self.follow()
        except BadSetting as error:
            raise AirflowFailException(str(error)) from error
        if outcome.exit_code == WRONG_ARGUMENTS:
            raise AirflowFailException(outcome.error)
        if outcome.exit_code:
            raise AirflowException(f"{self.step}: {outcome.error}")
        if self.skips_what_follows and outcome.summary["outcome"] == "skipped":
            raise AirflowSkipException(outcome.summary.get("reason", ""))
        return outcome.summary | {"peak_mib": round(outcome.peak_mib)}

    def follow(self) -> Outcome:
        plan = make_plan(moscow_day(self.day), self.profile, self.sites, self.storage)
        argv = find_step(self.step).command(plan)
        self.log.info("command: %s", " ".join(argv))
        with tempfile.TemporaryDirectory(prefix=f"horoscope-{self.step}-") as logs:
            self.command = Command(argv, Path(logs), self.step, {**plan.profile.environment, **os.environ})
            outcome = self.command.wait(self.log.info)
            for line in self.command.output.read_text(encoding="utf-8", errors="replace").splitlines():
                self.log.info(line)
        return outcome

    def on_kill(self) -> None:
        if self.command:
            self.command.stop(KILL_GRACE_S)
