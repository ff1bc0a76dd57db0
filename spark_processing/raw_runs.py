"""Which raw runs are new and whole: in comes the storage, out come runs whose every part is what its manifest
says.

Needs no Spark where the root is a folder, so a daily run with nothing new, or with a damaged part, ends at
once.
"""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, Iterable, List, NamedTuple, Sequence, Tuple

from spark_processing.schema import RAW_COLUMNS, RAW_SCHEMA_VERSION
from spark_processing.storage import Found

HEADER = ",".join(RAW_COLUMNS)

Faults = Dict[str, str]
"""Path of a run's manifest → what is wrong with the run."""


class RawDataError(Exception):
    """A raw run is not what its manifest says; the message names the file and the way out."""


class RawPart(NamedTuple):
    path: str
    """Relative to the storage root."""
    rows: int
    bytes: int
    sha256: str


class RawRun(NamedTuple):
    manifest: str
    """Path of the manifest, relative to the storage root."""
    sha256: str
    """Of the manifest itself."""
    parts: Tuple[RawPart, ...]

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)


def find_manifests(storage: Any, without: Sequence[str] = ()) -> List[Found]:
    """The manifest of every run that has one, sorted by path; a source in `without` does not exist."""
    hidden = tuple(f"source={source}" for source in without)
    found = storage.find("raw/date=*/source=*/run=*/manifest.json")
    return [manifest for manifest in found if manifest.path.split("/")[2] not in hidden]


def read_runs(storage: Any, manifests: Iterable[str]) -> Tuple[List[RawRun], Faults]:
    """The complete ones of the runs, and the manifests that cannot be read."""
    runs: List[RawRun] = []
    faults: Faults = {}
    for path in manifests:
        try:
            runs += _read_run(storage, path)
        except RawDataError as error:
            faults[path] = str(error)
    return runs, faults


def _read_run(storage: Any, path: str) -> List[RawRun]:
    """One run, none where its outcome is not `complete`."""
    folder, content = path.rpartition("/")[0], storage.read(path)
    try:
        manifest: Dict[str, Any] = json.loads(content)
        outcome, schema = manifest["outcome"], manifest["schema"]
        parts = [
            RawPart(f"{folder}/{p['name']}", p["rows"], p["bytes"], p["sha256"]) for p in manifest["parts"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise RawDataError(
            f"expected a manifest as DATA_FORMAT.md describes, found {type(error).__name__}: {error}, "
            f"in {path}; collect that day again or remove the run's folder"
        ) from error
    if schema != RAW_SCHEMA_VERSION:
        raise RawDataError(f"expected raw schema {RAW_SCHEMA_VERSION}, found {schema}, in {path}")
    return [RawRun(path, hashlib.sha256(content).hexdigest(), tuple(parts))] if outcome == "complete" else []


def find_damaged(storage: Any, runs: List[RawRun]) -> Faults:
    """The runs with a part that is missing, damaged, or has other columns than ours."""
    parts = [(run, part) for run in runs for part in run.parts]
    with ThreadPoolExecutor(max_workers=4) as pool:
        found = list(pool.map(lambda pair: part_fault(storage, pair[1]), parts))
    faults: Faults = {}
    for (run, _), fault in zip(parts, found):
        if fault:
            faults[run.manifest] = f"{faults[run.manifest]}; {fault}" if run.manifest in faults else fault
    return faults


def refuse(faults: Faults) -> None:
    """Raise RawDataError naming every fault."""
    if faults:
        way_out = "restore what is damaged, collect it again, or go on without it by --quarantine"
        raise RawDataError(f"{'; '.join(faults.values())}; {way_out}")


def part_fault(storage: Any, part: RawPart) -> str:
    """What is wrong with a part, in one line; empty when nothing is."""
    if not storage.exists(part.path):
        return f"expected a part of {part.rows} rows, found no file, in {part.path}"
    found = storage.digest(part.path)
    if found.bytes != part.bytes:
        return f"expected {part.bytes} bytes, found {found.bytes}, in {part.path}"
    if found.sha256 != part.sha256:
        return f"expected sha256 {part.sha256[:12]}…, found {found.sha256[:12]}…, in {part.path}"
    if found.header.rstrip("\r") != HEADER:
        return f"expected columns {HEADER}, found {found.header}, in {part.path}"
    return ""
