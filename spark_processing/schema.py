"""The columns of `raw/`, `clean/` and `rejected/`, as DATA_FORMAT.md states them, and the words their
fields may hold."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql.types import (
    ArrayType,
    DateType,
    DoubleType,
    IntegerType,
    StringType,
    StructField,
    StructType,
)

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

_VERDICT = [
    ("reason", pa.string()),
    ("detail", pa.string()),
    ("matched_id", pa.string()),
    ("similarity", pa.float64()),
]
JUDGED = pa.schema(
    [
        *[(name, pa.string()) for name in RAW_COLUMNS],
        ("clean_text", pa.string()),
        ("chars", pa.int32()),
        ("text_hash", pa.string()),
        ("quality_flags", pa.list_(pa.string())),
        *_VERDICT,
        ("shingles", pa.binary()),
    ]
)
"""A raw row after the rules that need no other row of the dataset: `reason` is null while it may be kept."""

KEYS = pa.schema(
    [
        ("id_key", pa.int64()),
        ("text_key", pa.int64()),
        *[
            (name, pa.string())
            for name in ("horoscope_id", "date", "source", "sign", "fetched_at", "text_hash")
        ],
        *_VERDICT,
        ("shingles", pa.binary()),
    ]
)
"""What rows are compared by. A key is the first 64 bits of a SHA-256: among ten million rows two different
ones share a key once in 400,000 datasets."""

CHANGES = pa.schema([*_VERDICT, ("cluster_id", pa.string())])
"""What a row's verdict became beside the other rows: `reason` is null where it is kept as a cluster's
member."""

KNOWN_IDS = pa.schema([("id_key", pa.int64())])
KNOWN_TEXTS = pa.schema(
    [
        ("text_key", pa.int64()),
        ("sketch", pa.binary(40)),
        ("represents", pa.bool_()),
        *[(name, pa.string()) for name in ("text_hash", "horoscope_id", "date", "source")],
        ("shingles", pa.binary()),
    ]
)
"""What later runs compare with. `sketch`: ten 32-bit numbers; `represents`: whether the text stands for its
cluster."""

_RAW = [StructField(name, StringType()) for name in RAW_COLUMNS]
_DATED = [StructField("date", DateType()) if field.name == "date" else field for field in _RAW]

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

REJECTED = StructType(
    [
        *_RAW,
        StructField("clean_text", StringType()),
        StructField("reason", StringType()),
        StructField("detail", StringType()),
        StructField("matched_id", StringType()),
        StructField("similarity", DoubleType()),
    ]
)
"""`date` stays a string here: it may be the very thing that is wrong."""
