import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_processing.ledger import Count, LedgerError, find_examples, kept_dates, make_ledger
from spark_processing.rules import REASONS

DAY = "2026-11-23"


def test_the_account_by_source_and_sign_and_in_total():
    counts = [
        Count("ru74", "leo", None, 3, "2026-11-02", "2026-11-04"),
        Count("ru74", "leo", "too_short", 2, DAY, DAY),
        Count("astro", "", "empty_field", 1, None, None),
    ]
    assert make_ledger(counts, 6) == {
        "rows_in": 6,
        "kept": 3,
        "rejected": {"empty_field": 1, "too_short": 2},
        "by_source_sign": [
            {"source": "astro", "sign": "", "rows_in": 1, "kept": 0, "rejected": {"empty_field": 1}},
            {"source": "ru74", "sign": "leo", "rows_in": 5, "kept": 3, "rejected": {"too_short": 2}},
        ],
    }
    assert kept_dates(counts) == ("2026-11-02", "2026-11-04")


@pytest.mark.parametrize("rows_in", [2, 4])
def test_a_row_lost_or_made_up_fails_the_job(rows_in):
    with pytest.raises(LedgerError, match=f"expected {rows_in} rows"):
        make_ledger([Count("ru74", "leo", None, 3, DAY, DAY)], rows_in)


def test_a_reason_without_a_name_fails_the_job():
    with pytest.raises(LedgerError, match="bad mood"):
        make_ledger([Count("ru74", "leo", "bad mood", 3, DAY, DAY)], 3)


COUNTS = st.builds(
    Count,
    st.sampled_from(["ru74", "astro", ""]),
    st.sampled_from(["leo", "virgo", ""]),
    st.sampled_from([None, *REASONS]),
    st.integers(1, 9),
    st.just(DAY),
    st.just(DAY),
)


@given(st.lists(COUNTS))
def test_every_line_balances(counts):
    ledger = make_ledger(counts, sum(count.rows for count in counts))
    for line in [ledger, *ledger["by_source_sign"]]:
        assert line["rows_in"] == line["kept"] + sum(line["rejected"].values())
    assert sum(line["rows_in"] for line in ledger["by_source_sign"]) == ledger["rows_in"]


def test_examples_are_few_and_the_same_for_any_partitions(spark):
    rows = [(f"{n:02d}", "ru74", "leo", f"text {n}", None, "too_short") for n in range(40)]
    rows.append(("kept", "ru74", "leo", "text", "text", None))
    frame = spark.createDataFrame(
        rows, "horoscope_id string, source string, sign string, text string, clean_text string, reason string"
    )
    examples = find_examples(frame.repartition(5))
    assert examples == find_examples(frame.coalesce(1))
    assert list(examples) == ["too_short"] and 1 <= len(examples["too_short"]) <= 3
    assert set(examples["too_short"][0]) == {"horoscope_id", "source", "sign", "before", "after"}
