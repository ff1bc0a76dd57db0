"""Rows judged beside one another: in come judged rows and what the dataset already holds, out come more
verdicts.

`repeated_id`: the same horoscope collected again. `duplicate_text`: another horoscope with the same words, on
whatever date or site. What the dataset holds stays; among new rows the earliest date stays, ties by source,
then id. The verdict depends on the rows alone, not on their order or partitions.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F


def flag_repeated_ids(judged: DataFrame, known: DataFrame) -> DataFrame:
    """Reject all but one row of each `horoscope_id`, and every row whose id is in `known` (horoscope_id).

    Rows without an id are no copies of one another: `empty_field` has named them already.
    """
    copies = Window.partitionBy("horoscope_id").orderBy("fetched_at", "url", "strategy", "printed_date")
    seen = known.select("horoscope_id").distinct().withColumn("_seen", F.lit(True))
    has_id = F.col("horoscope_id").isNotNull()
    is_repeat = has_id & (F.col("_seen").isNotNull() | (F.row_number().over(copies) > 1))
    marked = judged.join(seen, "horoscope_id", "left").withColumn("_repeat", is_repeat)
    verdict = {
        name: F.when(~F.col("_repeat"), F.col(name))
        for name in ("clean_text", "chars", "text_hash", "detail")
    }
    verdict["reason"] = F.when(F.col("_repeat"), F.lit("repeated_id")).otherwise(F.col("reason"))
    return marked.select(*[verdict.get(name, F.col(name)).alias(name) for name in judged.columns])


def flag_duplicate_texts(judged: DataFrame, known: DataFrame) -> DataFrame:
    """Reject all but one of the rows that share a `text_hash`; adds `matched_id`, the horoscope that is kept.

    `known` holds the dataset's `text_hash` and `horoscope_id`. Rows that are rejected already keep their
    reason.
    """
    is_open = F.col("reason").isNull()
    alike = Window.partitionBy(F.when(is_open, F.col("text_hash")).otherwise(F.col("horoscope_id")))
    first = F.first("horoscope_id").over(alike.orderBy("date", "source", "horoscope_id"))
    kept = known.select("text_hash", F.col("horoscope_id").alias("_kept"))
    keeper = F.coalesce("_kept", F.when(first != F.col("horoscope_id"), first))
    marked = judged.join(kept, "text_hash", "left").withColumn("matched_id", F.when(is_open, keeper))
    verdict = F.when(F.col("matched_id").isNotNull(), F.lit("duplicate_text")).otherwise(F.col("reason"))
    return marked.withColumn("reason", verdict).select(*judged.columns, "matched_id")


def with_clusters(judged: DataFrame, members: DataFrame, reject: bool) -> DataFrame:
    """Adds `cluster_id`, the text_hash of the text's representative, its own where it resembles none.

    `members`: text_hash, cluster_id, near_id, similarity of the texts that resemble an earlier one. With
    `reject` they are no longer kept: `matched_id` names the representative, `detail` the similarity.
    """
    joined = judged.join(F.broadcast(members), "text_hash", "left")
    is_near = F.col("reason").isNull() & F.col("near_id").isNotNull() & F.lit(reject)
    verdict = {
        "reason": F.when(is_near, F.lit("near_duplicate")).otherwise(F.col("reason")),
        "detail": F.when(is_near, F.format_string("similarity %.2f", "similarity")).otherwise(
            F.col("detail")
        ),
        "matched_id": F.when(is_near, F.col("near_id")).otherwise(F.col("matched_id")),
    }
    columns = [verdict.get(name, F.col(name)).alias(name) for name in judged.columns]
    return joined.select(*columns, F.coalesce("cluster_id", "text_hash").alias("cluster_id"))
