"""Cleaning by spark-submit: what each profile asks of Spark, and a run on a standalone cluster of two
workers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pyspark
import pytest

from orchestration.airflow_versions import AirflowFailException
from orchestration.operators.spark_submit import CleanBySparkSubmitOperator
from orchestration.settings import load_profile, profile_names

REPOSITORY = Path(__file__).resolve().parents[2]
DAY = "2026-11-23"

SUBMIT = """#!/bin/sh
printf '%s\\n' "$@" > "$SUBMITTED"
echo "Exit code: 0"
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Cleans for DAY with a profile and a storage; the directory and the connections are put back."""
    monkeypatch.chdir(tmp_path)
    for name in ("HOROSCOPE_PROJECT", *(f"AIRFLOW_CONN_SPARK_{name.upper()}" for name in profile_names())):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)

    def clean(profile: str, storage: str, **variables: str) -> dict:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        operator = CleanBySparkSubmitOperator(task_id="process", profile=profile, storage=storage)
        run = SimpleNamespace(run_id="r1", logical_date=datetime(2026, 11, 23, 2, tzinfo=UTC))
        context = {"params": {}, "dag_run": run, "outlet_events": {}}
        return operator.execute.__wrapped__(operator, context)

    return clean


@pytest.fixture
def submitted(tmp_path, monkeypatch) -> Path:
    """Where a stand-in for spark-submit writes its arguments."""
    program = tmp_path / "bin" / "spark-submit"
    program.parent.mkdir()
    program.write_text(SUBMIT)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SUBMITTED", str(tmp_path / "submitted"))
    return tmp_path / "submitted"


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ("standalone", ["--master spark://127.0.0.1:7077", "--deploy-mode client"]),
        ("yarn", ["--master yarn", "--deploy-mode cluster", "--conf spark.yarn.maxAppAttempts=1"]),
        (
            "kubernetes",
            [
                "--master k8s://https://kubernetes.default.svc:443",
                "--deploy-mode cluster",
                "--conf spark.kubernetes.namespace=horoscope",
            ],
        ),
    ],
)
def test_each_profile_submits_the_job_to_its_own_spark(run, submitted, tmp_path, profile, words):
    root = tmp_path / "data"
    told = run(profile, str(root))
    command = " ".join(submitted.read_text().splitlines())
    assert [word for word in words if word not in command] == []
    assert f"--py-files {root}/{told['package']}" in command
    assert command.endswith(f"{root}/code/clean.py --storage {root}")
    assert (root / told["package"]).is_file()
    assert (root / "code" / "clean.py").is_file()


def test_an_installations_own_connection_goes_before_the_profiles_master(run, submitted, tmp_path):
    own = json.dumps({"conn_type": "spark", "host": "spark://ours:7077"})
    run("standalone", str(tmp_path / "data"), AIRFLOW_CONN_SPARK_STANDALONE=own)
    assert "spark://ours:7077" in submitted.read_text()


def test_a_profile_without_a_spark_master_says_which_have_one(run, tmp_path):
    with pytest.raises(AirflowFailException, match="standalone"):
        run("local", str(tmp_path))


def test_a_profiles_python_is_this_one():
    assert load_profile("standalone").spark["conf"]["spark.pyspark.python"] == sys.executable


@pytest.fixture
def spark_cluster(tmp_path):
    """A standalone master with two workers: its address, and that of its web page."""
    ports = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
    start = Path(pyspark.__file__).parent / "bin" / "spark-class"
    local = ["--host", "127.0.0.1"]
    master = f"spark://127.0.0.1:{ports[0]}"
    page = f"http://127.0.0.1:{ports[1]}/json/"
    daemons = [["master.Master", *local, "--port", str(ports[0]), "--webui-port", str(ports[1])]]
    daemons += [["worker.Worker", *local, "--cores", "1", "--memory", "1g", "--webui-port", "0", master]] * 2
    started = []
    environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"}
    try:
        for number, daemon in enumerate(daemons):
            work = ["-d", str(tmp_path / f"work{number}")] if number else []
            argv = [start, f"org.apache.spark.deploy.{daemon[0]}", *daemon[1:-1], *work, daemon[-1]]
            with (tmp_path / f"daemon{number}.log").open("wb") as log:
                started.append(subprocess.Popen(argv, env=environment, stdout=log, stderr=log))
            wait_until(lambda number=number: alive_workers(page) >= number)
        yield master, page
    finally:
        for daemon in started:
            daemon.terminate()
        for daemon in started:
            daemon.wait(timeout=30)


def alive_workers(page: str) -> int:
    try:
        with urllib.request.urlopen(page, timeout=5) as answer:
            return json.load(answer)["aliveworkers"]
    except OSError:
        return -1


def wait_until(condition, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


@pytest.mark.slow
def test_a_day_is_cleaned_on_a_standalone_cluster_of_two_workers(run, spark_cluster, tmp_path):
    master, page = spark_cluster
    root = tmp_path / "data"
    collect = ["scraper.collect", "--date", DAY, "--spiders", "ru74,newsler", "--storage", str(root)]
    argv = [sys.executable, "-m", "demo.run", "--", sys.executable, "-m", *collect]
    subprocess.run(argv, cwd=REPOSITORY, check=True, capture_output=True)
    own = json.dumps({"conn_type": "spark", "host": master})
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    settings = {"AIRFLOW_CONN_SPARK_STANDALONE": own, "SPARK_LOCAL_IP": "127.0.0.1", "PATH": path}
    run("standalone", str(root), **settings)
    dataset = json.loads((root / "processed" / "dataset.json").read_text())
    assert len(dataset["parts"]) == 1
    with urllib.request.urlopen(page, timeout=5) as answer:
        (application,) = json.load(answer)["completedapps"]
    assert application["state"] == "FINISHED"
    used = [folder for folder in tmp_path.glob("work*/app-*/*") if (folder / "stderr").exists()]
    assert len({folder.parent.parent for folder in used}) == 2, "both workers ran executors"
