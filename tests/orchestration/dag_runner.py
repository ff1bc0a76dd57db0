"""Runs DAG files one after another, each to its end, and tells their states.

    python dag_runner.py FILE…     prints a JSON line last, in whatever Airflow starts it
    python dag_runner.py           does so for each JSON line of its input, in a fork of its own

Loading Airflow and the API that tasks talk to takes ten seconds of a core: the second form does it once.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import runpy
import sys
import threading
from datetime import UTC, datetime

import airflow.sdk


def run(paths: list[str]) -> dict[str, dict]:
    """State of each DAG's run for the morning of 2026-11-23, and of its tasks."""
    told = {}
    for path in paths:
        for dag in [value for value in runpy.run_path(path).values() if isinstance(value, airflow.sdk.DAG)]:
            dag.deadline = None  # DAG.test of Airflow 3.3.2 fails on deadlines
            ended = dag.test(logical_date=datetime(2026, 11, 23, 2, tzinfo=UTC))
            tasks: dict[str, list[str]] = {}
            for task in ended.get_task_instances():
                tasks.setdefault(task.task_id, []).append(str(task.state))
            told[dag.dag_id] = {"state": str(ended.state), "tasks": tasks}
    return told


def answer(asked: dict) -> None:
    """Runs `files` in `environment`; what is printed goes to the file `said`, the states to `told`."""
    said = os.open(asked["said"], os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(said, stream)
    os.environ.clear()
    os.environ.update(asked["environment"])
    told = run(asked["files"])
    with open(asked["told"], "w") as file:  # noqa: PTH123  # 3.1's environment has what this one has
        json.dump(told, file)


def load_api() -> None:
    """The API as it is after a first request, and without its thread: a fork would not have it."""
    import httpx
    from airflow.sdk.execution_time.supervisor import in_process_api_server

    api = in_process_api_server()
    with httpx.Client(transport=api.transport, base_url="http://here") as client:
        client.get("/health").raise_for_status()
    del api.transport, client
    gc.collect()
    assert threading.active_count() == 1


def serve() -> None:
    load_api()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            code = 1
            try:
                answer(json.loads(line))
                code = 0
            except Exception:
                logging.exception("not run")
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(run(sys.argv[1:])))
    else:
        serve()
