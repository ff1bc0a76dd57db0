"""The columns of `raw/`, `clean/` and `rejected/`, as DATA_FORMAT.md states them, and the words their
fields may hold."""

from __future__ import annotations

from pyspark.sql.types import ArrayType, DateType, IntegerType, LongType, StringType, StructField, StructType

RAW_COLUMNS = (
    "horoscope_id",
    "date",
    "sign",
    "topic",
    "period",
    "language",
    "text",
    "source",
    "url",
    "printed_date",
    "strategy",
    "fetched_at",
)
RAW_SCHEMA_VERSION = 1

SIGNS = (
    "aries", "taurus", "gemini", "cancer", "leo", "virgo",
    "libra", "scorpio", "sagittarius", "capricorn", "aquarius", "pisces",
)  # fmt: skip
TOPICS = (
    "general", "love", "business", "health", "career", "finance", "erotic", "anti", "cook", "mobile",
    "family", "beauty", "man", "woman", "teen", "flirt", "friends",
)  # fmt: skip
PERIODS = ("day", "week", "month", "year")
LANGUAGES = ("ru", "en")

_RAW = [StructField(name, StringType()) for name in RAW_COLUMNS]
_DATED = [StructField("date", DateType()) if field.name == "date" else field for field in _RAW]

JUDGED = StructType(
    [
        *_RAW,
        StructField("clean_text", StringType()),
        StructField("chars", IntegerType()),
        StructField("text_hash", StringType()),
        StructField("quality_flags", ArrayType(StringType())),
        StructField("reason", StringType()),
        StructField("detail", StringType()),
        StructField("shingles", ArrayType(LongType())),
    ]
)
"""A raw row after the rules that need no other row: `reason` is null while it may still be kept."""

CLEAN = StructType(
    [
        *_DATED,
        StructField("clean_text", StringType()),
        StructField("chars", IntegerType()),
        StructField("text_hash", StringType()),
        StructField("cluster_id", StringType()),
        StructField("quality_flags", ArrayType(StringType())),
    ]
)

NEAR = StructType(
    [
        StructField("text_hash", StringType()),
        StructField("horoscope_id", StringType()),
        StructField("date", StringType()),
        StructField("source", StringType()),
        StructField("shingles", ArrayType(LongType())),
    ]
)
"""What later runs compare with: one row a cluster, its representative."""

REJECTED = StructType(
    [
        *_RAW,
        StructField("clean_text", StringType()),
        StructField("reason", StringType()),
        StructField("detail", StringType()),
        StructField("matched_id", StringType()),
    ]
)
"""`date` stays a string here: it may be the very thing that is wrong."""
