"""From raw parts to a part of the dataset: in come checked raw runs, out comes the part's folder, ready to
be listed."""

from __future__ import annotations

from typing import Any, Dict, Tuple

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession

from spark_processing.alarms import find_warnings
from spark_processing.dataset import Dataset, Part
from spark_processing.duplicates import flag_duplicate_texts, flag_repeated_ids, with_clusters
from spark_processing.ledger import (
    SCHEMA_VERSION,
    count_rows,
    find_examples,
    kept_dates,
    make_ledger,
    read_ledger,
)
from spark_processing.near_duplicates import find_members
from spark_processing.own_output import read_published
from spark_processing.part_writer import near_rows, tables_of, write_part
from spark_processing.plan import Plan
from spark_processing.program import say
from spark_processing.raw_parts import read_judged
from spark_processing.schema import NEAR
from spark_processing.session import open_session


def add_part(storage: Any, plan: Plan, master: str, partitions: int) -> Tuple[Part, Dict[str, Any]]:
    """Judge the plan's rows beside the base's and write the part. Returns it with its ledger."""
    say("starting Spark")
    spark = open_session("horoscopes: clean", plan.rows, master, partitions)
    say("judging rows")
    verdicts = judge_runs(spark, storage, plan)
    counts = count_rows(verdicts)
    ledger = {
        "schema": SCHEMA_VERSION,
        "part": plan.part,
        "rules_version": plan.base.rules_version,
        "options": plan.base.options,
        **make_ledger(counts, plan.rows),
        "examples": find_examples(verdicts),
    }
    earlier = [read_ledger(storage, known.folder) for known in plan.base.parts]
    ledger["warnings"] = [warned._asdict() for warned in find_warnings(ledger, earlier)]
    new = Part(plan.part, ledger["kept"], *kept_dates(counts))
    say(f"writing {new.rows} of {ledger['rows_in']} rows to {new.folder}")
    write_part(storage, new.folder, tables_of(verdicts), ledger)
    spark.catalog.clearCache()
    return new, ledger


def judge_runs(spark: SparkSession, storage: Any, plan: Plan) -> DataFrame:
    """Every row of the runs with its final verdict: `schema.JUDGED`, `matched_id`, `cluster_id`."""
    parts = [part for run in plan.runs for part in run.parts]
    base, options = plan.base, plan.options
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
