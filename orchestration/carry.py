"""A finished model from one machine to another by way of the bucket: a folder or address in, the whole
of it at another one out, or nothing.

    python -m orchestration.carry model s3://bucket/models/2026-11-23         on the GPU machine
    python -m orchestration.carry s3://bucket/models/2026-11-23 data/models/2026-11-23

`carried.json` goes last and lists every file with its SHA-256: a copy without it does not exist, and one
that does not agree with it is refused. Needs nothing but fsspec, so it travels with a GPU job.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import shutil
import sys
import time
from pathlib import Path

import fsspec

LIST = "carried.json"


class CarryFailed(Exception):
    """There is no whole copy to take; the message says what is missing."""


def listed(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder`, by its path there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != LIST)
    if not files:
        raise CarryFailed(f"expected files to carry, found none, in {folder}; train a model first")
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def put(folder: Path, address: str) -> int:
    """Copies a folder to an address, a shared folder or a bucket; how many files."""
    makes_folders = {"auto_mkdir": True} if fsspec.utils.get_protocol(address) == "file" else {}
    files, root = fsspec.core.url_to_fs(address, **makes_folders)
    digests = listed(folder)
    if files.exists(f"{root}/{LIST}"):
        files.rm_file(f"{root}/{LIST}")
    for name in digests:
        files.put_file(str(folder / name), f"{root}/{name}")
    files.pipe_file(f"{root}/{LIST}", json.dumps(digests, indent=2).encode())
    return len(digests)


def fetch(address: str, folder: Path) -> int:
    """Copies from an address into a new folder, which is replaced as a whole; how many files."""
    files, root = fsspec.core.url_to_fs(address)
    try:
        digests: dict[str, str] = json.loads(files.cat_file(f"{root}/{LIST}"))
    except (FileNotFoundError, ValueError) as error:
        found = "no" if isinstance(error, FileNotFoundError) else "a damaged"
        raise CarryFailed(
            f"expected a complete copy, found {found} {LIST}, in {address}; run the job that makes it again"
        ) from error
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two that fetch at once do it one after the other
        aside = folder.with_name(f".{folder.name}.coming")
        shutil.rmtree(aside, ignore_errors=True)
        for name in digests:
            target = aside / name
            target.parent.mkdir(parents=True, exist_ok=True)
            files.get_file(f"{root}/{name}", str(target))
        wrong = sorted(name for name, digest in digests.items() if listed(aside)[name] != digest)
        if wrong:
            raise CarryFailed(
                f"expected the files of {LIST}, found others for {', '.join(wrong)}, in {address}; "
                "run the job that makes it again"
            )
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
    return len(digests)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m orchestration.carry",
        description=__doc__,
        epilog="exit codes: 0 done, 1 no whole copy or no way to the bucket, 2 wrong arguments",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", help="a folder, or the address of a carried one")
    parser.add_argument("target", help="an address, or the folder to make")
    options, started = parser.parse_args(argv), time.monotonic()
    outward = "://" in options.target
    if outward == ("://" in options.source):
        print("error: expected one folder and one address, found two of a kind; see --help", file=sys.stderr)
        return 2
    try:
        carried = (
            put(Path(options.source), options.target)
            if outward
            else fetch(options.source, Path(options.target))
        )
    except CarryFailed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 - each store's client has its own
        print(
            f"error: expected a way from {options.source} to {options.target}, found {type(error).__name__}: "
            f"{error}; nothing half-carried is seen, run again",
            file=sys.stderr,
        )
        return 1
    seconds = round(time.monotonic() - started, 2)
    print(json.dumps({"step": "carry", "outcome": "done", "rows_out": carried, "seconds": seconds}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
