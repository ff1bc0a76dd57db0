"""What can end a training run, by name. Light, so that a program can name them before torch is loaded."""

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path


class Diverged(Exception):
    """The loss is no number any more; the message says at which step and what to do."""


class StartProblem(Exception):
    """The model to start from cannot be had; the message says what to do."""


class Terminated(Exception):
    """SIGTERM came; the message says where the work was saved."""


class DiskFull(OSError):
    """There was no room to save; the message says where and how much was free."""


@contextlib.contextmanager
def naming_a_full_disk(folder: Path, needed: int) -> Iterator[None]:
    """Raises DiskFull for what libraries say in many ways when `needed` bytes find no room."""
    try:
        yield
    except Exception as error:
        free = shutil.disk_usage(folder).free
        said = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
        if not said and free >= needed:
            raise
        raise DiskFull(
            f"expected room for about {needed / 2**20:,.0f} MiB, found {free / 2**20:,.0f} MiB, in {folder}; "
            "make room and run the same command again, it goes on from the last whole checkpoint"
        ) from error
