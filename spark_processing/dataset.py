"""`processed/dataset.json`: which parts make the dataset now, and which raw runs they cover.

In come parts, out comes the next state; writing it is the one atomic step that makes a new part visible.
It carries no clock time: the same input gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Dict, List, NamedTuple, Optional

from spark_processing.raw_runs import RawDataError, RawRun

DATASET = "processed/dataset.json"
WRITING = "processed/_writing"
"""Where jobs write, each below a name of its own."""
SCHEMA_VERSION = 1


class Part(NamedTuple):
    id: str
    rows: int
    """Rows kept."""
    date_from: Optional[str]
    date_to: Optional[str]
    """First and last ISO date of the kept rows, None when nothing was kept."""

    @property
    def folder(self) -> str:
        return f"processed/part={self.id}"


class Dataset(NamedTuple):
    rules_version: str
    options: Dict[str, Any]
    parts: List[Part]
    covered: Dict[str, str]
    """Raw manifest path → its sha256."""

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    @property
    def version(self) -> str:
        return digest([part.id for part in self.parts])[:12]

    def with_part(self, part: Part, runs: List[RawRun]) -> Dataset:
        covered = {**self.covered, **{run.manifest: run.sha256 for run in runs}}
        return self._replace(parts=[*self.parts, part], covered=covered)


def digest(value: Any) -> str:
    """SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def part_id(runs: List[RawRun], rules_version: str, options: Dict[str, Any], after: List[str]) -> str:
    """Made from what the part depends on: its manifests, the rules, the options and the parts before it."""
    return digest([[run.sha256 for run in runs], rules_version, options, after])[:16]


def read_dataset(storage: Any) -> Optional[Dataset]:
    """The current dataset, None before the first part."""
    if not storage.exists(DATASET):
        return None
    try:
        state = json.loads(storage.read(DATASET))
        return Dataset(
            rules_version=state["rules_version"],
            options=state["options"],
            parts=[Part(p["id"], p["rows"], p["date_from"], p["date_to"]) for p in state["parts"]],
            covered={manifest["path"]: manifest["sha256"] for manifest in state["raw_manifests"]},
        )
    except (ValueError, KeyError, TypeError) as error:
        raise RawDataError(
            f"expected a dataset as DATA_FORMAT.md describes, found {type(error).__name__}: {error}, "
            f"in {storage.path(DATASET)}; restore it, or remove it and clean all of raw/ anew"
        ) from error


def damaged(storage: Any, name: str, error: Exception) -> RawDataError:
    """What to raise where a file of a listed part cannot be read."""
    return RawDataError(
        f"expected a file of the dataset as it was written, found {type(error).__name__}: {error}, "
        f"in {storage.path(name)}; restore it, or clean everything anew by clean_job --rebuild"
    )


def write_dataset(storage: Any, dataset: Dataset) -> None:
    state = {
        "schema": SCHEMA_VERSION,
        "version": dataset.version,
        "rules_version": dataset.rules_version,
        "options": dataset.options,
        "rows": dataset.rows,
        "parts": [part._asdict() for part in dataset.parts],
        "raw_manifests": [
            {"path": path, "sha256": sha256} for path, sha256 in sorted(dataset.covered.items())
        ],
    }
    storage.write(DATASET, to_json(state))


def to_json(state: Dict[str, Any]) -> bytes:
    """The one shape of our JSON files: UTF-8, keys sorted, two spaces."""
    return (json.dumps(state, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()
