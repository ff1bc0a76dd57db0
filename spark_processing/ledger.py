"""The account of one part: in come its rows with their verdicts, out comes `ledger.json`, in which nothing is
missing.

Rows in = rows kept + the sum of every named reason, in total and for each source and sign; anything else is a
LedgerError, and the job fails before the part can be seen.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_processing.dataset import damaged
from spark_processing.duplicates import integers, ranks
from spark_processing.rules import REASONS

SCHEMA_VERSION = 1
EXAMPLES = 3
"""Kept for each reason and source, at most."""
LEDGERS_REMEMBERED = 90
"""Parts whose ledgers make the history that a new one is compared with."""


class Count(NamedTuple):
    """Rows of one source and sign with one verdict; '' stands for an absent source or sign."""

    source: str
    sign: str
    reason: Optional[str]
    """None for kept rows."""
    rows: int


class LedgerError(Exception):
    """Rows came in that neither stayed nor were rejected by name, or the other way round."""


def read_ledger(storage: Any, folder: str) -> Dict[str, Any]:
    """The ledger of a part of the dataset."""
    name = f"{folder}/ledger.json"
    try:
        return json.loads(storage.read(name))
    except (OSError, ValueError) as error:
        raise damaged(storage, name, error) from error


def count_rows(keys: pa.Table, reasons: pa.Array) -> List[Count]:
    """How many rows of each source and sign met each end."""
    named = [pc.fill_null(keys.column(name), "").to_pylist() for name in ("source", "sign")]
    lines = Counter(zip(*named, reasons.to_pylist()))
    return [Count(source, sign, reason, rows) for (source, sign, reason), rows in lines.items()]


def kept_dates(keys: pa.Table, is_kept: np.ndarray) -> Tuple[Optional[str], Optional[str]]:
    """First and last day of the kept rows."""
    days = pc.unique(keys.column("date").filter(pa.array(is_kept))).to_pylist()
    return min(days, default=None), max(days, default=None)


def choose_examples(keys: pa.Table, reasons: pa.Array) -> np.ndarray:
    """Rejected rows to show: for each reason and source up to EXAMPLES, of different signs, the same ones
    whatever the partitions."""
    ids, _ = integers(keys.column("id_key"))
    columns = [ranks(column) for column in (reasons, keys.column("source"), keys.column("sign"))]
    order = np.lexsort((ids, *columns[::-1]))
    order = order[pc.is_valid(reasons).to_numpy(zero_copy_only=False)[order]]
    first = order[starts_of(*(column[order] for column in columns))]
    order = first[np.lexsort((ids[first], *(column[first] for column in columns[1::-1])))]
    begins = np.flatnonzero(starts_of(*(column[order] for column in columns[:2])))
    place = np.arange(len(order)) - np.repeat(begins, np.diff(np.r_[begins, len(order)]))
    return np.sort(order[place < EXAMPLES])


def starts_of(*columns: np.ndarray) -> np.ndarray:
    """A mask: where sorted columns begin another group."""
    if not len(columns[0]):
        return np.zeros(0, bool)
    return np.r_[True, np.any([column[1:] != column[:-1] for column in columns], axis=0)]


def make_ledger(counts: List[Count], rows_in: int) -> Dict[str, Any]:
    """Totals and lines by source and sign; LedgerError unless they account for each of `rows_in` rows."""
    unnamed = sorted({count.reason for count in counts if count.reason and count.reason not in REASONS})
    if unnamed:
        raise LedgerError(
            f"expected the reasons {', '.join(REASONS)}, found {', '.join(unnamed)}, in the verdicts"
        )
    lines: Dict[Tuple[str, str], Counter] = {}
    for count in counts:
        lines.setdefault((count.source, count.sign), Counter())[count.reason] += count.rows
    total: Counter = sum(lines.values(), Counter())
    if sum(total.values()) != rows_in:
        raise LedgerError(
            f"expected {rows_in} rows as in the manifests, found {sum(total.values())} verdicts, "
            "in the new part; the old dataset stays in place"
        )
    return {
        **_account(total),
        "by_source_sign": [
            {"source": source, "sign": sign, **_account(line)}
            for (source, sign), line in sorted(lines.items())
        ],
    }


def add_ledgers(ledgers: List[Dict[str, Any]]) -> Dict[str, Any]:
    """One ledger for the rows of all; rules and options are theirs, which are the same in one dataset."""
    counts = [
        Count(line["source"], line["sign"], reason, rows)
        for ledger in ledgers
        for line in ledger["by_source_sign"]
        for reason, rows in [(None, line["kept"]), *line["rejected"].items()]
        if rows
    ]
    examples = few_of_each(
        (reason, example)
        for ledger in ledgers
        for reason, found in ledger["examples"].items()
        for example in found
    )
    diversity = [line for ledger in ledgers for line in ledger["diversity"]]
    warnings = [warned for ledger in ledgers for warned in ledger["warnings"]]
    account = make_ledger(counts, sum(ledger["rows_in"] for ledger in ledgers))
    found = {"examples": examples, "diversity": diversity, "warnings": warnings}
    return {**ledgers[0], **account, **found}


def few_of_each(examples: Iterable[Tuple[str, Dict[str, Any]]]) -> Dict[str, List[Dict[str, Any]]]:
    """Examples by their reasons, the first EXAMPLES of each source."""
    chosen: Dict[str, List[Dict[str, Any]]] = {}
    seen: Counter = Counter()
    for reason, example in examples:
        kind = (reason, example["source"])
        seen[kind] += 1
        if seen[kind] <= EXAMPLES:
            chosen.setdefault(reason, []).append(example)
    return {reason: chosen[reason] for reason in REASONS if reason in chosen}


def _account(verdicts: Counter) -> Dict[str, Any]:
    rejected = {reason: verdicts[reason] for reason in REASONS if verdicts[reason]}
    return {"rows_in": sum(verdicts.values()), "kept": verdicts[None], "rejected": rejected}
