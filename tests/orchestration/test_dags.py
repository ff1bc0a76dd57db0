"""The DAG files as Airflow sees them: quick and quiet to load, and a whole day by `airflow dags test`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DAGS = sorted((REPOSITORY / "orchestration" / "dags").glob("*.py"))
LOAD_S = 1.0

LOADER = """
import json, runpy, socket, sqlite3, sys, time
import airflow.sdk

def refuse(*arguments, **settings):
    raise AssertionError(f"not at load time: {arguments}")

socket.socket.connect = socket.getaddrinfo = refuse
sqlite3.connect = refuse
before, started = set(sys.modules), time.process_time()
names = runpy.run_path(sys.argv[1])
seconds = time.process_time() - started
dags = [value.dag_id for value in names.values() if isinstance(value, airflow.sdk.DAG)]
unwanted = {"torch", "pyspark", "mlflow", "transformers", "scrapy", "pandas", "grpc", "s3fs"}
heavy = unwanted & (set(sys.modules) - before)
print(json.dumps({"seconds": seconds, "dags": dags, "heavy": sorted(heavy)}))
"""


@pytest.fixture(scope="session")
def airflow(tmp_path_factory) -> dict[str, str]:
    """Environment of an Airflow of its own: a fresh home, a migrated SQLite database, our DAGs."""
    home = tmp_path_factory.mktemp("airflow")
    environment = {
        **{
            name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "HOROSCOPE"))
        },
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "orchestration" / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "PYTHONPATH": str(REPOSITORY),
    }
    subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"], env=environment, check=True, capture_output=True
    )
    return environment


@pytest.mark.parametrize("path", DAGS, ids=lambda path: path.stem)
def test_a_dag_file_loads_in_a_second_without_network_database_or_models(path, tmp_path):
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    argv = [sys.executable, "-c", LOADER, str(path)]
    result = subprocess.run(argv, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    loaded = json.loads(result.stdout.splitlines()[-1])
    assert loaded["dags"]
    assert loaded["heavy"] == []
    assert loaded["seconds"] < LOAD_S


def dags_test(airflow: dict[str, str], project, dag: str, day: str) -> tuple[int, dict[str, str]]:
    """Exit code of `airflow dags test`, and the last state of each task as its log tells it."""
    wishes = {name: value for name, value in project.environment.items() if name.startswith("FAKE_")}
    folders = {"HOROSCOPE_PROJECT": str(project.folder), "HOROSCOPE_STORAGE": str(project.storage)}
    argv = [sys.executable, "-m", "airflow", "dags", "test", dag, day]
    result = subprocess.run(argv, env={**airflow, **wishes, **folders}, capture_output=True, text=True)
    log = result.stdout + result.stderr
    states, task = {}, ""
    for line in log.splitlines():
        if started := re.search(r"\[DAG TEST\] starting task_id=(\S+)", line):
            task = started[1]
        if changed := re.search(r"new_state=(\S+)", line):
            states[task] = changed[1]
    return result.returncode, states


def test_a_whole_day_is_green_and_the_day_is_moscows(airflow, project):
    code, states = dags_test(airflow, project, "horoscope_day", "2026-11-22T22:30:00+00:00")
    assert code == 0
    assert states == dict.fromkeys(
        ["collect", "process", "train", "evaluate", "promote", "publish", "show"], "success"
    )
    assert project.steps_called() == list(states)
    assert project.calls()[-1][2:4] == ["--date", "2026-11-23"]


def test_without_a_new_candidate_the_old_champion_publishes(airflow, project):
    project.wish("train", outcome="skipped", reason="12 new texts")
    code, _ = dags_test(airflow, project, "horoscope_day", "2026-11-24")
    assert code == 0
    assert project.steps_called() == ["collect", "process", "train", "publish", "show"]


def test_a_failed_step_makes_the_run_red_and_nothing_is_published(airflow, project):
    project.wish("process", exit=2, error="unknown option")
    code, states = dags_test(airflow, project, "horoscope_day", "2026-11-25")
    assert code != 0
    assert states["process"] == "failed"
    assert project.steps_called() == ["collect", "process"]
