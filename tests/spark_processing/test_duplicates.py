from chispa import assert_df_equality
from pyspark.sql import functions as F

from spark_processing.duplicates import flag_duplicate_texts, flag_repeated_ids

COLUMNS = (
    "horoscope_id string, date string, source string, url string, strategy string, printed_date string, "
    "fetched_at string, clean_text string, chars int, text_hash string, reason string, detail string"
)


def judged(spark, *rows):
    """Rows of (id, date, source, fetched_at, text_hash, reason)."""
    full = [
        (i, date, source, None, None, None, at, None if reason else f"text {text}", None, text, reason, None)
        for i, date, source, at, text, reason in rows
    ]
    return spark.createDataFrame(full, COLUMNS)


def known(spark, *rows):
    return spark.createDataFrame(list(rows), "horoscope_id string, text_hash string")


def test_of_one_horoscope_collected_twice_the_first_download_stays(spark):
    rows = judged(
        spark,
        ("a", "2026-11-23", "ru74", "08:00", "t1", None),
        ("a", "2026-11-23", "ru74", "07:00", "t1", None),
        ("b", "2026-11-23", "ru74", "07:00", "t2", None),
        ("old", "2026-11-22", "ru74", "07:00", "t3", None),
        (None, "2026-11-23", "ru74", "07:00", None, "empty_field"),
        (None, "2026-11-23", "ru74", "07:00", None, "empty_field"),
    )
    found = flag_repeated_ids(rows, known(spark, ("old", "t3"), ("old", "t3")))
    expected = judged(
        spark,
        (None, "2026-11-23", "ru74", "07:00", None, "empty_field"),
        (None, "2026-11-23", "ru74", "07:00", None, "empty_field"),
        ("a", "2026-11-23", "ru74", "07:00", "t1", None),
        ("a", "2026-11-23", "ru74", "08:00", None, "repeated_id"),
        ("b", "2026-11-23", "ru74", "07:00", "t2", None),
        ("old", "2026-11-22", "ru74", "07:00", None, "repeated_id"),
    )
    assert_df_equality(found, expected, ignore_row_order=True, ignore_nullable=True)


def test_of_one_text_the_earliest_day_stays_then_the_first_source_then_the_smallest_id(spark):
    rows = judged(
        spark,
        ("late", "2026-11-24", "astro", "07:00", "t1", None),
        ("early", "2026-11-23", "ru74", "07:00", "t1", None),
        ("y", "2026-11-23", "ru74", "07:00", "t2", None),
        ("x", "2026-11-23", "ru74", "07:00", "t2", None),
        ("z", "2026-11-23", "astro", "07:00", "t2", None),
        ("new", "2026-11-01", "astro", "07:00", "t3", None),
        ("short", "2026-11-01", "astro", "07:00", None, "too_short"),
    )
    found = flag_duplicate_texts(rows, known(spark, ("old", "t3")))
    expected = spark.createDataFrame(
        [
            ("early", None, None),
            ("late", "duplicate_text", "early"),
            ("new", "duplicate_text", "old"),
            ("short", "too_short", None),
            ("x", "duplicate_text", "z"),
            ("y", "duplicate_text", "z"),
            ("z", None, None),
        ],
        "horoscope_id string, reason string, matched_id string",
    )
    assert_df_equality(
        found.select("horoscope_id", "reason", "matched_id"),
        expected,
        ignore_row_order=True,
        ignore_nullable=True,
    )


def test_the_verdict_does_not_depend_on_partitions(spark):
    rows = judged(
        spark,
        *[(f"{n:02d}", f"2026-11-{n % 9 + 1:02d}", "ru74", "07:00", f"t{n % 7}", None) for n in range(60)],
    )
    nothing = known(spark)

    def verdicts(frame):
        found = flag_duplicate_texts(flag_repeated_ids(frame, nothing), nothing)
        return sorted(
            map(tuple, found.select("horoscope_id", F.coalesce("matched_id", F.lit("-"))).collect())
        )

    assert verdicts(rows.repartition(7)) == verdicts(rows.coalesce(1))
