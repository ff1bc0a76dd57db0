"""One command of the day as a child process: arguments in, an `Outcome` (last line, error, time,
memory) out.

The child writes to files, which are followed here: nothing is lost when this process dies, no pipe can
fill up. It gets a process group of its own, which goes whole when the command ends or is stopped; a
parent killed with -9 takes its child along.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from orchestration.settings import BadSetting

POLL_S = 0.05
SAMPLE_S = 1.0
TRACEBACK = 1  # what Python ends with on an error that nobody caught
DEATH_SIGNAL_OPTION = 1  # PR_SET_PDEATHSIG of Linux's prctl


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    exit_code: int
    """As a shell tells it: 128 + the signal's number for a command that a signal ended."""
    summary: dict[str, Any]
    """The JSON line it printed last; empty when it printed none."""
    error: str
    """Its own words on the failure, empty when it ended well."""
    seconds: float
    peak_mib: float
    """Highest memory of the command and all it started together, sampled each second."""
    crashed: bool = False
    """It ended with neither an `error:` line nor a JSON line: nobody foresaw it, as a cloud that is away."""


def die_with_parent(parent: int) -> Callable[[], None]:
    """For the child before it starts: a parent killed with -9 takes the child along (Linux only)."""
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def ask_kernel() -> None:
        if prctl is not None:
            prctl(DEATH_SIGNAL_OPTION, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(128 + signal.SIGTERM)

    return ask_kernel


def tree_mib(pid: int) -> float:
    """Memory of a process and its descendants now, in MiB."""
    total = 0
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for process in family:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue  # it ended between the listing and this line
    return total / 2**20


class Command:
    """A started command: `wait` follows it to its end, `stop` ends it with everything it started.

    Raises BadSetting where the program cannot be started.
    """

    def __init__(
        self,
        argv: Sequence[str],
        logs: Path,
        name: str,
        environment: Mapping[str, str],
        *,
        folder: Path | None = None,
        keep_open: tuple[int, ...] = (),
    ) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self.output, self.log = logs / f"{name}.out", logs / f"{name}.log"
        self.started = time.monotonic()
        self.exit_code: int | None = None
        self.peak_mib = 0.0
        with self.output.open("wb") as out, self.log.open("wb") as err:
            try:
                self.process = subprocess.Popen(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    env={**environment, "PYTHONUNBUFFERED": "1"},
                    cwd=folder,
                    pass_fds=keep_open,
                    process_group=0,
                    preexec_fn=die_with_parent(os.getpid()),
                )
            except OSError as error:
                raise BadSetting(
                    f"expected a program that can be started, found {error}; install it or change the profile"
                ) from error

    def has_ended(self) -> bool:
        if self.exit_code is None:
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                self.process.returncode = code
                self.exit_code = code if code >= 0 else 128 - code
                self.peak_mib = max(self.peak_mib, usage.ru_maxrss / 2**10)
        return self.exit_code is not None

    def wait(self, on_line: Callable[[str], None], on_tick: Callable[[], None] = lambda: None) -> Outcome:
        """Hands each line of the command's stderr over as it comes; stops the command if it is left early."""
        next_sample = 0.0
        try:
            with self.log.open("rb") as lines:
                rest = b""
                while True:
                    ended = self.has_ended()  # before reading: what is written afterwards is nobody's
                    *whole, rest = (rest + lines.read()).replace(b"\r", b"\n").split(b"\n")
                    for line in filter(bytes.strip, [*whole, rest] if ended else whole):
                        on_line(line.decode("utf-8", "replace"))
                    if ended:
                        return self.outcome()
                    if time.monotonic() >= next_sample:
                        self.peak_mib = max(self.peak_mib, tree_mib(self.process.pid))
                        next_sample = time.monotonic() + SAMPLE_S
                    on_tick()
                    time.sleep(POLL_S)
        finally:
            self.stop()

    def stop(self, grace_s: float = 10.0) -> None:
        """Asks the whole group to end, and kills what is left of it; harmless when all has ended."""
        try:
            if not self.has_ended():
                self._signal(signal.SIGTERM)
                deadline = time.monotonic() + grace_s
                while not self.has_ended() and time.monotonic() < deadline:
                    time.sleep(POLL_S)
        finally:
            self._signal(signal.SIGKILL)
            while not self.has_ended():
                time.sleep(POLL_S)

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return

    def outcome(self) -> Outcome:
        summary = last_json_line(self.output)
        code = self.exit_code if self.exit_code is not None else 1
        error = ""
        crashed = code == TRACEBACK and not summary and not error_lines(self.log)
        if code:
            error = own_error(self.log) or summary.get("reason", "") or f"exit code {code} and no word"
        elif not summary:
            code, error = 1, f"expected a JSON line at the end of its output, found none, in {self.output}"
        elif summary.get("outcome") == "failed":
            code, error = 1, summary.get("reason", "") or "outcome failed, no reason given"
        return Outcome(code, summary, error, time.monotonic() - self.started, self.peak_mib, crashed)


def last_json_line(path: Path) -> dict[str, Any]:
    """The last line of a file as a JSON object, an empty one if it is something else."""
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    try:
        summary = json.loads(lines[-1]) if lines else {}
    except json.JSONDecodeError:
        return {}
    return summary if isinstance(summary, dict) else {}


def own_error(log: Path) -> str:
    """The last `error:` line of a log, else its last line."""
    told = [*log_lines(log), *error_lines(log)]
    return told[-1].removeprefix("error:").strip() if told else ""


def error_lines(log: Path) -> list[str]:
    return [line for line in log_lines(log) if line.startswith("error:")]


def log_lines(log: Path) -> list[str]:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.strip() for line in lines if line.strip()]
