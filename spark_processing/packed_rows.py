"""Packed batches opened again: in come batches of judged rows with what became of each beside the others, out
come the rows of a table.

The order of rows depends on the raw runs alone.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Broadcast
from pyspark.sql import DataFrame

from spark_processing.ordinary import one_chunk
from spark_processing.raw_parts import from_stream, to_stream
from spark_processing.schema import CLEAN, REJECTED
from spark_processing.verdicts import Verdicts

ORDER = [(name, "ascending") for name in ("date", "source", "horoscope_id")]
BATCH_ROWS = 5_000
Arrow = Iterator[pa.RecordBatch]
Numbered = Iterator[Tuple[int, pa.Table]]
"""Judged rows, batch by batch."""


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


class FinalRows(NamedTuple):
    """The packed batches, and the changes to the rows of some of them, as streams by the batch's number."""

    packed: DataFrame
    changes: Broadcast

    def of(self, batches: Iterable[int]) -> FinalRows:
        return self._replace(packed=self.packed.where(self.packed["batch"].isin(list(batches))))

    def map(self, work: Callable[[Numbered], Arrow], schema: Any) -> DataFrame:
        """What `work` makes of each partition's batches, rows with their final verdicts."""
        changes = self.changes
        batches = self.packed.select("batch", "rows", "file")
        return batches.mapInArrow(lambda found: work(unpacked(found, changes.value)), schema)


def with_changes(packed: DataFrame, batches: Batches, verdicts: Verdicts) -> FinalRows:
    changed, begin = {}, 0
    for number, rows in batches.split(verdicts.rows):
        changes = verdicts.changes.slice(begin, len(rows)).append_column("row", pa.array(rows))
        changed[number] = to_stream(changes)
        begin += len(rows)
    return FinalRows(packed, packed.sparkSession.sparkContext.broadcast(changed))


def unpacked(batches: Arrow, changes: Dict[int, bytes]) -> Numbered:
    pa.set_cpu_count(1)  # Spark has a task on each core already
    for batch in batches:
        for number, rows, file in zip(*(column.to_pylist() for column in batch.columns)):
            changed = from_stream(changes[number]) if number in changes else None
            yield number, with_verdicts(from_stream(rows, "rows", file), changed)


def in_turn(batches: Numbered) -> Iterator[pa.Table]:
    """The rows of the batches, some thousand at a time, in order."""
    waiting: List[pa.Table] = []
    for _, table in batches:
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
