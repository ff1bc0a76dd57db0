import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_processing.ledger import (
    EXAMPLES,
    Count,
    LedgerError,
    choose_examples,
    count_rows,
    kept_dates,
    make_ledger,
)
from spark_processing.rules import REASONS
from spark_processing.schema import KEYS, SIGNS


def test_the_account_by_source_and_sign_and_in_total():
    counts = [
        Count("ru74", "leo", None, 3),
        Count("ru74", "leo", "too_short", 2),
        Count("astro", "", "empty_field", 1),
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


@pytest.mark.parametrize("rows_in", [2, 4])
def test_a_row_lost_or_made_up_fails_the_job(rows_in):
    with pytest.raises(LedgerError, match=f"expected {rows_in} rows"):
        make_ledger([Count("ru74", "leo", None, 3)], rows_in)


def test_a_reason_without_a_name_fails_the_job():
    with pytest.raises(LedgerError, match="bad mood"):
        make_ledger([Count("ru74", "leo", "bad mood", 3)], 3)


COUNTS = st.builds(
    Count,
    st.sampled_from(["ru74", "astro", ""]),
    st.sampled_from(["leo", "virgo", ""]),
    st.sampled_from([None, *REASONS]),
    st.integers(1, 9),
)


@given(st.lists(COUNTS))
def test_every_line_balances(counts):
    ledger = make_ledger(counts, sum(count.rows for count in counts))
    for line in [ledger, *ledger["by_source_sign"]]:
        assert line["rows_in"] == line["kept"] + sum(line["rejected"].values())
    assert sum(line["rows_in"] for line in ledger["by_source_sign"]) == ledger["rows_in"]


def keys(rows):
    """Keys of rows of (source, sign, date)."""
    lines = [
        {"id_key": number * 7919 % 101, "source": source, "sign": sign, "date": date}
        for number, (source, sign, date) in enumerate(rows)
    ]
    return pa.Table.from_pylist(lines, KEYS).combine_chunks()


def test_rows_are_counted_by_source_sign_and_reason():
    table = keys([("ru74", "leo", "2026-11-01"), ("ru74", "leo", "2026-11-02"), (None, "leo", "2026-11-03")])
    reasons = pa.array([None, "too_short", "empty_field"])
    assert count_rows(table, reasons) == [
        Count("ru74", "leo", None, 1),
        Count("ru74", "leo", "too_short", 1),
        Count("", "leo", "empty_field", 1),
    ]
    assert kept_dates(table, np.array([True, True, False])) == ("2026-11-01", "2026-11-02")
    assert kept_dates(table, np.zeros(3, bool)) == (None, None)


def test_examples_are_of_every_reason_and_source_and_of_different_signs():
    rows = [(source, sign, "2026-11-01") for source in ("astro", "ru74") for sign in SIGNS for _ in range(3)]
    reasons = pa.array(["too_short" if n % 3 else None for n in range(len(rows))])
    chosen = choose_examples(keys(rows), reasons).tolist()
    assert len(chosen) == 2 * EXAMPLES and all(reasons[row].is_valid for row in chosen)
    assert len({rows[row][:2] for row in chosen}) == 2 * EXAMPLES
    assert choose_examples(keys(rows), pa.nulls(len(rows), pa.string())).tolist() == []
