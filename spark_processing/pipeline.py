"""From raw parts to a part of the dataset: in come checked raw runs, out comes the part's folder, ready to
be listed."""

from __future__ import annotations

import sys
from typing import Any, Dict, List, Tuple

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession

from spark_processing.dataset import Dataset, Part
from spark_processing.duplicates import flag_duplicate_texts, flag_repeated_ids, with_clusters
from spark_processing.ledger import SCHEMA_VERSION, count_rows, find_examples, kept_dates, make_ledger
from spark_processing.near_duplicates import find_members
from spark_processing.own_output import read_published
from spark_processing.part_writer import WRITING, near_rows, write_part
from spark_processing.raw_parts import read_judged
from spark_processing.raw_runs import RawRun
from spark_processing.rules import Options
from spark_processing.schema import NEAR
from spark_processing.session import open_session


def add_part(
    storage: Any, base: Dataset, runs: List[RawRun], part: str, options: Options, master: str, partitions: int
) -> Tuple[Part, Dict[str, Any]]:
    """Judge the runs' rows beside the base's and write the part. Returns it with its ledger."""
    say("starting Spark")
    rows_in = sum(run.rows for run in runs)
    spark = open_session("horoscopes: clean", rows_in, master, partitions)
    say("judging rows")
    verdicts = judge_runs(spark, storage, base, runs, options)
    counts = count_rows(verdicts)
    ledger = {
        "schema": SCHEMA_VERSION,
        "part": part,
        "rules_version": base.rules_version,
        "options": base.options,
        **make_ledger(counts, rows_in),
        "examples": find_examples(verdicts),
    }
    new = Part(part, ledger["kept"], *kept_dates(counts))
    say(f"writing {new.rows} of {ledger['rows_in']} rows to {new.folder}")
    storage.delete(WRITING)  # what a killed job may have left
    write_part(storage, new.folder, verdicts, ledger)
    storage.delete(WRITING)
    spark.catalog.clearCache()
    return new, ledger


def judge_runs(
    spark: SparkSession, storage: Any, base: Dataset, runs: List[RawRun], options: Options
) -> DataFrame:
    """Every row of the runs with its final verdict: `schema.JUDGED`, `matched_id`, `cluster_id`."""
    parts = [part for run in runs for part in run.parts]
    judged = read_judged(spark, storage, parts, options, read_published(storage))
    kept = read_history(spark, storage, base, "clean", "horoscope_id string, text_hash string")
    rejected = read_history(spark, storage, base, "rejected", "horoscope_id string")
    fresh = flag_repeated_ids(judged, kept.select("horoscope_id").union(rejected))
    single = flag_duplicate_texts(fresh, kept).persist(StorageLevel.MEMORY_AND_DISK)
    known = read_history(spark, storage, base, "near", NEAR)
    members = find_members(spark, near_rows(single), known, options.similarity)
    return with_clusters(single, members, options.near_duplicates == "reject")


def read_history(spark: SparkSession, storage: Any, base: Dataset, table: str, columns: Any) -> DataFrame:
    """Columns of a table over all parts of the dataset; no rows when it has no part."""
    folders = [storage.path(f"{part.folder}/{table}") for part in base.parts]
    return spark.read.schema(columns).parquet(*folders) if folders else spark.createDataFrame([], columns)


def say(message: str) -> None:
    print(f"process: {message}", file=sys.stderr, flush=True)
