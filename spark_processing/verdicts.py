"""The last word on every row: in come the keys of judged rows and what the dataset holds, out comes what
changes.

First the horoscopes that were collected before, then the texts that are kept already, then those that nearly
are.
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_processing.dataset import Dataset
from spark_processing.duplicates import find_duplicate_texts, find_repeated_ids, integers
from spark_processing.history import find_known_ids, find_known_texts
from spark_processing.near_duplicates import find_members, sketches_of
from spark_processing.rules import Options
from spark_processing.schema import CHANGES


class Verdicts(NamedTuple):
    reasons: pa.Array
    """Of every row, null where it is kept."""
    rows: np.ndarray
    """The rows whose verdict became another, in order."""
    changes: pa.Table
    """What it became, as `schema.CHANGES`."""

    @property
    def is_kept(self) -> np.ndarray:
        return pc.is_null(self.reasons).to_numpy(zero_copy_only=False)

    @property
    def represents(self) -> np.ndarray:
        """Which rows are kept and stand for their cluster."""
        found = self.is_kept
        found[self.rows] = False
        return found


def decide(storage: Any, base: Dataset, keys: pa.Table, options: Options) -> Verdicts:
    """The verdicts on rows with these keys, beside what the dataset holds."""
    ids, _ = integers(keys.column("id_key"))
    repeated = find_repeated_ids(keys, find_known_ids(storage, base, ids))
    is_open = pc.is_null(keys.column("reason")).to_numpy() & ~repeated
    opened = keys.filter(pa.array(is_open))
    sketches = sketches_of(opened.column("shingles").to_pylist())
    known = find_known_texts(storage, base, integers(opened.column("text_key"))[0], sketches)
    kept_before = dict(zip(*(known.column(name).to_pylist() for name in ("text_hash", "horoscope_id"))))
    copies = find_duplicate_texts(keys, is_open, kept_before)
    is_open[copies.rows] = False
    changed: Dict[int, Dict[str, Any]] = {
        row: {"reason": "repeated_id"} for row in np.flatnonzero(repeated).tolist()
    }
    for row, keeper in zip(copies.rows.tolist(), copies.keepers):
        changed[row] = {"reason": "duplicate_text", "matched_id": keeper, "similarity": 1.0}
    changed.update(near_changes(keys, np.flatnonzero(is_open), known, options))
    return as_verdicts(keys, changed)


def near_changes(
    keys: pa.Table, rows: np.ndarray, known: pa.Table, options: Options
) -> Dict[int, Dict[str, Any]]:
    """The rows that resemble an earlier text, or one the dataset holds."""
    columns = ["date", "source", "horoscope_id", "text_hash", "shingles"]
    held = in_order(known.filter(known.column("represents")).select(columns))
    fresh = keys.select(columns).take(pa.array(rows)).append_column("row", pa.array(rows))
    fresh = in_order(fresh)
    texts = pa.concat_tables([held, fresh.select(columns)])
    ids, hashes = (texts.column(name).to_pylist() for name in ("horoscope_id", "text_hash"))
    row_of = fresh.column("row").to_pylist()
    members = find_members(texts.column("shingles").to_pylist(), held.num_rows, options.similarity)
    rejects = options.near_duplicates == "reject"
    changes: Dict[int, Dict[str, Any]] = {}
    for member in members:
        change: Dict[str, Any] = {"cluster_id": hashes[member.representative]}
        if rejects:
            match = {"matched_id": ids[member.representative], "similarity": member.similarity}
            change.update(reason="near_duplicate", detail=f"similarity {member.similarity:.2f}", **match)
        changes[row_of[member.text - held.num_rows]] = change
    return changes


def in_order(texts: pa.Table) -> pa.Table:
    """From the earliest on; ties by source, then id."""
    return texts.take(pc.sort_indices(texts, [(n, "ascending") for n in ("date", "source", "horoscope_id")]))


def as_verdicts(keys: pa.Table, changed: Dict[int, Dict[str, Any]]) -> Verdicts:
    rows = np.array(sorted(changed), np.int64)
    lines: List[Dict[str, Optional[Any]]] = [changed[row] for row in rows.tolist()]
    changes = pa.Table.from_arrays(
        [pa.array([line.get(field.name) for line in lines], field.type) for field in CHANGES], schema=CHANGES
    )
    reasons = np.array(keys.column("reason").to_pylist(), object)
    reasons[rows] = changes.column("reason").to_pylist()
    return Verdicts(pa.array(reasons, pa.string()), rows, changes)
