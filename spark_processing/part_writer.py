"""A part on disk: in come packed rows and what became of them, out comes one folder with clean and rejected
rows, what later runs compare with, and the ledger.

Everything is written under `processed/_writing/` and renamed into place whole; `dataset.json`, written
later, is what makes it count. Each group of raw parts becomes one file of each table: names, rows and their
order depend on the raw runs alone.
"""

from __future__ import annotations

import uuid
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from spark_processing.dataset import to_json
from spark_processing.history import write_known
from spark_processing.ordinary import one_chunk
from spark_processing.raw_parts import from_stream, to_stream
from spark_processing.schema import CLEAN, REJECTED
from spark_processing.verdicts import Verdicts

WRITING = "processed/_writing"
ORDER = [(name, "ascending") for name in ("date", "source", "horoscope_id")]
BATCH_ROWS = 5_000


class Batches(NamedTuple):
    """How the rows of all packed batches are numbered."""

    numbers: List[int]
    begins: np.ndarray
    """The first row of each batch, and behind them the number of all rows."""

    def split(self, rows: np.ndarray) -> Iterator[Tuple[int, np.ndarray]]:
        """Sorted rows by batch, numbered within it; batches without any are left out."""
        bounds = np.searchsorted(rows, self.begins)
        for place in np.flatnonzero(np.diff(bounds)).tolist():
            yield self.numbers[place], rows[bounds[place] : bounds[place + 1]] - self.begins[place]


def with_changes(packed: DataFrame, batches: Batches, verdicts: Verdicts) -> DataFrame:
    """The packed batches, each with what became of its rows: `batch long, rows binary, changes binary`."""
    changed, begin = [], 0
    for number, rows in batches.split(verdicts.rows):
        changes = verdicts.changes.slice(begin, len(rows)).append_column("row", pa.array(rows))
        changed.append((number, bytearray(to_stream(changes))))
        begin += len(rows)
    frame = packed.sparkSession.createDataFrame(changed, "batch long, changes binary")
    both = packed.select("batch", "rows").join(F.broadcast(frame), "batch", "left")
    return both.select("batch", "rows", "changes")


def write_part(
    storage: Any, folder: str, rows: DataFrame, keys: pa.Table, verdicts: Verdicts, ledger: Dict[str, Any]
) -> None:
    """Publish the part at `folder`, replacing what a killed job may have left there."""
    storage.delete(WRITING)  # what a killed job may have left
    aside = f"{WRITING}/{uuid.uuid4().hex}"
    spelled = rows.mapInArrow(unpack(clean_rows), as_strings(CLEAN))
    dated = [F.col(f.name).cast(f.dataType).alias(f.name) for f in CLEAN]
    spelled.select(*dated).write.parquet(storage.path(f"{aside}/clean"))
    rows.mapInArrow(unpack_csv, "value string").write.text(storage.path(f"{aside}/clean_csv"))
    rows.mapInArrow(unpack(rejected_rows), REJECTED).write.parquet(storage.path(f"{aside}/rejected"))
    for name in ("clean", "clean_csv", "rejected"):
        name_by_number(storage, f"{aside}/{name}")
    kept = keys.filter(pa.array(verdicts.is_kept))
    represents = pa.array(verdicts.represents[verdicts.is_kept])
    write_known(storage, aside, keys, kept.append_column("represents", represents))
    publish_part(storage, aside, folder, ledger)


def publish_part(storage: Any, aside: str, folder: str, ledger: Dict[str, Any]) -> None:
    storage.write(f"{aside}/ledger.json", to_json(ledger))
    storage.delete(folder)
    storage.rename(aside, folder)
    storage.delete(WRITING)


Arrow = Iterator[pa.RecordBatch]


def unpack(rows_of: Callable[[pa.Table], pa.Table]) -> Callable[[Arrow], Arrow]:
    """A task's work: from packed parts with their changes to the rows of one table."""

    def unpack_batches(batches: Arrow) -> Arrow:
        for table in gathered(rows_of(judged) for _, judged in unpacked(batches)):
            yield from table.to_batches()

    return unpack_batches


def unpack_csv(batches: Arrow) -> Arrow:
    """The same for the clean rows, as lines of CSV."""
    return to_csv(gathered(clean_rows(judged) for _, judged in unpacked(batches)))


def to_csv(tables: Iterator[pa.Table]) -> Arrow:
    """Clean rows as lines: a header, every string in quotes, quotes doubled, LF; flags joined by `|`, an
    absent value and an empty one look the same."""
    yield pa.RecordBatch.from_arrays([pa.array([",".join(CLEAN.names)])], names=["value"])
    for table in tables:
        if table.num_rows:
            flags = pc.binary_join(one_chunk(table.column("quality_flags")), "|")
            flat = table.set_column(table.schema.get_field_index("quality_flags"), "quality_flags", flags)
            lines = pa.BufferOutputStream()
            pyarrow.csv.write_csv(flat, lines, pyarrow.csv.WriteOptions(include_header=False))
            block = lines.getvalue().to_pybytes().decode().rstrip("\n")
            yield pa.RecordBatch.from_arrays([pa.array([block])], names=["value"])


def unpacked(batches: Arrow) -> Iterator[Tuple[int, pa.Table]]:
    """Each batch by its number, its rows with their final verdicts."""
    pa.set_cpu_count(1)  # Spark has a task on each core already
    for batch in batches:
        for number, rows, changes in zip(*(column.to_pylist() for column in batch.columns)):
            yield number, with_verdicts(from_stream(rows), from_stream(changes) if changes else None)


def gathered(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Tables of some thousand rows in order, of many small ones."""
    waiting: List[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(few.num_rows for few in waiting) >= BATCH_ROWS:
            yield in_order(waiting)
            waiting = []
    if waiting:
        yield in_order(waiting)


def in_order(tables: List[pa.Table]) -> pa.Table:
    table = pa.concat_tables(tables).combine_chunks()
    return table.take(pc.sort_indices(table, ORDER))


def with_verdicts(judged: pa.Table, changes: Optional[pa.Table]) -> pa.Table:
    """A part's rows with their final verdicts, and `cluster_id`: the row's own text_hash where it resembles
    no other."""
    if changes is None:
        return judged.append_column("cluster_id", judged.column("text_hash"))
    place = np.full(judged.num_rows, -1)
    place[changes.column("row").to_numpy()] = np.arange(changes.num_rows)
    changed, taken = pa.array(place >= 0), changes.take(pa.array(place, mask=place < 0))
    for name in ("reason", "detail", "matched_id", "similarity"):
        column = pc.if_else(changed, one_chunk(taken.column(name)), one_chunk(judged.column(name)))
        judged = judged.set_column(judged.schema.get_field_index(name), name, column)
    again = pc.fill_null(pc.equal(one_chunk(judged.column("reason")), "repeated_id"), False)
    text = pc.if_else(again, pa.scalar(None, pa.string()), one_chunk(judged.column("clean_text")))
    judged = judged.set_column(judged.schema.get_field_index("clean_text"), "clean_text", text)
    return judged.append_column(
        "cluster_id", pc.coalesce(taken.column("cluster_id"), judged.column("text_hash"))
    )


def clean_rows(judged: pa.Table) -> pa.Table:
    """The kept rows, as `schema.CLEAN`, the date still text."""
    return judged.filter(pc.is_null(judged.column("reason"))).select(CLEAN.names)


def rejected_rows(judged: pa.Table) -> pa.Table:
    """The other rows, as `schema.REJECTED`."""
    return judged.filter(pc.is_valid(judged.column("reason"))).select(REJECTED.names)


def as_strings(schema: StructType) -> StructType:
    """The schema before the date is made one."""
    return StructType([StructField(f.name, StringType()) if f.name == "date" else f for f in schema])


def name_by_number(storage: Any, folder: str) -> None:
    """Spark names files by a random id: number them instead, and drop its markers and checksums."""
    data = [name for name in storage.names(folder) if name.startswith("part-")]
    for number, name in enumerate(data):
        extension = name.rpartition("-c000")[2].replace(".txt", ".csv")
        storage.rename(f"{folder}/{name}", f"{folder}/part-{number:05d}{extension}")
    for name in storage.names(folder):
        if not name.startswith("part-"):
            storage.delete(f"{folder}/{name}")
