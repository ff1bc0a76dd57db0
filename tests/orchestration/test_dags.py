"""The DAG files as Airflow sees them: quick and quiet to load, and a whole day by `airflow dags test`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

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
before, seconds, dags = set(sys.modules), {}, []
for path in sys.argv[1:]:
    started = time.process_time()
    names = runpy.run_path(path)
    seconds[path] = time.process_time() - started
    dags += [value.dag_id for value in names.values() if isinstance(value, airflow.sdk.DAG)]
unwanted = {"torch", "pyspark", "mlflow", "transformers", "scrapy", "pandas", "grpc", "s3fs"}
heavy = unwanted & (set(sys.modules) - before)
print(json.dumps({"seconds": seconds, "dags": dags, "heavy": sorted(heavy)}))
"""


def test_each_dag_file_loads_in_a_second_without_network_database_or_models(tmp_path):
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    argv = [sys.executable, "-c", LOADER, *map(str, DAGS)]
    result = subprocess.run(argv, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    loaded = json.loads(result.stdout.splitlines()[-1])
    assert len(loaded["dags"]) == len(set(loaded["dags"])) == len(DAGS)
    assert loaded["heavy"] == []
    assert {path: seconds for path, seconds in loaded["seconds"].items() if seconds >= LOAD_S} == {}


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


def test_the_daily_family_is_green_and_publishes_for_tomorrow(family, project):
    told = family("collect", "process", "train", "evaluate_and_promote", "publish", "deliver")
    assert {run["state"] for run in told.values()} == {"success"}
    sources = [call[-1] for call in project.calls() if call[0] == "collect"]
    listed = yaml.safe_load((REPOSITORY / "scraper" / "sources.yaml").read_text(encoding="utf-8"))
    assert sorted(sources) == sorted(name for name, line in listed.items() if line["default"])
    days = {call[0]: call[3] for call in project.calls() if call[2] == "--date"}
    assert days == {"collect": "2026-11-23", "publish": "2026-11-24", "show": "2026-11-23"}
    assert told["horoscope_deliver"]["tasks"] == {"show": ["success"], "export": ["success"]}
    (exported,) = [call for call in project.calls() if call[0] == "export"]
    assert exported[2:] == ["--storage", str(project.storage), "--output", f"{project.storage}/site"]


def test_site_and_bot_go_where_the_settings_say_and_nowhere_without(family, project):
    told = family("bot_broadcast")["bot_broadcast"]
    assert (told["state"], told["tasks"], project.calls()) == ("success", {"broadcast": ["skipped"]}, [])
    told = family(
        "deliver",
        "bot_broadcast",
        HOROSCOPE_BOT_STATE="bot.db",
        HOROSCOPE_SITE="s3://site/prefix",
    )
    assert told["bot_broadcast"]["tasks"] == {"broadcast": ["success"]}
    called = {call[0]: call[2:] for call in project.calls()}
    assert called["broadcast"] == ["--storage", str(project.storage), "--state", "bot.db"]
    assert called["export"][-1] == "s3://site/prefix"


def test_before_anything_is_published_there_is_nothing_to_deliver(family, project):
    project.wish("show", exit=1, error="expected a published day 2026-11-23, found none")
    project.wish("export", exit=1, error="expected published days, found none")
    told = family("deliver")["horoscope_deliver"]
    assert (told["state"], told["tasks"]) == (
        "success",
        {name: ["skipped"] for name in ("show", "export")},
    )
    (project.storage / "published").mkdir(parents=True)
    project.wish("export")
    told = family("deliver")["horoscope_deliver"]
    assert (told["state"], told["tasks"]["show"]) == ("failed", ["failed"])


def test_too_little_new_text_pays_for_no_gpu(family, project):
    """Without a connection or a cloud: the skip comes before both."""
    project.wish("train", outcome="skipped", reason="12 new texts, 500 needed")
    variables = {"AIRFLOW_VAR_HOROSCOPE_STORAGE": str(project.storage), "AIRFLOW_VAR_HOROSCOPE_PROJECT": "p1"}
    told = family("cloud_train", **variables)["cloud_train"]
    assert (told["state"], told["tasks"]) == (
        "success",
        {name: ["skipped"] for name in ("due", "train", "fetch")},
    )
    assert [call[-1] for call in project.calls()] == ["--check"]


def test_skips_are_green_and_a_failed_source_is_red_while_the_others_go_on(family, project):
    project.wish("collect", exit=2, error="markup changed", only_with="retrofm")
    project.wish("train", outcome="skipped", reason="12 new texts")
    project.wish("promote", outcome="skipped", reason="not better")
    told = family("collect", "train", "evaluate_and_promote", "horoscope_day")
    collected = told["horoscope_collect"]["tasks"]
    assert collected["collect"].count("failed") == 1
    assert (collected["raw"], collected["complete"]) == (["success"], ["upstream_failed"])
    assert {name: run["state"] for name, run in told.items()} == {
        "horoscope_collect": "failed",
        "horoscope_train": "success",
        "horoscope_evaluate_and_promote": "success",
        "horoscope_day": "success",
    }
    assert told["horoscope_train"]["tasks"] == {"train": ["skipped"]}
    assert told["horoscope_evaluate_and_promote"]["tasks"] == {
        "evaluate": ["success"],
        "promote": ["skipped"],
    }
    day = told["horoscope_day"]["tasks"]
    assert {name for name, states in day.items() if states == ["skipped"]} == {"train", "evaluate", "promote"}
    assert day["publish"] == ["success"]
