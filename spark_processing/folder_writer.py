"""The tables of a part written by the tasks themselves: in come packed batches with what became of their
rows, out come Parquet and CSV in a folder that every task sees.

Arrow writes columns as they are. Through Spark's own writers each row would cross to Java and be taken apart
there again, for three tables three times.
"""

from __future__ import annotations

import contextlib
import uuid
from functools import partial
from pathlib import Path
from typing import Callable, ContextManager, Dict, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark import TaskContext

from spark_processing.clean_csv import HEADER, csv_lines
from spark_processing.ordinary import one_chunk
from spark_processing.packed_rows import Arrow, FinalRows, Numbered, clean_rows, in_turn, rejected_rows
from spark_processing.schema import JUDGED

FEW_VALUES = ["date", "sign", "topic", "period", "language", "source", "strategy", "fetched_at", "reason"]
"""Columns for which Parquet's dictionary pays."""
NO_ROWS = JUDGED.append(pa.field("cluster_id", pa.string())).empty_table()

Write = Callable[[pa.Table], None]
"""Appends those of some judged rows that belong to a table."""


def write_in_tasks(
    rows: FinalRows, folder: str, tables: Sequence[str] = ("clean", "clean_csv", "rejected")
) -> None:
    """Write packed batches with their changes below `folder`, a partition as one file of each table."""
    for table in tables:
        (Path(folder) / table).mkdir(parents=True)
    rows.map(partial(write_files, folder=folder, tables=tables), "file string").collect()
    for left in Path(folder).glob("*/.*"):  # by a task that was tried again
        left.unlink()


def write_files(batches: Numbered, folder: str, tables: Sequence[str]) -> Arrow:
    """A task's work; its files appear whole, whatever becomes of it."""
    task = TaskContext.get()
    assert task is not None
    with contextlib.ExitStack() as files:
        opening = (OPENERS[table](Path(folder) / table, task.partitionId()) for table in tables)
        writes = [files.enter_context(file) for file in opening]
        for judged in in_turn(batches):
            for write in writes:
                write(judged)
    return iter(())


@contextlib.contextmanager
def parquet_file(folder: Path, number: int, rows_of: Callable[[pa.Table], pa.Table]) -> Iterator[Write]:
    writer = partial(pq.ParquetWriter, schema=rows_of(NO_ROWS).schema, use_dictionary=FEW_VALUES)
    with appearing(folder / f"part-{number:05d}.snappy.parquet") as path, writer(str(path)) as file:
        yield lambda judged: file.write_table(rows_of(judged))


@contextlib.contextmanager
def csv_file(folder: Path, number: int) -> Iterator[Write]:
    with appearing(folder / f"part-{number:05d}.csv") as path, path.open("wb") as file:
        file.write(HEADER.encode())

        def write(judged: pa.Table) -> None:
            file.write(csv_lines(clean_rows(judged)))

        yield write


@contextlib.contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Where to write a file that becomes `path` when it is whole."""
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    yield aside
    aside.replace(path)


def dated_rows(judged: pa.Table) -> pa.Table:
    """The kept rows, as `schema.CLEAN`."""
    rows = clean_rows(judged)
    day = pc.cast(one_chunk(rows.column("date")), pa.date32())
    return rows.set_column(rows.schema.get_field_index("date"), "date", day)


OPENERS: Dict[str, Callable[[Path, int], ContextManager[Write]]] = {
    "clean": partial(parquet_file, rows_of=dated_rows),
    "clean_csv": csv_file,
    "rejected": partial(parquet_file, rows_of=rejected_rows),
}
