"""`make airflow` with its real scheduler and web server over fake programs: every command, or the task that
follows it, killed once with -9; then a range of days made up.
"""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from orchestration.local_airflow import airflow_settings

REPOSITORY = Path(__file__).resolve().parents[2]
FAMILY = ["collect", "process", "train", "evaluate_and_promote", "publish", "deliver"]
STEPS = ["collect", "process", "train", "evaluate", "promote", "publish", "show", "export"]
TASKS_KILLED = ["process", "evaluate", "publish"]
"""Of these the task's own process is killed, of the others the command it follows."""
WAIT_S = 1200
RED = "select dag_id, run_id from dag_run where state = 'failed'"
GREEN = "select distinct dag_id from dag_run where state = 'success'"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(database: Path, question: str) -> list[tuple]:
    try:
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20)
        try:
            return connection.execute(question).fetchall()
        finally:
            connection.close()
    except sqlite3.OperationalError:  # not there yet
        return []


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_daily_family_comes_through_with_every_task_killed_once(project, tmp_path):
    for step in STEPS:
        project.wish(step, killed_once="task" if step in TASKS_KILLED else "command")
    home, port = tmp_path / "airflow", free_port()
    environment = {
        **project.environment,
        "HOROSCOPE_PROJECT": str(project.folder),
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
    }
    argv = [sys.executable, "-m", "orchestration.local_airflow", "--home", str(home), "--port", str(port)]
    log = (tmp_path / "airflow.log").open("wb")
    server = subprocess.Popen(
        [*argv, "--storage", str(project.storage)], env=environment, cwd=REPOSITORY, stdout=log, stderr=log
    )
    try:
        deadline, wanted = time.monotonic() + WAIT_S, {f"horoscope_{name}" for name in FAMILY}
        while not wanted <= {name for (name,) in ask(home / "airflow.db", GREEN)}:
            assert server.poll() is None, (tmp_path / "airflow.log").read_text()[-5000:]
            assert ask(home / "airflow.db", RED) == []
            assert time.monotonic() < deadline, ask(home / "airflow.db", "select dag_id, state from dag_run")
            time.sleep(2)
        tries = ask(
            home / "airflow.db", "select task_id, try_number from task_instance where state = 'success'"
        )
        good = made_up(project, home, port, environment)
    finally:
        family = psutil.Process(server.pid).children(recursive=True)
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=90)
    assert {step for step, number in tries if number >= 2} >= set(STEPS)
    assert [process for process in family if process.is_running() and process.status() != "zombie"] == []
    assert list(project.storage.glob("published/date=*/horoscopes.json"))
    assert good == {"2026-11-20", "2026-11-21", "2026-11-22"}


def made_up(project, home: Path, port: int, environment: dict[str, str]) -> set[str]:
    """Days that a backfill of three collected; a day's files are the collecting program's own affair."""
    project.forget_calls()
    settings = airflow_settings(home, port, str(project.storage))
    argv = [sys.executable, "-m", "airflow", "backfill", "create", "--dag-id", "horoscope_collect"]
    dates = ["--from-date", "2026-11-20", "--to-date", "2026-11-22", "--max-active-runs", "1"]
    subprocess.run([*argv, *dates], env={**environment, **settings}, check=True, capture_output=True)
    ended = "select count(*) from dag_run where run_type = 'backfill' and state = 'success'"
    deadline = time.monotonic() + WAIT_S
    while ask(home / "airflow.db", ended) != [(3,)]:
        assert ask(home / "airflow.db", RED) == []
        assert time.monotonic() < deadline
        time.sleep(2)
    return {call[3] for call in project.calls() if call[0] == "collect"}
