"""What Airflow adds to a step beside the local runner, with the real scheduler and web server.

    python -m benchmarks.airflow_overhead --rounds 3

Both run the same seven commands of a day: stand-ins that end after a tenth of a second, so that all the rest
is the peer's own. (a) `python -m orchestration.run`; (b) the DAG horoscope_day as `make airflow` runs it,
from its start to its end as the scheduler's database tells it. The last line is JSON; the goal is under five
seconds a task.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from orchestration.local_airflow import airflow_settings

ROOT = Path(__file__).resolve().parent.parent
GOAL_S = 5.0
WAIT_S = 400
STAND_INS = {
    "demo/run": "",
    "scraper/collect": "collect",
    "spark_processing/clean_job": "process",
    "model_training/train": "train",
    "model_training/evaluate": "evaluate",
    "model_training/registry": "promote",
    "serving/publish": "publish",
    "serving/show": "show",
}
STAND_IN = """
import json, time
time.sleep(0.1)
print(json.dumps({{"step": "{step}", "outcome": "done", "rows_in": 1, "rows_out": 1, "seconds": 0.1}}))
"""
DEMO = "import subprocess, sys\nsys.exit(subprocess.call(sys.argv[sys.argv.index('--') + 1:]))\n"


def make_project(folder: Path) -> None:
    for path, step in STAND_INS.items():
        file = folder / f"{path}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / "__init__.py").touch()
        file.write_text(STAND_IN.format(step=step) if step else DEMO)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def runner_seconds(folder: Path, day: str, environment: dict[str, str]) -> float:
    argv = [sys.executable, "-m", "orchestration.run", "--date", day, "--storage", str(folder / "data")]
    started = time.monotonic()
    subprocess.run([*argv, "--force"], cwd=folder, env=environment, check=True, capture_output=True)
    return time.monotonic() - started


def ask(database: Path, question: str, *values: str) -> list[tuple[str, ...]]:
    try:
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20)
        try:
            return connection.execute(question, values).fetchall()
        finally:
            connection.close()
    except sqlite3.OperationalError:  # not there yet
        return []


def airflow_seconds(home: Path, day: str, environment: dict[str, str]) -> float:
    """One run of horoscope_day, from its start to its end in the scheduler's own book."""
    airflow = [sys.executable, "-m", "airflow", "dags"]
    run_id, conf = f"overhead-{day}", json.dumps({"date": day})
    trigger = [*airflow, "trigger", "horoscope_day", "--run-id", run_id, "--conf", conf]
    subprocess.run(trigger, env=environment, check=True, capture_output=True)
    question = (
        "select state, (julianday(end_date) - julianday(start_date)) * 86400 from dag_run where run_id = ?"
    )
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        found = ask(home / "airflow.db", question, run_id)
        if found and found[0][0] in ("success", "failed"):
            if found[0][0] == "failed":
                raise RuntimeError(f"expected run {run_id} to be green, found it failed, in {home}/logs")
            return float(found[0][1])
        time.sleep(0.5)
    raise RuntimeError(f"expected run {run_id} to end within {WAIT_S} s, found it still going")


def measure(folder: Path, rounds: int) -> dict[str, object]:
    make_project(folder)
    home, port, steps = folder / "airflow", free_port(), len(STAND_INS) - 1
    settings = airflow_settings(home, port, str(folder / "data"))
    own = {"PYTHONPATH": str(ROOT), "HOROSCOPE_PROJECT": str(folder)}
    environment = {**os.environ, **own}
    start = [sys.executable, "-m", "orchestration.local_airflow", "--paused", "--home", str(home)]
    with (folder / "airflow.log").open("wb") as log:
        server = subprocess.Popen(
            [*start, "--port", str(port), "--storage", str(folder / "data")],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        known = "select 1 from dag where dag_id = 'horoscope_day'"
        deadline = time.monotonic() + WAIT_S
        while not ask(home / "airflow.db", known):
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Airflow did not start: {(folder / 'airflow.log').read_text()[-2000:]}")
            time.sleep(1)
        unpause = [sys.executable, "-m", "airflow", "dags", "unpause", "horoscope_day"]
        client = {**environment, **settings}
        subprocess.run(unpause, env=client, check=True, capture_output=True)
        days = [f"2026-11-{number:02d}" for number in range(1, rounds + 2)]
        airflow_seconds(home, days[0], client)  # warms the files' cache
        airflow = [airflow_seconds(home, day, client) for day in days[1:]]
        runner = [runner_seconds(folder, day, environment) for day in days[1:]]
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=90)
    added = (statistics.median(airflow) - statistics.median(runner)) / steps
    return {
        "benchmark": "airflow_overhead",
        "rounds": rounds,
        "airflow_s_a_day": round(statistics.median(airflow), 2),
        "runner_s_a_day": round(statistics.median(runner), 2),
        "added_s_a_task": round(added, 2),
        "goal_s_a_task": GOAL_S,
        "ratio": round(GOAL_S / added, 2),
        "load": os.getloadavg()[0],
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.airflow_overhead",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=3, help="runs of each (default: 3)")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="airflow-overhead-") as folder:
        told = measure(Path(folder), options.rounds)
    print(
        f"a day of seven empty steps: Airflow {told['airflow_s_a_day']} s, runner {told['runner_s_a_day']} s"
    )
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
