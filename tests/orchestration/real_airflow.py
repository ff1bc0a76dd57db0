"""`make airflow` for a test, on a port of its own: started, told what to do, asked by its database, ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil

from orchestration.local_airflow import airflow_settings
from orchestration.watch import Api

REPOSITORY = Path(__file__).resolve().parents[2]
OURS = ["scraper", "spark_processing", "model_training", "serving", "orchestration", "demo", "scrapy.cfg"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def checkout(folder: Path) -> Path:
    """The real programs in a folder of its own, where relative data come to lie."""
    folder.mkdir()
    for name in OURS:
        (folder / name).symlink_to(REPOSITORY / name)
    return folder


class RealAirflow:
    """Started on entering, ended with all it started on leaving; nothing of it may be left."""

    def __init__(self, folder: Path, project: Path, storage: str, environment: dict[str, str], *options: str):
        self.home, self.log, self.options = folder / "airflow", folder / "told.log", options
        self.storage, port = storage, free_port()
        clean = {k: v for k, v in environment.items() if not k.startswith("HOROSCOPE_STORAGE")}
        self.environment = {
            **clean,
            "PYTHONPATH": str(REPOSITORY),
            "HOROSCOPE_PROJECT": str(project),
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
        }
        self.client = {**self.environment, **airflow_settings(self.home, port, storage)}
        self.port = port

    def __enter__(self) -> RealAirflow:
        argv = [sys.executable, "-m", "orchestration.local_airflow", "--home", str(self.home)]
        argv += ["--port", str(self.port), "--storage", self.storage, *self.options]
        with self.log.open("wb") as log:
            self.server = subprocess.Popen(argv, env=self.environment, cwd=REPOSITORY, stdout=log, stderr=log)
        return self

    def __exit__(self, *failure: object) -> None:
        family = (
            psutil.Process(self.server.pid).children(recursive=True) if self.server.poll() is None else []
        )
        self.server.send_signal(signal.SIGTERM)
        self.server.wait(timeout=90)
        psutil.wait_procs(family, timeout=10)
        self.left = [process for process in family if process.is_running() and process.status() != "zombie"]

    def said(self) -> str:
        own = self.home / "airflow.log"
        return self.log.read_text() + (own.read_text()[-3000:] if own.exists() else "")

    def ask(self, question: str) -> list[tuple]:
        """Rows of Airflow's database; none while it is not there yet."""
        try:
            connection = sqlite3.connect(f"file:{self.home}/airflow.db?mode=ro", uri=True, timeout=20)
            try:
                return connection.execute(question).fetchall()
            finally:
                connection.close()
        except sqlite3.OperationalError:
            return []

    def red(self) -> list[tuple]:
        return self.ask("select dag_id, run_id from dag_run where state = 'failed'")

    def until(self, condition: Callable[[], object], timeout_s: float = 900, red: bool = False) -> None:
        """`red`: a red run is expected, not a reason to stop waiting."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert self.server.poll() is None, self.said()
            assert red or self.red() == []
            assert time.monotonic() < deadline, (
                self.ask("select dag_id, run_id, state from dag_run"),
                self.said(),
            )
            time.sleep(1)

    def command(self, *argv: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *argv], env=self.client, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def patch(self, path: str, change: dict[str, str]) -> None:
        """What a person does on the web page."""
        api = Api(self.port)
        list(api.listed("dags", "dags"))  # fetches a token
        headers = {"Authorization": f"Bearer {api.token}", "Content-Type": "application/json"}
        body = json.dumps(change).encode()
        request = urllib.request.Request(f"{api.root}/api/v2/{path}", body, headers, method="PATCH")
        with urllib.request.urlopen(request, timeout=60):
            return

    def wait_for_dag(self, name: str) -> None:
        self.until(lambda: self.ask(f"select 1 from dag where dag_id = '{name}'"))

    def backfill(self, first: str, last: str, *options: str) -> None:
        """Makes a range of days up, one after another, and waits for them."""
        ended = "select count(*) from backfill where completed_at is not null"
        before = (self.ask(ended) or [(0,)])[0][0]
        self.command(
            *["backfill", "create", "--dag-id", "horoscope_collect", "--max-active-runs", "1"],
            *["--from-date", first, "--to-date", last, *options],
        )
        self.until(lambda: self.ask(ended)[0][0] > before)


def environment_of(base: dict[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what a person set for an installation of theirs."""
    theirs = ("AIRFLOW", "HOROSCOPE")
    return {name: value for name, value in (base or os.environ).items() if not name.startswith(theirs)}
