"""Texts that are nearly the same: in come kept rows, out comes the cluster of each, named by its
representative.

Likeness is the Jaccard similarity of two texts' word shingles. Candidates come from a MinHash sketch, the
SKETCH smallest shingle hashes: two texts that share two of them meet. Each candidate pair is then measured on
its whole shingle sets, and only measured pairs count. A text joins the earliest representative it resembles,
else it becomes one: there are no chains, each member resembles its representative.
"""

from __future__ import annotations

from typing import Dict, Iterable, List, NamedTuple, Tuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_processing.shingles import SKETCH

CROWD = 40
"""In a bucket with more texts, each is compared with this many: a stock phrase shared by thousands is no
evidence."""


class Text(NamedTuple):
    """One end of a pair. Ordered: the least is the earliest, and what the dataset holds comes before what
    is new."""

    is_new: bool
    date: str
    source: str
    horoscope_id: str
    text_hash: str


class Member(NamedTuple):
    """A text that resembles an earlier one."""

    text_hash: str
    cluster_id: str
    """text_hash of the representative."""
    near_id: str
    """horoscope_id of the representative."""
    similarity: float


def find_members(spark: SparkSession, texts: DataFrame, known: DataFrame, threshold: float) -> DataFrame:
    """The members of clusters among `texts`, as rows of Member; both frames have the columns of
    `schema.NEAR`."""
    both = texts.withColumn("is_new", F.lit(True)).unionByName(known.withColumn("is_new", F.lit(False)))
    found = similar_pairs(both, threshold).collect()
    members = choose_representatives(
        (Text(*earlier), Text(*later), similarity) for earlier, later, similarity in found
    )
    return spark.createDataFrame(
        [tuple(member) for member in members],
        "text_hash string, cluster_id string, near_id string, similarity double",
    )


def similar_pairs(texts: DataFrame, threshold: float) -> DataFrame:
    """Every pair found with similarity >= threshold, once: earlier, later (structs of Text), similarity.

    Two texts of the dataset are not compared: what they are to each other was decided when they came.
    """
    numbered = texts.withColumn("number", F.xxhash64("text_hash")).withColumn(
        "sketch", F.slice("shingles", 1, SKETCH)
    )
    end = F.struct(*Text._fields)
    ends = numbered.select("number", end.alias("end"), "shingles")
    measured = candidate_pairs(numbered)
    for name in ("a", "b"):
        measured = measured.join(ends.toDF(name, f"end_{name}", f"set_{name}"), name)
    shared = F.size(F.array_intersect("set_a", "set_b"))
    similarity = F.round(shared / (F.size("set_a") + F.size("set_b") - shared), 4)
    pair = [F.least("end_a", "end_b").alias("earlier"), F.greatest("end_a", "end_b").alias("later")]
    return measured.select(*pair, similarity.alias("similarity")).where(f"similarity >= {threshold}")


def candidate_pairs(numbered: DataFrame) -> DataFrame:
    """Pairs of numbers a < b of texts that share two values of their sketches, at least one text new."""
    meeting = (
        "flatten(transform(sketch, a -> transform(filter(sketch, b -> b > a), b -> shiftleft(a, 32) | b)))"
    )
    met = numbered.select("number", "is_new", F.expr(f"explode({meeting})").alias("meeting"))
    new = F.collect_set(F.when(F.col("is_new"), F.col("number")))
    buckets = met.groupBy("meeting").agg(F.collect_set("number").alias("all"), new.alias("new"))
    meetings = buckets.where("size(all) > 1 AND size(new) > 0")
    few = F.explode(F.slice(F.sort_array("new"), 1, CROWD)).alias("a")
    return (
        meetings.select(few, "all")
        .select("a", F.explode("all").alias("b"))
        .where("a != b")
        .select(F.least("a", "b").alias("a"), F.greatest("a", "b").alias("b"))
        .distinct()
    )


def choose_representatives(pairs: Iterable[Tuple[Text, Text, float]]) -> List[Member]:
    """Who joins whom, from (earlier, later, similarity) pairs.

    Texts are taken from the earliest on: each joins the earliest representative it resembles, else it becomes
    one.
    """
    earlier_of: Dict[Text, List[Tuple[Text, float]]] = {}
    for earlier, later, similarity in pairs:
        earlier_of.setdefault(later, []).append((earlier, similarity))
    members: Dict[Text, Member] = {}
    for text in sorted(earlier_of):
        for representative, similarity in sorted(earlier_of[text]):
            if representative not in members:
                near = (representative.text_hash, representative.horoscope_id, similarity)
                members[text] = Member(text.text_hash, *near)
                break
    return list(members.values())
