"""The dataset is read whole and split without leaks."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_training.corpus import DataProblem, Horoscope, assert_no_leak, is_golden, read_dataset, split


def as_rows(rows: list[dict]) -> list[Horoscope]:
    names = [f.name for f in dataclasses.fields(Horoscope)]
    return [Horoscope(**{name: row[name] for name in names}) for row in rows]


def test_all_russian_rows_are_read_in_the_order_of_days(tmp_path: Path, make_rows, make_processed) -> None:
    rows = make_rows(3)
    rows[5]["language"] = "en"
    read, document = read_dataset(str(make_processed(tmp_path, rows)))
    assert len(read) == len(rows) - 1
    assert [row.date for row in read] == sorted(row.date for row in read)
    assert document["version"] == "abcdef012345"


def test_reading_starts_no_thread_that_may_outlive_the_program(
    tmp_path: Path, make_rows, make_processed
) -> None:
    """A busy machine lets one hold the file until Python is gone, which aborts it: exit code 134."""
    code = (
        "import os, sys; from model_training.corpus import read_dataset\n"
        "threads = lambda: len(os.listdir('/proc/self/task'))\n"
        "before = threads(); read_dataset(sys.argv[1]); print(threads() - before)"
    )
    program = [sys.executable, "-c", code, str(make_processed(tmp_path, make_rows(3)))]
    assert subprocess.run(program, capture_output=True, text=True, check=True).stdout == "0\n"


def test_test_days_come_after_all_training_days(make_rows) -> None:
    parts = split(as_rows(make_rows(30)))
    assert max(row.date for row in parts.train) < min(row.date for row in parts.test)


@given(seed=st.integers(0, 1000), copies=st.integers(0, 8))
def test_nothing_is_on_both_sides_and_nothing_is_lost(make_rows, seed: int, copies: int) -> None:
    rows = as_rows(make_rows(20, seed))
    early, late = rows[: copies + 1], rows[-copies - 1 :]
    twins = [
        dataclasses.replace(a, cluster_id=b.cluster_id, text_hash=b.text_hash)
        for a, b in zip(late, early, strict=True)
    ]
    rows = [*rows[: -copies - 1], *twins]
    parts = split(rows)
    assert len(parts.train) + len(parts.test) + len(parts.golden) + parts.dropped == len(rows)
    assert not {r.cluster_id for r in parts.train} & {r.cluster_id for r in parts.held_out}


def test_golden_texts_stay_golden_when_the_dataset_grows(make_rows) -> None:
    small, large = split(as_rows(make_rows(60))), split(as_rows(make_rows(90)))
    assert {row.text_hash for row in small.golden} <= {row.text_hash for row in large.golden}
    assert all(is_golden(row.cluster_id) for row in small.golden)


def test_a_leak_is_named(make_rows) -> None:
    parts = split(as_rows(make_rows(20)))
    leaky = dataclasses.replace(parts, train=[*parts.train, parts.test[0]])
    with pytest.raises(DataProblem, match=r"expected no cluster_id on both sides, found 1"):
        assert_no_leak(leaky)


@pytest.mark.parametrize("break_it", ["missing", "garbage", "empty", "no part", "part gone", "a file gone"])
def test_a_bad_dataset_is_one_clear_sentence(
    tmp_path: Path, make_rows, make_processed, break_it: str
) -> None:
    if break_it != "missing":
        make_processed(tmp_path, make_rows(1))
    if break_it == "garbage":
        (tmp_path / "dataset.json").write_text("{")
    if break_it == "empty":
        (tmp_path / "dataset.json").write_text(json.dumps({"version": "0", "parts": []}))
    if break_it == "no part":
        next(tmp_path.glob("part=*/clean/*")).write_bytes(b"PAR1 not really")
    if break_it in ("part gone", "a file gone"):  # of two: the rest must not pass for the whole
        listing = json.loads((tmp_path / "dataset.json").read_text())
        listing["parts"][0]["rows"] = 24
        if break_it == "part gone":
            listing["parts"] = [{"id": "0123456789ab", "rows": 12}, {"id": "ba9876543210", "rows": 12}]
        (tmp_path / "dataset.json").write_text(json.dumps(listing))
    with pytest.raises(DataProblem, match=r"expected .*, found .*, in .*; ") as raised:
        read_dataset(str(tmp_path))
    assert "\n" not in str(raised.value)


def test_one_day_cannot_be_split(make_rows) -> None:
    with pytest.raises(DataProblem, match="several days"):
        split(as_rows(make_rows(1)))
