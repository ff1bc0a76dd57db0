"""A job on any machine with SSH: a name and a shell command in, its output and exit code out, whatever
the line does.

The job is detached on the remote machine in a folder of its own, which holds its `lock` (taken as long
as anything of it runs, and for the instant of a look), `pid`, `log` and, at the end, `exit`. So a dropped
connection loses nothing, a second start finds the first, and a retry follows what runs or takes what is
done. The remote machine needs sh, setsid and flock.
"""

from __future__ import annotations

import shlex
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestration.patience import Patience

if TYPE_CHECKING:
    import paramiko

LINE_FAULTS = (OSError, EOFError, socket.timeout)

START = """
mkdir -p {folder} && cd {folder} || exit 1
(exec 9>lock; flock -w 1 9 || exit 0
 [ "$(cat exit 2>/dev/null)" = 0 ] && exit 0
 rm -f exit pid; : > log
 setsid sh -c 'echo $$ > pid; ( {command} ) > log 2>&1; echo $? > exit.new; mv exit.new exit' \\
   < /dev/null > /dev/null 2>&1 &)
"""
STATE = """
cd {folder} 2>/dev/null || {{ echo absent; exit; }}
exec 9>lock
if flock -n 9; then if [ -e exit ]; then echo "ended $(cat exit)"; else echo absent; fi; else echo running; fi
"""
LOG = "tail -c +{start} {folder}/log 2>/dev/null || true"
CANCEL = """
cd {folder} 2>/dev/null || exit 0
exec 9>lock; flock -n 9 && exit 0
kill -s TERM -- "-$(cat pid)" 2>/dev/null; sleep {grace_s}; kill -s KILL -- "-$(cat pid)" 2>/dev/null; true
"""


class RemoteJobFailed(Exception):
    """The job ended with another exit code than 0, or vanished; the message says which."""


@dataclass
class RemoteJob:
    """One job of that name on the machine that `connect` reaches."""

    connect: Callable[[], paramiko.SSHClient]
    name: str
    patience: Patience
    root: str = "horoscope-jobs"
    """Folder in the remote home."""

    def __post_init__(self) -> None:
        self._line: Any = None

    @property
    def folder(self) -> str:
        return shlex.quote(f"{self.root}/{self.name}")

    def start(self, command: str) -> None:
        """Starts it unless it runs or is done; one that failed is started anew."""
        quoted = command.replace("'", "'\\''")
        self._ask(START.format(folder=self.folder, command=quoted))

    def state(self) -> str:
        """`running`, `ended <exit code>`, or `absent` for a job that was never started or was cut off."""
        return self._ask(STATE.format(folder=self.folder)).decode().strip()

    def wait(self, on_line: Callable[[str], None]) -> None:
        """Follows it to its end, over as many connections as it takes. Raises RemoteJobFailed."""
        told, rest = 0, b""
        while True:
            state = self.state()
            came = self._ask(LOG.format(start=told + 1, folder=self.folder))
            told += len(came)
            *whole, rest = (rest + came).split(b"\n")
            if state != "running" and rest:
                whole.append(rest)
            for line in whole:
                on_line(line.decode("utf-8", "replace"))
            if state != "running":
                break
            self.patience.pause()
        if state != "ended 0":
            raise RemoteJobFailed(f"remote job {self.name}: expected exit code 0, found {state}")

    def cancel(self, grace_s: float = 2) -> None:
        self._ask(CANCEL.format(folder=self.folder, grace_s=grace_s))

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def _ask(self, script: str) -> bytes:
        """Output of a script that may be run twice; the connection is made anew when it breaks."""
        import paramiko

        for again in range(self.patience.tries):
            try:
                self._line = self._line or self.connect()
                _, out, _ = self._line.exec_command(script, timeout=self.patience.call_s)
                told: bytes = out.read()
                if out.channel.recv_exit_status() == 0:
                    return told
                raise OSError("the remote shell was cut off or could not work in its folder")
            except (*LINE_FAULTS, paramiko.SSHException):
                self.close()
                if again == self.patience.tries - 1:
                    raise
                self.patience.pause()
        raise AssertionError("tries is at least one")
