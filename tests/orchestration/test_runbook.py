"""Every alarm has its line in the runbook: whatever task can fail, and every DAG that can be late."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BOOK = (REPOSITORY / "docs" / "runbook.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+?) \|", BOOK, re.MULTILINE)
ALARMS = {alarm for row in ROWS for alarm in re.findall(r"`([^`]+)`", row)}


def tasks() -> set[str]:
    """`dag.task` of all DAG files, as an alert names them."""
    found = set()
    for path in (REPOSITORY / "orchestration" / "dags").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        (dag,) = re.findall(r'daily\(__doc__, "(\w+)"', text)
        found |= {f"{dag}.{task}" for task in re.findall(r'task_id="(\w+)"', text)}
    return found


def test_every_task_that_can_fail_is_in_the_runbook():
    named = {alarm.removesuffix(" failed") for alarm in ALARMS}
    assert tasks() - named == set()


def test_the_runbook_names_no_task_that_is_gone():
    gone = {
        alarm
        for alarm in ALARMS
        if re.fullmatch(r"\w+\.\w+ failed", alarm) and alarm.removesuffix(" failed") not in tasks()
    }
    assert gone == set()


def test_late_runs_and_a_reached_limit_are_in_the_runbook():
    assert {"late: … is not over", "expected at most … roubles a month"} <= ALARMS
