"""The raw/ dataset: runs are written aside, published by one atomic step, and listed.

A run is first a complete folder aside (`parts`, then `manifest.json`). In a folder storage that lies on the
same disk under `raw/.aside/` and one rename publishes it; for a bucket it is the local spool, whose parts
are uploaded first and whose manifest last. A process killed anywhere leaves the dataset as it was; what it
left aside is swept by the next.
"""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import fcntl
import hashlib
import io
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import scraper
from scraper.forgotten import FORGOTTEN, Forgotten, forgotten_sources
from scraper.items import COLUMNS, HoroscopeItem
from scraper.storage import StorageError, file_system, is_remote, local_path, reading

ADDRESS = ".storage"


def spool() -> Path:
    """Where runs for a bucket wait until the store has confirmed them."""
    return Path(os.environ.get("HOROSCOPE_SPOOL", ".cache/spool"))


def aside_base(root: str) -> Path:
    """Where all processes prepare their runs."""
    return spool() if is_remote(root) else local_path(root) / "raw" / ".aside"


def run_path(day: dt.date, source: str, run: str) -> str:
    """The run's folder under the storage root."""
    return f"raw/date={day}/source={source}/run={run}"


def render_csv(items: Iterable[HoroscopeItem]) -> bytes:
    """UTF-8, header always, a quote inside a field doubled, LF."""
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(item, column) for column in COLUMNS] for item in items)
    return lines.getvalue().encode()


class Aside:
    """The place where one process prepares runs; a lock tells a later one whether it is still alive."""

    def __init__(self, root: str, process: str) -> None:
        """Raises StorageError where nothing can be written."""
        self.root = root
        self.base = aside_base(root)
        self.folder = self.base / process
        try:
            self.base.mkdir(parents=True, exist_ok=True)
            with self.base.with_name(f"{self.base.name}.lock").open("w") as door:
                fcntl.flock(door, fcntl.LOCK_EX)  # one enters at a time: none sweeps a folder not locked yet
                self.folder.mkdir()
                self._lock = (self.folder / ".lock").open("w")
                fcntl.flock(self._lock, fcntl.LOCK_EX)
                (self.folder / ADDRESS).write_text(root, encoding="utf-8")
                self._sweep()
        except OSError as error:
            raise StorageError(
                f"expected a folder that can be written, found {error.strerror or error}, "
                f"in --storage {root}; give another folder or mend its permissions"
            ) from error

    def _sweep(self) -> None:
        """Remove what killed processes left: a folder whose lock nobody holds."""
        for folder in self.base.iterdir():
            try:
                with (folder / ".lock").open("w") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            except OSError:  # killed before it had a lock, or its owner is removing it this very moment
                pass
            self._discard(folder)

    def close(self) -> None:
        """Anything not published by now is dropped, but for whole runs that a bucket has not taken."""
        self._lock.close()
        self._discard(self.folder)

    def _discard(self, folder: Path) -> None:
        if not is_remote(self.root) or not whole_runs(folder):
            shutil.rmtree(folder, ignore_errors=True)


def check_writable(root: str) -> None:
    """Before an hour of crawling rather than after it. Raises StorageError."""
    if is_remote(root):
        list(manifests(root, source="none", day="none"))
    else:
        Aside(root, f"check-{uuid.uuid4().hex[:8]}").close()


def whole_runs(folder: Path) -> list[Path]:
    """Run folders aside that only wait to be published: their manifest is written."""
    return sorted(manifest.parent for manifest in folder.glob("date=*,source=*,run=*/manifest.json"))


class RunWriter:
    """Collects the rows of one run as parts aside, then publishes them with a manifest."""

    def __init__(self, aside: Aside, day: dt.date, source: str, run: str) -> None:
        self.aside = aside
        self.day = day
        self.source = source
        self.run = run
        self.folder = aside.folder / run_path(day, source, run).removeprefix("raw/").replace("/", ",")
        self.folder.mkdir(exist_ok=True)
        self.parts: list[dict[str, Any]] = []

    def write_part(self, items: list[HoroscopeItem]) -> None:
        body = render_csv(items)
        name = f"part-{len(self.parts):04d}.csv"
        (self.folder / name).write_bytes(body)
        self.parts.append(
            {"name": name, "rows": len(items), "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        )

    def publish(self, manifest: dict[str, Any], patient: bool = True) -> None:
        """`manifest` holds what only the caller knows; the rest is added here. Nothing is visible before the
        end.

        Raises:
            Forgotten: the source was forgotten meanwhile; nothing is visible.
        """
        whole = {
            "schema": 1, "run": self.run, "source": self.source, "date": self.day.isoformat(),
            "code_version": scraper.__version__, "parts": self.parts,
            "rows": sum(part["rows"] for part in self.parts),
        }  # fmt: skip
        unfinished = self.folder / ".manifest.json"
        unfinished.write_text(render_json(whole | manifest), encoding="utf-8")
        unfinished.rename(self.folder / "manifest.json")  # half of one would make the run wait for a bucket
        target = run_path(self.day, self.source, self.run)
        if is_remote(self.aside.root):
            from scraper.upload import pauses, upload_run  # a folder storage needs no S3 client

            upload_run(self.folder, self.aside.root, target, pauses() if patient else ())
        else:
            place = local_path(self.aside.root) / target
            place.parent.mkdir(parents=True, exist_ok=True)
            os.rename(self.folder, place)  # noqa: PTH104  the atomic step, by its name
        refuse_forgotten(self.aside.root, target)


def render_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def manifests(root: str, source: str = "*", day: str = "*") -> Iterator[tuple[str, dict[str, Any]]]:
    """(run folder under the root, manifest) of every published run, in the order of day, source, run.

    Raises:
        StorageError: a manifest is no JSON, or the storage cannot be reached.
    """
    files, base = file_system(root)
    pattern = f"{base}/raw/date={day}/source={source}/run=*/manifest.json"
    with reading(root):
        paths = sorted(map(str, files.glob(pattern)))
        bodies = files.cat(paths, on_error="return") if paths else {}
    for path in paths:
        if isinstance(bodies[path], FileNotFoundError):  # forgotten this very moment
            continue
        with reading(root):
            if isinstance(bodies[path], Exception):
                raise bodies[path]
        try:
            yield path.removeprefix(base + "/").removesuffix("/manifest.json"), json.loads(bodies[path])
        except ValueError as error:
            raise StorageError(f"expected JSON, found {error}, in {path}; remove that run folder") from error


def complete_days(root: str, source: str) -> set[dt.date]:
    """Days that need no further run of this source."""
    return {
        dt.date.fromisoformat(manifest["date"])
        for _, manifest in manifests(root, source)
        if manifest["outcome"] == "complete"
    }


def refuse_forgotten(root: str, run: str) -> None:
    """A source may be forgotten while a run of it is on its way. Asked after the run is published: asked
    before, it could still come after everything of the source was removed.

    Raises:
        Forgotten: the run is removed again.
    """
    source = run.split("/")[2].removeprefix("source=")
    if source in forgotten_sources(root):
        with one_removes(root):
            remove_run(root, run)
        raise Forgotten(
            f"expected a source that may be kept, found {source}, forgotten meanwhile, in {FORGOTTEN}; "
            "nothing of it is stored"
        )


@contextlib.contextmanager
def one_removes(root: str) -> Iterator[None]:
    """One at a time removes runs: two would write the same list, or the same run, over each other."""
    lock = aside_base(root).with_name(".forget.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def remove_run(root: str, run: str) -> None:
    files, base = file_system(root)
    for path in (f"{base}/{run}/manifest.json", f"{base}/{run}"):  # without a manifest no run exists
        if files.exists(path):
            files.rm(path, recursive=True)


def read_rows(root: str, run: str, manifest: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Rows of one run, in the order they were written.

    Raises:
        StorageError: a part is not what the manifest tells, or the storage cannot be reached.
    """
    files, base = file_system(root)
    for part in manifest["parts"]:
        with reading(root):
            body = files.cat_file(f"{base}/{run}/{part['name']}")
        if hashlib.sha256(body).hexdigest() != part["sha256"]:
            raise StorageError(
                f"expected the bytes that its manifest tells, found others, in {base}/{run}/{part['name']}; "
                "remove that run folder"
            )
        yield from csv.DictReader(io.StringIO(body.decode(), newline=""))
