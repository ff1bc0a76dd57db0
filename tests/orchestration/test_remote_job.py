"""A detached job over a real SSH server on loopback whose line drops: it runs once, and nothing of it
is lost."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time

import asyncssh
import paramiko
import pytest

from orchestration.patience import Patience
from orchestration.remote_job import RemoteJob, RemoteJobFailed
from orchestration.settings import load_profile

QUICK = Patience(poll_s=0.05, tries=6, call_s=10)


class Machine:
    """An SSH server that runs commands in a home of its own; each of `drops` loses the line at a command.

    `before`: the line is lost before the command is run, `after`: once it has been run.
    """

    def __init__(self, home) -> None:
        self.home, self.drops, self.commands = home, [], 0
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.server = asyncio.run_coroutine_threadsafe(self._listen(), self.loop).result(10)
        self.port = self.server.sockets[0].getsockname()[1]

    async def _listen(self):
        class Anyone(asyncssh.SSHServer):
            def begin_auth(self, username):
                return False

        keys = [asyncssh.generate_private_key("ssh-ed25519")]
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=Anyone,
            server_host_keys=keys,
            process_factory=self._run,
            encoding=None,
        )

    async def _run(self, process) -> None:
        self.commands += 1
        drop = self.drops.pop(0) if self.drops else ""
        if drop != "before":
            environment = {**os.environ, "HOME": str(self.home)}
            child = await asyncio.create_subprocess_shell(
                process.command,
                cwd=self.home,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            out, _ = await child.communicate()
        if drop:
            process.channel.get_connection().abort()
            return
        process.stdout.write(out)
        process.exit(child.returncode)

    def connect(self) -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect(
            "127.0.0.1", self.port, "u", password="", look_for_keys=False, allow_agent=False, timeout=10
        )
        return client

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.server.close)
        self.loop.call_soon_threadsafe(self.loop.stop)


@pytest.fixture
def machine(tmp_path):
    machine = Machine(tmp_path)
    yield machine
    machine.stop()


@pytest.fixture
def job(machine):
    job = RemoteJob(machine.connect, "train-2026-11-23", QUICK)
    yield job
    job.cancel(grace_s=0)
    job.close()


COMMAND = "echo started >> ../../runs; echo 'epoch 1'; sleep 0.5; echo \"it's done\""


def runs(machine) -> int:
    file = machine.home / "runs"
    return len(file.read_text().splitlines()) if file.exists() else 0


@pytest.mark.parametrize(
    "drops", [[], ["before"], ["after"], ["", "before", "after"], ["after", "after", "before"]]
)
def test_the_job_runs_once_and_all_its_lines_arrive_whatever_the_line_does(machine, job, drops):
    machine.drops = list(drops)
    lines = []
    job.start(COMMAND)
    job.wait(lines.append)
    assert lines == ["epoch 1", "it's done"]
    assert runs(machine) == 1


def test_lines_seen_while_they_are_written_arrive_whole(machine, job):
    """Programs write blocks of bytes, which end within a line and within a letter."""
    lines = []
    job.start(r"printf 'эпоха 1\nэпо\321'; sleep 0.4; printf '\205а 2\nконец'")
    job.wait(lines.append)
    assert lines == ["эпоха 1", "эпоха 2", "конец"]


def test_a_start_while_another_looks_at_the_job_is_not_lost(machine, job):
    job.start("exit 7")
    with pytest.raises(RemoteJobFailed):
        job.wait(lambda line: None)
    look = subprocess.Popen(["flock", machine.home / job.root / job.name / "lock", "sleep", "0.3"])
    time.sleep(0.1)
    job.start(COMMAND)
    look.wait()
    job.wait(lambda line: None)
    assert runs(machine) == 1


def test_a_job_that_has_ended_is_not_cancelled_by_a_number_that_is_now_anothers(machine, job):
    job.start("true")
    job.wait(lambda line: None)
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    (machine.home / job.root / job.name / "pid").write_text(f"{stranger.pid}\n")
    job.cancel(grace_s=0)
    time.sleep(0.1)
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_a_second_start_finds_the_first_and_a_finished_job_is_taken_as_it_is(machine, job):
    job.start(COMMAND)
    again = RemoteJob(machine.connect, job.name, QUICK)
    again.start(COMMAND)
    again.wait(lambda line: None)
    again.start(COMMAND)
    again.wait(lambda line: None)
    again.close()
    assert runs(machine) == 1


def test_a_failed_job_tells_its_code_and_is_started_anew_by_a_retry(machine, job):
    job.start("test -e ../../repaired || exit 7")
    with pytest.raises(RemoteJobFailed, match="found ended 7"):
        job.wait(lambda line: None)
    (machine.home / "repaired").touch()
    job.start("test -e ../../repaired || exit 7")
    job.wait(lambda line: None)


def test_a_cancelled_job_leaves_nothing_running(machine, job):
    job.start("sleep 60 & echo $! > ../../child; wait")
    child = machine.home / "child"
    deadline = time.monotonic() + 10
    while not (child.exists() and child.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    job.cancel(grace_s=0)
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", child.read_text().strip()], capture_output=True, text=True
    )
    assert state.stdout.strip() in ("", "Z", "ZN")
    assert job.state() != "running"


@pytest.mark.slow
def test_the_dag_trains_the_profiles_recipe_there_and_brings_the_model_home(
    machine, family, project, monkeypatch
):
    """The real SSH hook and the job's whole shell line; the checkout there has stand-in programs."""
    checkout, bucket = project.folder, project.folder / "bucket"
    (checkout / ".venv").symlink_to(sys.prefix)
    for name, value in project.environment.items():
        monkeypatch.setenv(name, value)
    connection = {
        "conn_type": "ssh",
        "host": "127.0.0.1",
        "port": machine.port,
        "login": "u",
        "password": "p",
    }
    connection["extra"] = {"no_host_key_check": True, "look_for_keys": False}
    variables = {
        "HOROSCOPE_PROFILE": "gpu",
        "AIRFLOW_VAR_HOROSCOPE_STORAGE": f"file://{bucket}",
        "AIRFLOW_VAR_HOROSCOPE_CHECKOUT": str(checkout),
        "AIRFLOW_CONN_SSH_DEFAULT": json.dumps(connection),
    }
    told = family("remote_train", **variables)["remote_train"]
    assert told["tasks"] == {name: ["success"] for name in ("due", "train", "fetch")}, family.printed
    (trained,) = [call for call in project.calls() if call[0] == "train" and call[-1] != "--check"]
    assert trained[2:] == [
        *["--config", load_profile("gpu").training_config],
        *["--data", f"file://{bucket}/processed", "--output", "dist/models/2026-11-23"],
    ]
    assert (checkout / "data" / "models" / "2026-11-23" / "metrics.json").is_file()


def test_a_machine_that_stays_away_is_an_error_and_not_an_endless_wait(machine, job):
    machine.drops = ["before"] * 20
    with pytest.raises((OSError, EOFError, paramiko.SSHException)):
        job.start(COMMAND)
    assert machine.commands == QUICK.tries
    machine.drops = []
