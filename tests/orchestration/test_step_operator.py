"""A step as a task: which day it is for, what is worth a retry, what the assets are told."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import psutil
import pytest

from orchestration.airflow_versions import AirflowException, AirflowFailException, AirflowSkipException
from orchestration.assets import RAW
from orchestration.operators.step import StepOperator, day_of


def context_of(**facts) -> dict:
    run = SimpleNamespace(logical_date=None, run_after=datetime(2026, 11, 23, 2, tzinfo=UTC))
    accessors = {RAW: SimpleNamespace(extra={})}
    return {"params": {}, "dag_run": run, "triggering_asset_events": {}, "outlet_events": accessors, **facts}


def event(day: str) -> SimpleNamespace:
    return SimpleNamespace(extra={"day": day})


def run_at(logical_date: datetime | None, run_after: datetime) -> SimpleNamespace:
    return SimpleNamespace(logical_date=logical_date, run_after=run_after)


@pytest.mark.parametrize(
    ("facts", "days_ahead", "day"),
    [
        ({"params": {"date": "2026-01-05"}}, 1, "2026-01-05"),
        ({"triggering_asset_events": {RAW: [event("2026-11-20"), event("2026-11-21")]}}, 1, "2026-11-21"),
        ({"dag_run": run_at(datetime(2026, 11, 22, 20, 59, tzinfo=UTC), None)}, 0, "2026-11-22"),
        ({"dag_run": run_at(datetime(2026, 11, 22, 21, 0, tzinfo=UTC), None)}, 0, "2026-11-23"),
        ({"dag_run": run_at(None, datetime(2026, 12, 31, 17, tzinfo=UTC))}, 1, "2027-01-01"),
    ],
    ids=["by hand", "by assets", "before Moscow's midnight", "at Moscow's midnight", "tomorrow"],
)
def test_the_day_of_a_run(facts, days_ahead, day):
    assert day_of(context_of(**facts), days_ahead) == day


@pytest.fixture
def step(project, monkeypatch):
    """Runs the fake `collect` as a task with the given wishes."""

    def run(wishes: dict, **settings):
        project.wish("collect", **wishes)
        for name, value in project.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HOROSCOPE_PROJECT", str(project.folder))
        monkeypatch.chdir(project.folder)
        settings = {
            "profile": "local",
            "sites": "live",
            "storage": str(project.storage),
            "outlets": [RAW],
        } | settings
        context = context_of()
        operator = StepOperator(task_id="collect", step="collect", **settings)
        result = operator.execute.__wrapped__(operator, context)  # without Airflow's check of who calls
        return result, context["outlet_events"][RAW].extra

    return run


def test_a_done_step_gives_its_summary_and_tells_the_assets_the_day(step):
    summary, told = step({})
    assert (summary["rows_out"], told) == (12, {"day": "2026-11-23"})


@pytest.mark.parametrize(
    ("wishes", "settings", "tried_again"),
    [
        ({"exit": 1, "error": "no texts"}, {}, False),
        ({"exit": 2, "error": "no such option"}, {}, False),
        ({"exit": 137, "error": "out of memory"}, {}, True),
        ({"exit": 143, "error": "stopped"}, {}, True),
        ({"crash": "Could not connect to the endpoint URL"}, {}, True),
        ({"exit": 1, "error": "site down"}, {"retry_failures": True}, True),
        ({"exit": 2, "error": "no such site"}, {"retry_failures": True}, False),
        ({}, {"profile": "moon"}, False),
    ],
)
def test_only_what_a_retry_can_help_is_tried_again(step, wishes, settings, tried_again):
    with pytest.raises(AirflowException) as failure:
        step(wishes, **settings)
    assert isinstance(failure.value, AirflowFailException) is not tried_again
    assert (wishes.get("error") or wishes.get("crash") or "moon") in str(failure.value)


def test_a_skipped_step_skips_what_follows_only_where_that_is_wanted(step):
    summary, _ = step({"outcome": "skipped", "reason": "nothing new"})
    assert summary["outcome"] == "skipped"
    with pytest.raises(AirflowSkipException, match="nothing new"):
        step({"outcome": "skipped", "reason": "nothing new"}, skips_what_follows=True)


def test_before_anything_was_ever_published_a_missing_champion_means_not_yet(step, project):
    missing = {"exit": 1, "error": "expected a champion, found none"}
    with pytest.raises(AirflowSkipException, match="found none"):
        step(missing, waits_for="expected a champion")
    with pytest.raises(AirflowFailException, match="disk full"):
        step({"exit": 1, "error": "disk full"}, waits_for="expected a champion")
    (project.storage / "published").mkdir(parents=True)
    with pytest.raises(AirflowFailException, match="found none"):
        step(missing, waits_for="expected a champion")


def test_a_killed_task_takes_its_command_along(project, monkeypatch):
    project.wish("collect", sleep_s=60)
    for name, value in project.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOROSCOPE_PROJECT", str(project.folder))
    monkeypatch.chdir(project.folder)
    settings = {"profile": "local", "sites": "live", "storage": str(project.storage)}
    operator = StepOperator(task_id="collect", step="collect", **settings)

    def kill_when_at_work() -> None:
        while not project.calls():
            time.sleep(0.02)
        operator.on_kill()

    killer = threading.Thread(target=kill_when_at_work)
    killer.start()
    with pytest.raises(AirflowException) as failure:
        operator.execute.__wrapped__(operator, context_of())
    killer.join()
    assert not isinstance(failure.value, AirflowFailException), "a retry may help a killed command"
    assert not psutil.pid_exists(project.calls()[0][1])
