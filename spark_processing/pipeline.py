"""From raw parts to a part of the dataset: in come checked raw runs, out comes the part's folder, ready to
be listed.

Spark's tasks judge rows, a group of raw parts each; what rows are compared by is gathered here and decided;
the tasks then write their rows with the last word on each.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Dict, Iterator, List, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import StorageLevel
from pyspark.sql import DataFrame

from spark_processing.alarms import find_warnings, refuse_sudden_copies
from spark_processing.dataset import WRITING, Part
from spark_processing.diversity import diversity_by_month
from spark_processing.judging import judge_parts
from spark_processing.ledger import (
    LEDGERS_REMEMBERED,
    SCHEMA_VERSION,
    choose_examples,
    count_rows,
    few_of_each,
    kept_dates,
    make_ledger,
    read_ledger,
)
from spark_processing.own_output import read_published
from spark_processing.packed_rows import Batches, FinalRows, Numbered, with_changes
from spark_processing.part_writer import publish_part, write_part
from spark_processing.plan import Plan, refuse_anothers
from spark_processing.program import say
from spark_processing.raw_parts import from_stream, read_packed
from spark_processing.schema import KEYS
from spark_processing.session import open_session
from spark_processing.verdicts import Verdicts, decide

WAITING = f"{WRITING}/judged"


def add_part(storage: Any, plan: Plan, master: str) -> Tuple[Part, Dict[str, Any]]:
    """Judge the plan's rows beside the base's and write the part. Returns it with its ledger."""
    say("starting Spark")
    spark = open_session("horoscopes: clean", plan.rows, master)
    say("judging rows")
    parts = [part for run in plan.runs for part in run.parts]
    judge = partial(judge_parts, options=plan.options, published=read_published(storage))
    if storage.is_folder:  # elsewhere no lock tells what a killed job left from what one is writing
        storage.delete(WRITING)
    packed = read_packed(spark, storage, parts, judge, WAITING).persist(StorageLevel.DISK_ONLY)
    keys, batches = gather_keys(packed)
    say("looking for duplicates")
    verdicts = decide(storage, plan.base, keys, plan.options)
    rows = with_changes(packed, batches, verdicts)
    ledger = account(storage, plan, keys, verdicts)
    ledger["examples"] = find_examples(rows, choose_examples(keys, verdicts.reasons), batches)
    new = Part(plan.part, ledger["kept"], *kept_dates(keys, verdicts.is_kept))
    say(f"writing {new.rows} of {ledger['rows_in']} rows to {new.folder}")
    aside = write_part(storage, rows, keys, verdicts)
    refuse_anothers(storage, plan.seen)
    publish_part(storage, aside, new.folder, ledger)
    packed.unpersist()
    storage.delete(WAITING)
    return new, ledger


def gather_keys(packed: DataFrame) -> Tuple[pa.Table, Batches]:
    """The keys of every row, batch after batch; Spark judges the rows for it."""
    found = sorted(packed.select("batch", "keys", "file").collect(), key=lambda row: row["batch"])
    tables = [from_stream(row["keys"], "keys", row["file"]) for row in found]
    begins = np.cumsum([0, *(table.num_rows for table in tables)])
    keys = pa.concat_tables([KEYS.empty_table(), *tables]).combine_chunks()
    return keys, Batches([row["batch"] for row in found], begins)


def account(storage: Any, plan: Plan, keys: pa.Table, verdicts: Verdicts) -> Dict[str, Any]:
    """The ledger, without its examples."""
    judged = pc.is_valid(keys.column("shingles")).to_numpy()
    ledger = {
        "schema": SCHEMA_VERSION,
        "part": plan.part,
        "rules_version": plan.base.rules_version,
        "options": plan.base.options,
        **make_ledger(count_rows(keys, verdicts.reasons), plan.rows),
        "diversity": diversity_by_month(keys, judged),
    }
    earlier = [read_ledger(storage, known.folder) for known in plan.base.parts[-LEDGERS_REMEMBERED:]]
    refuse_sudden_copies(ledger, earlier, plan.accepted)
    ledger["warnings"] = [warned._asdict() for warned in find_warnings(ledger, earlier)]
    return ledger


SHOWN = {
    "horoscope_id": "horoscope_id",
    "source": "source",
    "sign": "sign",
    "before": "text",
    "after": "clean_text",
}
"""Fields of an example, and the columns they come from."""
PICKED = "batch long, row long, reason string, " + ", ".join(f"{name} string" for name in SHOWN)


def find_examples(rows: FinalRows, chosen: np.ndarray, batches: Batches) -> Dict[str, List[Dict[str, Any]]]:
    """The chosen rows as the ledger shows them, by reason."""
    within = dict(batches.split(chosen))
    picked = rows.of(within).map(picker(within), PICKED).collect()
    picked.sort(key=lambda row: (row["batch"], row["row"]))
    return few_of_each((row["reason"], {name: row[name] for name in SHOWN}) for row in picked)


def picker(within: Dict[int, np.ndarray]) -> Callable[[Numbered], Iterator[pa.RecordBatch]]:
    """A task's work: some rows of each batch."""

    def pick(batches: Numbered) -> Iterator[pa.RecordBatch]:
        for batch, judged in batches:
            rows = pa.array(within[batch])
            columns = judged.select(["reason", *SHOWN.values()]).take(rows).columns
            numbers = [pa.array([batch] * len(rows), pa.int64()), rows]
            yield from pa.Table.from_arrays(
                [*numbers, *columns], ["batch", "row", "reason", *SHOWN]
            ).to_batches()

    return pick
