"""What `make airflow` tells of its first day, over answers of an API written down here."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import urllib.error

import pytest

from orchestration import local_airflow, lock, watch
from orchestration.watch import Watch


def run(dag: str, state: str) -> dict:
    return {"dag_id": dag, "state": state}


def task(dag: str, name: str, state: str | None, index: int = -1, seconds: float | None = 2.4) -> dict:
    place = {"dag_id": dag, "dag_run_id": "r1", "task_id": name, "map_index": index}
    return place | {"state": state, "duration": seconds, "try_number": 2 if state == "failed" else 1}


COLLECT, PROCESS = "horoscope_collect", "horoscope_process"
LOOKS = [
    ([run("horoscope_deliver", "success")], [task("horoscope_deliver", "show", "skipped")]),
    ([run(COLLECT, "running")], [task(COLLECT, "collect", "success", 0), task(COLLECT, "collect", None, 1)]),
    urllib.error.URLError("busy"),
    (
        [run(COLLECT, "success")],
        [task(COLLECT, "collect", state, index) for index, state in enumerate(["success"] * 2)],
    ),
    ([run(COLLECT, "success"), run(PROCESS, "queued")], []),
    ([run(COLLECT, "success"), run(PROCESS, "failed")], [task(PROCESS, "process", "failed", seconds=None)]),
]


@pytest.fixture
def day(monkeypatch):
    """A watch over `LOOKS`, the last of which stays; what it said."""
    monkeypatch.setattr(watch, "POLL_S", 0.01)
    monkeypatch.setattr(watch, "SETTLED_S", 0.05)
    looks, said = list(LOOKS), []

    def listed(path: str, name: str):
        if isinstance(looks[0], Exception):
            raise looks.pop(0)
        runs, tasks = looks[0]
        if name == "dag_runs" and len(looks) > 1:
            looks.pop(0)
        return iter(runs if name == "dag_runs" else tasks)

    return Watch(listed, "2026-11-26T14:00:00+00:00", said.append), said


def test_a_day_is_over_when_the_first_dag_has_ended_and_nothing_follows(day):
    followed, said = day
    assert followed.until_over(lambda: True) == {COLLECT: ["success"], PROCESS: ["failed"]}
    assert said == [
        "horoscope_deliver.show skipped, 2 s",
        "horoscope_collect.collect[0] success, 2 s",
        "horoscope_collect.collect[1] success, 2 s",
        "horoscope_process.process failed, 0 s, try 2",
    ]


def test_a_server_that_has_ended_is_not_followed(day):
    followed, said = day
    assert (followed.until_over(lambda: False), said) == ({}, [])


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", b"HTTP/1.1 200 OK\r\n\r\n", b"?"]
)
def test_a_web_server_that_dies_within_its_answer_is_asked_again(day, answer):
    followed, _ = day
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        threading.Thread(target=answer_each, args=[server, answer], daemon=True).start()
        assert not local_airflow.is_up(port)
        followed.listed, looks = watch.Api(port).listed, iter([True, True, False])
        assert followed.until_over(lambda: next(looks)) == {}


def test_a_second_airflow_in_one_home_says_so_and_starts_nothing(tmp_path, capsys, monkeypatch):
    """Its port is still free: the first binds it a minute after its start."""
    monkeypatch.setattr(subprocess, "Popen", lambda *arguments, **settings: 1 / 0)
    with lock.hold(tmp_path / ".lock", "Airflow"):
        assert local_airflow.main(["--home", str(tmp_path), "--port", "0"]) == 2
    expected = f"error: expected no other run in this home, found one for Airflow (process {os.getpid()})"
    assert capsys.readouterr().err.startswith(expected)


def answer_each(server: socket.socket, answer: bytes) -> None:
    while True:
        line, _ = server.accept()
        with line:
            line.recv(65536)
            line.sendall(answer)
