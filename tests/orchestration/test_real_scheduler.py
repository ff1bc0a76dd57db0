"""`make airflow` with its real scheduler and web server over fake programs, every command killed once."""

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

REPOSITORY = Path(__file__).resolve().parents[2]
FAMILY = ["collect", "process", "train", "evaluate_and_promote", "publish", "deliver"]
STEPS = ["collect", "process", "train", "evaluate", "promote", "publish", "show"]
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
def test_the_daily_family_comes_through_with_every_command_killed_once(project, tmp_path):
    for step in STEPS:
        project.wish(step, killed_once=True)
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
    finally:
        family = psutil.Process(server.pid).children(recursive=True)
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=90)
    assert {step for step, number in tries if number >= 2} >= set(STEPS)
    assert [process for process in family if process.is_running() and process.status() != "zombie"] == []
    assert list(project.storage.glob("published/date=*/horoscopes.json"))
