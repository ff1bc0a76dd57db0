"""One runner at a time on one storage: a path in, an open and locked file out, or a `BadSetting` naming
the holder.

The kernel holds the lock (flock), so a killed runner leaves none behind. Its last child inherits the
open file: while that child is still ending, the next runner waits for it.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import IO

import psutil

from orchestration.settings import BadSetting

LINGER_S = 20.0


def hold(path: Path, day: str, linger_s: float = LINGER_S, where: str = "on this storage") -> IO[str]:
    """Keep the returned file open for as long as the lock is wanted."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise BadSetting(
            f"expected a lock file that can be written, found {error.strerror}, at {path}; "
            "set its rights, or TMPDIR where another user has it"
        ) from error
    deadline = time.monotonic() + linger_s
    while not try_lock(file):
        holder = read_holder(file)
        if is_alive(holder) or time.monotonic() > deadline:
            file.close()
            raise BadSetting(
                f"expected no other run {where}, found one for {holder.get('day', 'a day')} (process "
                f"{holder.get('pid', 'unknown')}), in {path}; wait for its end or stop that process"
            )
        time.sleep(0.1)
    file.truncate(0)
    file.write(json.dumps({"pid": os.getpid(), "started": psutil.Process().create_time(), "day": day}))
    file.flush()
    return file


def try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_holder(file: IO[str]) -> dict[str, object]:
    file.seek(0)
    try:
        return dict(json.loads(file.read()))
    except ValueError:  # the holder is just writing
        return {}


def is_alive(holder: dict[str, object]) -> bool:
    """True for the very process that wrote the lock, not for another one that got its number later."""
    try:
        return psutil.Process(int(str(holder["pid"]))).create_time() == holder["started"]
    except (KeyError, ValueError, psutil.NoSuchProcess):
        return False
