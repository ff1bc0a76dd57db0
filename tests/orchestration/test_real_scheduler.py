"""`make airflow` with its real scheduler and web server: every command, or the task that follows it, killed
once with -9; a range of days made up twice; a whole day over a bucket.
"""

from __future__ import annotations

import csv
import hashlib
import subprocess
import sys
from pathlib import Path

import fsspec
import pytest

from orchestration.settings import load_profile

REPOSITORY = Path(__file__).resolve().parents[2]
STEPS = ["collect", "process", "train", "evaluate", "promote", "publish", "show", "export"]
TASKS_KILLED = ["process", "evaluate", "publish"]
"""Of these the task's own process is killed, of the others the command it follows."""
DAYS = ["2026-11-20", "2026-11-21", "2026-11-22"]
RANGE = (DAYS[0], "2026-11-23")
"""A backfill's last date is a midnight, before that day's run."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]


@pytest.fixture
def real(beside):
    return beside("real_airflow")


def test_the_daily_family_comes_through_with_every_task_killed_once(real, project, tmp_path):
    for step in STEPS:
        project.wish(step, killed_once="task" if step in TASKS_KILLED else "command")
    environment = real.environment_of(project.environment)
    with real.RealAirflow(tmp_path, project.folder, str(project.storage), environment) as airflow:
        airflow.until(lambda: "the day is over" in airflow.log.read_text())
        told = airflow.log.read_text()
        tries = airflow.ask("select task_id, try_number from task_instance where state = 'success'")
        project.forget_calls()
        airflow.backfill(*RANGE)
        airflow.until(lambda: airflow.ask("select 1 from dag_run where state in ('queued', 'running')") == [])
    assert "everything is green" in told
    assert {step for step, number in tries if number >= 2} >= set(STEPS)
    assert {call[3] for call in project.calls() if call[0] == "collect"} == set(DAYS)
    assert list(project.storage.glob("published/date=*/horoscopes.json"))
    assert airflow.left == []


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def texts(raw: Path, day: str) -> set[tuple[str, str]]:
    """Id and text of each row of a day's complete runs."""
    rows = set()
    for path in raw.glob(f"date={day}/*/*/part-*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            rows |= {(row["horoscope_id"], row["text"]) for row in csv.DictReader(file)}
    return rows


def test_made_up_days_have_the_same_texts_and_a_second_backfill_changes_no_byte(real, tmp_path):
    data, alone = tmp_path / "data", tmp_path / "alone"
    project = real.checkout(tmp_path / "checkout")
    with real.RealAirflow(tmp_path, project, str(data), real.environment_of(), "--paused") as airflow:
        airflow.wait_for_dag("horoscope_collect")
        airflow.command("dags", "unpause", "horoscope_collect")
        airflow.until(lambda: airflow.ask("select 1 from dag_run where state = 'success'"))  # today's own run
        airflow.backfill(*RANGE)
        first = digests(data / "raw")
        airflow.backfill(*RANGE, "--reprocess-behavior", "completed")
    collect = ["scraper.collect", "--date", DAYS[1], "--storage", str(alone)]
    argv = [sys.executable, "-m", "demo.run", "--", sys.executable, "-m", *collect]
    subprocess.run(argv, cwd=REPOSITORY, check=True, capture_output=True)
    assert digests(data / "raw") == first
    assert texts(data / "raw", DAYS[1]) == texts(alone / "raw", DAYS[1]) != set()


def test_a_whole_day_of_the_real_programs_is_green_over_a_bucket(real, bucket, seaweedfs, tmp_path):
    root = f"{bucket}/day"
    project = real.checkout(tmp_path / "checkout")
    environment = real.environment_of() | seaweedfs
    with real.RealAirflow(tmp_path, project, root, environment, "--once") as airflow:
        code = airflow.server.wait(timeout=2900)
    assert code == 0, airflow.said()
    files = fsspec.filesystem("s3")
    there = [path.partition("/day/")[2] for path in files.find(root)]
    for folder in ("raw/date=", "processed/part=", "published/date=", "site/"):
        assert [path for path in there if path.startswith(folder)], folder
    (model,) = (project / load_profile("local").work / "models").iterdir()
    assert (model / "metrics.json").is_file()
