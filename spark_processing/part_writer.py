"""A part on disk: in come packed rows and what became of them, out comes one folder with clean and rejected
rows, what later runs compare with, and the ledger.

Everything is written under `processed/_writing/` and renamed into place whole; `dataset.json`, written
later, is what makes it count. Each group of raw parts becomes one file of each table: names, rows and their
order depend on the raw runs alone.
"""

from __future__ import annotations

import uuid
from typing import Any, Callable, Dict, Iterable

import pyarrow as pa
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from spark_processing.clean_csv import HEADER, csv_lines
from spark_processing.dataset import WRITING, to_json
from spark_processing.folder_writer import write_in_tasks
from spark_processing.history import write_known
from spark_processing.packed_rows import Arrow, FinalRows, Numbered, clean_rows, in_turn, rejected_rows
from spark_processing.schema import CLEAN, REJECTED
from spark_processing.verdicts import Verdicts


def write_part(storage: Any, rows: FinalRows, keys: pa.Table, verdicts: Verdicts) -> str:
    """Write the part's tables aside. Returns where."""
    aside = f"{WRITING}/{uuid.uuid4().hex}"
    if storage.is_folder:
        write_in_tasks(rows, storage.local(aside))
    else:
        write_through_java(storage, rows, aside)
    kept = keys.filter(pa.array(verdicts.is_kept))
    represents = pa.array(verdicts.represents[verdicts.is_kept])
    write_known(storage, aside, keys, kept.append_column("represents", represents))
    return aside


def publish_part(storage: Any, aside: str, folder: str, ledger: Dict[str, Any]) -> None:
    """What is written aside becomes the part at `folder`, replacing what a killed job may have left there."""
    storage.write(f"{aside}/ledger.json", to_json(ledger))
    storage.delete(folder)
    storage.rename(aside, folder)


def write_through_java(storage: Any, rows: FinalRows, aside: str) -> None:
    """The tables of a part by Spark's own writers, for a storage that only its Java reaches."""
    spelled = rows.map(rows_by(clean_rows), as_strings(CLEAN))
    dated = [F.col(f.name).cast(f.dataType).alias(f.name) for f in CLEAN]
    spelled.select(*dated).write.parquet(storage.path(f"{aside}/clean"))
    lines = rows.map(lambda batches: to_csv(map(clean_rows, in_turn(batches))), "value string")
    lines.write.text(storage.path(f"{aside}/clean_csv"))
    rows.map(rows_by(rejected_rows), REJECTED).write.parquet(storage.path(f"{aside}/rejected"))
    for name in ("clean", "clean_csv", "rejected"):
        name_by_number(storage, f"{aside}/{name}")


def rows_by(rows_of: Callable[[pa.Table], pa.Table]) -> Callable[[Numbered], Arrow]:
    """A task's work: the rows of one table."""
    return lambda batches: (found for judged in in_turn(batches) for found in rows_of(judged).to_batches())


def to_csv(tables: Iterable[pa.Table]) -> Arrow:
    """Clean rows as lines of CSV, for Spark's writer of text."""
    yield pa.RecordBatch.from_arrays([pa.array([HEADER.rstrip("\n")])], names=["value"])
    for table in tables:
        if table.num_rows:
            block = csv_lines(table).decode().rstrip("\n")
            yield pa.RecordBatch.from_arrays([pa.array([block])], names=["value"])


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
