"""A cleaning job over a bucket, for a Spark without a connector to it: a command in, its part in the
bucket out.

    python -m orchestration.stage --storage s3://bucket/prefix -- python -m spark_processing.clean_job

What the job reads (raw runs that no part covers, and the dataset so far) is copied into a folder of
this machine, the command runs on that folder (`--storage FOLDER` is added), and what it made is copied
back with `dataset.json` last. Files there are never rewritten, so a copy of the right size is kept for
the next day. One job at a time works on a copy; another waits for its end.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import IO, Any, NoReturn

import fsspec

DATASET = "processed/dataset.json"


class Bucket:
    """The storage root, by names relative to it."""

    def __init__(self, root: str) -> None:
        self.files, self.prefix = fsspec.core.url_to_fs(root)

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of every file under a folder, by name."""
        self.files.invalidate_cache()
        found = self.files.find(f"{self.prefix}/{folder}", detail=True)
        return {path[len(self.prefix) + 1 :]: entry["size"] for path, entry in found.items()}

    def read(self, name: str) -> bytes | None:
        try:
            return bytes(self.files.cat_file(f"{self.prefix}/{name}"))
        except FileNotFoundError:
            return None

    def download(self, name: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{target.name}.coming")
        self.files.get_file(f"{self.prefix}/{name}", str(aside))
        aside.replace(target)

    def upload(self, source: Path, name: str) -> None:
        """One PUT: an object is there whole or not at all."""
        self.files.pipe_file(f"{self.prefix}/{name}", source.read_bytes())


def covered_runs(dataset: bytes | None) -> set[str]:
    """Folders of the raw runs that the dataset's parts already hold."""
    manifests: list[dict[str, Any]] = json.loads(dataset)["raw_manifests"] if dataset else []
    return {manifest["path"].rpartition("/")[0] for manifest in manifests}


def stage_in(bucket: Bucket, folder: Path) -> bytes | None:
    """Copies what the job needs; returns dataset.json as it was found, None where there is none yet."""
    dataset = bucket.read(DATASET)
    covered = covered_runs(dataset)
    raw = {name: size for name, size in bucket.sizes("raw").items() if name.rpartition("/")[0] not in covered}
    for name, size in (raw | bucket.sizes("processed")).items():
        copy = folder / name
        if name != DATASET and not (copy.exists() and copy.stat().st_size == size):
            bucket.download(name, copy)
    local = folder / DATASET
    local.parent.mkdir(parents=True, exist_ok=True)
    if dataset is None:
        local.unlink(missing_ok=True)
    else:
        local.write_bytes(dataset)
    return dataset


def stage_out(bucket: Bucket, folder: Path, found: bytes | None) -> None:
    """Copies new parts, then dataset.json. Raises RuntimeError if another job changed that meanwhile."""
    dataset = folder / DATASET
    if not dataset.exists() or dataset.read_bytes() == found:
        return
    there = bucket.sizes("processed")
    for part in json.loads(dataset.read_bytes())["parts"]:
        for path in sorted((folder / "processed" / f"part={part['id']}").rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and there.get(name) != path.stat().st_size:
                bucket.upload(path, name)
    if bucket.read(DATASET) != found:
        raise RuntimeError(f"expected {DATASET} as the job found it, found another one; run the job again")
    bucket.upload(dataset, DATASET)


def hold(folder: Path) -> IO[str]:
    """Keep the returned file open for as long as the copy is wanted; the kernel frees it for the next."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = folder.with_name(f"{folder.name}.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"waiting for another job on {folder}", file=sys.stderr)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def end(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def read_options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m orchestration.stage",
        description=__doc__,
        epilog="exit codes: the command's own; 1 the bucket failed, or another job changed the dataset",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--storage", required=True, help="address of the bucket, s3://bucket/prefix")
    parser.add_argument(
        "--folder", help="where copies are kept (default: .cache/stage/<name from the address>)"
    )
    parser.add_argument("command", nargs="+", help="the job, after --")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    options = read_options(argv)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    named = hashlib.sha256(options.storage.encode()).hexdigest()[:12]
    folder = Path(options.folder or f".cache/stage/{named}").resolve()
    try:
        bucket = Bucket(options.storage.rstrip("/"))
        with hold(folder) as lock:
            print(f"copying what is new from {options.storage} to {folder}", file=sys.stderr)
            found = stage_in(bucket, folder)
            command = [*options.command, "--storage", str(folder)]
            code = subprocess.run(command, pass_fds=[lock.fileno()]).returncode  # it may outlive this process
            if not code:
                stage_out(bucket, folder, found)
    except (OSError, RuntimeError, ValueError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    raise SystemExit(main())
