"""Finish what a bucket would not take: runs that wait in the spool are uploaded, each manifest last.

    python -m scraper.resume_upload

HOROSCOPE_SPOOL (default .cache/spool) comes in, published runs go out. Where each belongs was written down
with it. Exit codes: 0 nothing waits any more, 1 some runs still wait, 2 wrong arguments or environment.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from s3pipeline.strategies.error import UploadError

from scraper.forgotten import Forgotten
from scraper.outcome import last_line
from scraper.runs import ADDRESS, refuse_forgotten, spool, whole_runs
from scraper.storage import StorageError
from scraper.upload import pauses, upload_run


def main(argv: list[str] | None = None) -> int:
    known = argparse.ArgumentParser(
        prog="python -m scraper.resume_upload", description=__doc__.split("\n")[0]
    )
    known.add_argument(
        "--spool", type=Path, help="folder of waiting runs (default $HOROSCOPE_SPOOL or .cache/spool)"
    )
    arguments = known.parse_args(argv)
    started = time.monotonic()
    waiting = done = 0
    for process in idle_processes(arguments.spool or spool()):
        root = (process / ADDRESS).read_text(encoding="utf-8")
        for run in whole_runs(process):
            waiting += 1
            target = f"raw/{run.name.replace(',', '/')}"
            try:
                upload_run(run, root, target, pauses())
                refuse_forgotten(root, target)
                done += 1
            except Forgotten as error:
                done += 1
                print(f"resume-upload: {error}", file=sys.stderr)
            except (UploadError, StorageError) as error:
                print(
                    f"error: expected {root} to take {run}, found {error}; run again later", file=sys.stderr
                )
        if not whole_runs(process):
            (process / ADDRESS).unlink()  # first: who finds the lock open then sees that nothing waits
            shutil.rmtree(process, ignore_errors=True)
    outcome = "done" if done == waiting else "failed"
    reason = {} if outcome == "done" else {"reason": f"{waiting - done} runs still wait"}
    print(last_line("resume-upload", outcome, waiting, done, time.monotonic() - started, **reason))
    return int(outcome == "failed")


def idle_processes(folder: Path) -> Iterator[Path]:
    """Spool folders of processes that have ended: nobody holds their lock."""
    for process in sorted(address.parent for address in folder.glob(f"*/{ADDRESS}")):
        with (
            contextlib.suppress(BlockingIOError, FileNotFoundError),  # at work, or finished this very moment
            (process / ".lock").open("w") as lock,
        ):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if (process / ADDRESS).exists():
                yield process


if __name__ == "__main__":
    sys.exit(main())
