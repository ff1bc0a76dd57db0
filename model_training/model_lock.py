"""One program at a time that makes or judges a model. In: its directory, there or not. Out: a context; the
second one to enter is told so at once.

The lock is a file beside the directory: it goes with the program, however that ends.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


class AtWork(OSError):
    """Another program makes or judges this model; the message says what to do."""


@contextlib.contextmanager
def alone(model: Path) -> Iterator[None]:
    """Raises AtWork when another is in."""
    model = model.resolve()
    model.parent.mkdir(parents=True, exist_ok=True)
    path = model.with_name(f".{model.name}.lock")
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_there = os.path.samestat(os.fstat(lock.fileno()), path.stat())
        except (BlockingIOError, FileNotFoundError):
            is_there = False
        if not is_there:  # or it was removed by one who ended this very moment: another may hold the next
            raise AtWork(
                f"expected nobody else to train or evaluate it, found one at work, in {model}; "
                "wait for its end, then run again"
            )
        try:
            yield
        finally:
            path.unlink()
