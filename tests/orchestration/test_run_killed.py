"""Signals, kill -9, two runners at once: nothing orphaned, nothing done twice at a time, a rerun
finishes."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import time
from collections.abc import Callable

import psutil
import pytest

from orchestration import day, run

ALL = ["collect", "process", "train", "evaluate", "promote", "publish", "show"]


def wait_until(condition: Callable[[], bool], timeout_s: float = 15) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_child_too(project, number, code):
    project.wish("train", sleep_s=60)
    process = project.start()
    wait_until(lambda: "train" in project.steps_called())
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert json.loads(out.splitlines()[-1])["reason"] == f"interrupted by {number.name}"
    assert "Traceback" not in err
    assert all(is_gone(call[1]) for call in project.calls())


def test_a_killed_runner_takes_its_child_along(project):
    project.wish("train", sleep_s=60)
    process = project.start()
    wait_until(lambda: "train" in project.steps_called())
    process.kill()
    process.communicate()
    wait_until(lambda: is_gone(project.calls()[-1][1]))


def test_killed_at_any_instant_and_run_again_it_finishes_each_step_once_more_at_most(project):
    for step in ALL:
        project.wish(step, sleep_s=0.1)
    instants = random.Random(7)
    for _ in range(5):
        process = project.start()
        time.sleep(instants.uniform(0.2, 1.6))
        process.kill()
        process.communicate()
    code, line, err = project.run()
    assert code == 0, err
    assert {row["outcome"] for row in line["steps"]} <= {"done", "skipped"}
    assert [row["step"] for row in line["steps"]] == ALL
    project.forget_calls()
    project.run()
    assert project.steps_called() == ["show"]


def test_a_second_runner_on_the_same_storage_says_so_and_stops(project):
    project.wish("train", sleep_s=60)
    first = project.start()
    wait_until(lambda: "train" in project.steps_called())
    code, _, err = project.run("--date", "2026-11-24")
    assert code == 2
    assert err.startswith("error: expected no other run")
    assert str(first.pid) in err
    first.terminate()
    first.communicate(timeout=20)


def test_a_lock_that_cannot_be_opened_is_one_clear_line(project):
    (project.storage / "runs" / ".lock").mkdir(parents=True)
    code, _, err = project.run()
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("error: expected a lock file that can be written, found Is a directory, at ")


def test_the_lock_of_a_dead_runner_is_no_obstacle(project):
    lock = project.storage / "runs" / ".lock"
    lock.parent.mkdir(parents=True)
    lock.write_text(json.dumps({"pid": os.getpid(), "started": 1.0, "day": "2026-11-22"}))
    code, _, err = project.run()
    assert code == 0, err


@pytest.mark.parametrize("content", [b'{"half', b"", b"\0\0\0\0\0\0\0", b"[1]"])
def test_a_damaged_record_means_run_again(project, content):
    project.run()
    project.forget_calls()
    record = project.storage / "runs" / "date=2026-11-23" / "train.json"
    record.write_bytes(content)
    code, _, err = project.run("--from", "evaluate")
    assert (code, project.steps_called()) == (0, ALL[3:]), err
    project.forget_calls()
    code, _, err = project.run()
    assert (code, project.steps_called()) == (0, ALL[2:]), err


def test_a_full_disk_is_one_clear_line_and_later_the_run_goes_on(project):
    """No file may grow, as on a disk that is full: from the start, or since the first step began."""
    process = project.start()
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err.count("\n")) == (2, 1)
    assert err.startswith("error: expected a storage root that can be written, found OSError: [Errno 27]")

    project.wish("collect", sleep_s=1)
    process = project.start()
    wait_until(lambda: project.steps_called() == ["collect"])
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
    out, err = process.communicate(timeout=20)
    assert (process.returncode, json.loads(out.splitlines()[-1])["outcome"]) == (2, "failed")
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("error: expected records that can be written, found [Errno 27]")
    assert project.run()[0] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_first_step_is_no_traceback(project, number, monkeypatch, capsys):
    def interrupted(*arguments: object) -> None:
        run.on_signal(number, None)

    monkeypatch.setattr(day, "fingerprint", interrupted)
    monkeypatch.setattr(signal, "signal", lambda *arguments: None)
    monkeypatch.chdir(project.folder)
    assert run.main(["--date", "2026-11-23", "--storage", str(project.storage)]) == 128 + number
    assert json.loads(capsys.readouterr().out)["reason"] == f"interrupted by {number.name}"
