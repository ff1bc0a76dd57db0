"""A part on disk: in come rows with their verdicts, out comes one folder with clean, rejected and the ledger.

Everything is written under `processed/_writing/` and renamed into place whole; `dataset.json`, written later,
is what makes it count. File names and the order of rows depend on the rows alone.
"""

from __future__ import annotations

import uuid
from typing import Any, Dict, NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_processing.dataset import to_json
from spark_processing.schema import CLEAN, NEAR, REJECTED

WRITING = "processed/_writing"
ROWS_PER_FILE = 200_000
ORDER = ("date", "source", "horoscope_id")


class Tables(NamedTuple):
    """The rows of one part."""

    clean: DataFrame
    rejected: DataFrame
    near: DataFrame


def tables_of(verdicts: DataFrame) -> Tables:
    """Rows with their final verdicts, as the tables they go to."""
    representatives = verdicts.where(F.col("cluster_id") == F.col("text_hash"))
    return Tables(clean_rows(verdicts), rejected_rows(verdicts), near_rows(representatives))


def write_part(storage: Any, folder: str, tables: Tables, ledger: Dict[str, Any]) -> None:
    """Publish the part at `folder`, replacing what a killed job may have left there."""
    storage.delete(WRITING)  # what a killed job may have left
    aside = f"{WRITING}/{uuid.uuid4().hex}"
    kept, rejected = ledger["kept"], ledger["rows_in"] - ledger["kept"]
    clean = in_files(tables.clean, kept)
    clean.write.parquet(storage.path(f"{aside}/clean"))
    write_csv(clean, storage.path(f"{aside}/clean_csv"))
    in_files(tables.rejected, rejected).write.parquet(storage.path(f"{aside}/rejected"))
    in_files(tables.near, kept).write.parquet(storage.path(f"{aside}/near"))
    for name in ("clean", "clean_csv", "near", "rejected"):
        name_by_number(storage, f"{aside}/{name}")
    storage.write(f"{aside}/ledger.json", to_json(ledger))
    storage.delete(folder)
    storage.rename(aside, folder)
    storage.delete(WRITING)


def clean_rows(verdicts: DataFrame) -> DataFrame:
    """The kept rows as `schema.CLEAN`."""
    kept = verdicts.where(F.col("reason").isNull()).withColumn("date", F.to_date("date"))
    return kept.select(*[F.col(field.name).cast(field.dataType) for field in CLEAN])


def near_rows(verdicts: DataFrame) -> DataFrame:
    """What near duplicates are compared with, for each kept row, as `schema.NEAR`."""
    return verdicts.where(F.col("reason").isNull()).select(*NEAR.names)


def rejected_rows(verdicts: DataFrame) -> DataFrame:
    """The other rows as `schema.REJECTED`."""
    return verdicts.where(F.col("reason").isNotNull()).select(*REJECTED.names)


def in_files(rows: DataFrame, count: int) -> DataFrame:
    """Sorted, in as many files as `count` rows need, at least one; rows go to files by their id."""
    files = max(1, -(-count // ROWS_PER_FILE))
    spread = rows.coalesce(1) if files == 1 else rows.repartition(files, "horoscope_id")
    return spread.sortWithinPartitions(*ORDER)


def write_csv(clean: DataFrame, path: str) -> None:
    """Comma, doubled quotes, LF, a header; flags joined by `|`; an absent value and an empty one look the
    same."""
    flat = clean.withColumn("quality_flags", F.concat_ws("|", "quality_flags"))
    flat.write.csv(path, header=True, escape='"', emptyValue="", lineSep="\n", ignoreLeadingWhiteSpace=False,
                   ignoreTrailingWhiteSpace=False)  # fmt: skip


def name_by_number(storage: Any, folder: str) -> None:
    """Spark names files by a random id: number them instead, and drop its markers and checksums."""
    data = [name for name in storage.names(folder) if name.startswith("part-")]
    for number, name in enumerate(data):
        extension = name.rpartition("-c000")[2]
        storage.rename(f"{folder}/{name}", f"{folder}/part-{number:05d}{extension}")
    for name in storage.names(folder):
        if not name.startswith("part-"):
            storage.delete(f"{folder}/{name}")
