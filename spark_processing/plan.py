"""What one run of the job is to do, and the step that makes it count. Needs no Spark where the storage is a
folder.

In come the storage, the options and what was asked for; out comes a Plan, or None when all of raw/ is in the
dataset.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from spark_processing.dataset import (
    DATASET,
    WRITING,
    Dataset,
    Part,
    part_id,
    read_dataset,
    to_json,
    write_dataset,
)
from spark_processing.raw_runs import (
    Faults,
    RawDataError,
    RawRun,
    find_damaged,
    find_manifests,
    read_runs,
    refuse,
)
from spark_processing.rules import RULES_VERSION, Options
from spark_processing.storage import Found, StorageError

QUARANTINE = "processed/quarantine.json"


class EmptyDatasetError(Exception):
    """Not one row would be left to learn from."""


class Plan(NamedTuple):
    options: Options
    seen: Optional[Dataset]
    """The dataset as it was when the plan was made."""
    base: Dataset
    """What the new part is added to; empty when all is cleaned anew."""
    runs: List[RawRun]
    quarantined: Faults
    part: str
    """Id of the part to be written."""
    forgets: bool
    """Whether a source is to leave the disk, and not only the dataset."""
    accepted: Tuple[str, ...]
    """Sources that may lose nearly everything to duplicates: a human has looked."""
    remarks: Tuple[str, ...]
    """What the operator should read first."""

    @property
    def rows(self) -> int:
        return sum(run.rows for run in self.runs)


def make_plan(
    storage: Any,
    options: Options,
    rebuild: bool = False,
    forget: str = "",
    quarantine: bool = False,
    accepted: Sequence[str] = (),
    on_work: Callable[[], None] = lambda: None,
) -> Optional[Plan]:
    """Raise RawDataError for damaged runs, unless they may be left out by `quarantine`. `on_work` is called
    as soon as there seems to be something to do, before the parts are read and compared with their sums.

    New rules or options would mix two kinds of rows in one dataset: then everything is cleaned anew. So it is
    when a source is forgotten: a text that was rejected as a copy of the forgotten one comes back.
    """
    seen = read_dataset(storage)
    forgotten = set(seen.options.get("without_sources", ()) if seen else ()) | ({forget} if forget else set())
    options = options._replace(without_sources=tuple(sorted(forgotten)))
    differs = seen is not None and (seen.rules_version, seen.options) != (RULES_VERSION, options.as_json())
    empty = Dataset(RULES_VERSION, options.as_json(), [], {})
    base = empty if seen is None or rebuild or differs else seen
    manifests = find_manifests(storage, options.without_sources)
    if any(manifest.path not in base.covered for manifest in manifests):
        on_work()
    runs, faults = read_runs(storage, new_or_touched(storage, manifests, base))
    if not runs and not faults and seen is None:
        where = storage.path("raw")
        raise RawDataError(f"expected complete raw runs, found none, in {where}; collect a day first")
    refuse_changed(runs, base)
    runs = [run for run in runs if run.manifest not in base.covered]
    faults.update(find_damaged(storage, runs))
    if not quarantine:
        refuse(faults)
    runs = [run for run in runs if run.manifest not in faults]
    if not runs and seen and base is not seen:
        raise EmptyDatasetError(
            f"expected raw runs to clean anew, found none, in {storage.path('raw')}; "
            "to erase the dataset, remove processed/"
        )
    if not runs:
        return None
    remarks = [f"{len(runs)} new raw runs, {sum(run.rows for run in runs)} rows"]
    remarks += ["rules or options differ from the dataset's: cleaning everything anew"] if differs else []
    remarks += [f"quarantined: {fault}" for fault in faults.values()]
    part = new_id(runs, base, seen)
    return Plan(options, seen, base, runs, faults, part, bool(forget), tuple(accepted), tuple(remarks))


def new_or_touched(storage: Any, manifests: List[Found], base: Dataset) -> List[str]:
    """The manifests to read: those that no part covers, and those that were written after the dataset was, by
    which a run shows that was changed under it. Years of history cost a look at each file's time."""
    written_ms = storage.find(DATASET)[0].modified_ms if base.covered else 0
    return [f.path for f in manifests if f.path not in base.covered or f.modified_ms >= written_ms]


def refuse_changed(found: List[RawRun], base: Dataset) -> None:
    changed = [run.manifest for run in found if base.covered.get(run.manifest, run.sha256) != run.sha256]
    if changed:
        raise RawDataError(
            f"expected raw runs to stay as they were cleaned, found {len(changed)} changed, "
            f"first {changed[0]}; run again with --rebuild"
        )


def new_id(runs: List[RawRun], base: Dataset, seen: Optional[Dataset]) -> str:
    """The part's id; another one when the dataset in use has a part of that name: it must not be touched."""
    before = [part.id for part in base.parts]
    part = part_id(runs, RULES_VERSION, base.options, before)
    in_use = [known.id for known in seen.parts] if seen else []
    return part_id(runs, RULES_VERSION, base.options, in_use) if part in in_use else part


def publish(storage: Any, plan: Plan, part: Part) -> Dataset:
    """Make the part count, then delete the parts that neither this dataset nor the one before it lists."""
    dataset = plan.base.with_part(part, plan.runs)
    if not dataset.rows:
        storage.delete(part.folder)
        raise EmptyDatasetError(
            f"expected at least one row to keep, found none among {plan.rows}; "
            "look at the bounds (--min-chars, --max-chars), --language and --periods"
        )
    refuse_anothers(storage, plan.seen)
    write_quarantine(storage, plan.quarantined)
    write_dataset(storage, dataset)
    still_read = plan.seen.parts if plan.seen and not plan.forgets else []
    sweep(storage, [*dataset.parts, *still_read])
    return dataset


def refuse_anothers(storage: Any, seen: Optional[Dataset]) -> None:
    """Raise StorageError unless the dataset is the one that was seen: where no lock exists, another job may
    have published meanwhile, and its part may be one of ours by name."""
    if read_dataset(storage) != seen:
        raise StorageError("expected the dataset to stay as it was read, found another job's; run again")


def sweep(storage: Any, kept: Sequence[Part]) -> None:
    """Delete all parts but these, and what is half written: no other job can publish what it began before the
    dataset became what it is."""
    storage.delete(WRITING)
    listed = {part.folder for part in kept}
    for name in storage.names("processed"):
        if name.startswith("part=") and f"processed/{name}" not in listed:
            storage.delete(f"processed/{name}")


def write_quarantine(storage: Any, faults: Dict[str, str]) -> None:
    """The raw runs this dataset leaves out, and why; no file when there are none."""
    if faults:
        runs = [{"path": path, "fault": fault} for path, fault in sorted(faults.items())]
        storage.write(QUARANTINE, to_json({"schema": 1, "runs": runs}))
    else:
        storage.delete(QUARANTINE)
