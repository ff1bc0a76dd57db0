"""The account of one part: in come its rows with their verdicts, out comes `ledger.json`, in which nothing is
missing.

Rows in = rows kept + the sum of every named reason, in total and for each source and sign; anything else is a
LedgerError, and the job fails before the part can be seen.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_processing.rules import REASONS

SCHEMA_VERSION = 1
EXAMPLES = 3
"""Kept for each reason, at most."""


class Count(NamedTuple):
    """Rows of one source and sign with one verdict; '' stands for an absent source or sign."""

    source: str
    sign: str
    reason: Optional[str]
    """None for kept rows."""
    rows: int
    date_from: Optional[str]
    date_to: Optional[str]


class LedgerError(Exception):
    """Rows came in that neither stayed nor were rejected by name, or the other way round."""


def read_ledger(storage: Any, folder: str) -> Dict[str, Any]:
    """The ledger of a part of the dataset."""
    return json.loads(storage.read(f"{folder}/ledger.json"))


def count_rows(verdicts: DataFrame) -> List[Count]:
    """One pass over the rows."""
    named = [F.coalesce(F.col(name), F.lit("")).alias(name) for name in ("source", "sign")]
    found = verdicts.groupBy(*named, "reason").agg(F.count("*"), F.min("date"), F.max("date"))
    return [Count(*row) for row in found.collect()]


def kept_dates(counts: List[Count]) -> Tuple[Optional[str], Optional[str]]:
    """First and last day of the kept rows."""
    first = [count.date_from for count in counts if count.reason is None and count.date_from]
    last = [count.date_to for count in counts if count.reason is None and count.date_to]
    return min(first, default=None), max(last, default=None)


def find_examples(verdicts: DataFrame) -> Dict[str, List[Dict[str, Any]]]:
    """Up to three rejected rows for each reason, the same ones whatever the partitions."""
    example = F.struct(
        "horoscope_id", "source", "sign", F.col("text").alias("before"), F.col("clean_text").alias("after")
    )
    rejected = verdicts.where(F.col("reason").isNotNull() & F.col("horoscope_id").isNotNull())
    third = F.crc32("horoscope_id") % EXAMPLES
    found = rejected.groupBy("reason", third.alias("third")).agg(F.min(example).alias("example")).collect()
    examples: Dict[str, List[Dict[str, Any]]] = {}
    for row in sorted(found, key=lambda row: (row["reason"], row["third"])):
        examples.setdefault(row["reason"], []).append(row["example"].asDict())
    return examples


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
        Count(line["source"], line["sign"], reason, rows, None, None)
        for ledger in ledgers
        for line in ledger["by_source_sign"]
        for reason, rows in [(None, line["kept"]), *line["rejected"].items()]
        if rows
    ]
    examples: Dict[str, List[Dict[str, Any]]] = {}
    for ledger in ledgers:
        for reason, found in ledger["examples"].items():
            examples[reason] = (examples.get(reason, []) + found)[:EXAMPLES]
    warnings = [warned for ledger in ledgers for warned in ledger["warnings"]]
    account = make_ledger(counts, sum(ledger["rows_in"] for ledger in ledgers))
    return {**ledgers[0], **account, "examples": examples, "warnings": warnings}


def _account(verdicts: Counter) -> Dict[str, Any]:
    rejected = {reason: verdicts[reason] for reason in REASONS if verdicts[reason]}
    return {"rows_in": sum(verdicts.values()), "kept": verdicts[None], "rejected": rejected}
