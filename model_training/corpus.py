"""The cleaned dataset, read and split. In: the address of `processed/`. Out: `Horoscope` rows, train and
held out.

Two held-out sets. *test*: the last days, which is what serving meets. *golden*: two in a hundred
near-duplicate clusters, chosen by their id, so the same texts stay out of every training run whatever is
collected later. A cluster never lies on both sides: a late text whose cluster was seen early is dropped from
the test.

Used by `train` and `evaluate`; reads through fsspec, so `file:` and `s3:` are the same.
"""

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import fsspec
import pyarrow.parquet as pq

GOLDEN_SHARE = 0.02
COLUMNS = (
    "horoscope_id",
    "date",
    "sign",
    "topic",
    "source",
    "language",
    "clean_text",
    "text_hash",
    "cluster_id",
)


class DataProblem(Exception):
    """The dataset cannot be used; the message says what was expected, found, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Horoscope:
    """One row of `clean/`, with the column names of DATA_FORMAT.md."""

    horoscope_id: str
    date: dt.date
    sign: str
    topic: str
    source: str
    clean_text: str
    text_hash: str
    cluster_id: str


@dataclass(frozen=True)
class Split:
    """Train, test and golden rows, and how many late rows repeat an earlier cluster."""

    train: list[Horoscope]
    test: list[Horoscope]
    golden: list[Horoscope]
    dropped: int
    cutoff: dt.date
    """First day of the test."""

    @property
    def held_out(self) -> list[Horoscope]:
        return [*self.test, *self.golden]


def read_dataset(processed: str) -> tuple[list[Horoscope], dict[str, Any]]:
    """Rows in a fixed order (date, id) and dataset.json itself."""
    from botocore.exceptions import BotoCoreError

    fs, root = fsspec.core.url_to_fs(processed)
    listing = f"{root.rstrip('/')}/dataset.json"
    try:
        if not fs.exists(listing):
            raise DataProblem(
                f"expected dataset.json, found none, in {processed}; run the cleaning job first"
            )
        document: dict[str, Any] = json.loads(fs.cat_file(listing))
        rows = [
            row
            for part in document["parts"]
            for row in _read_part(fs, f"{root.rstrip('/')}/part={part['id']}", part["rows"])
        ]
    except (ValueError, KeyError, OSError, BotoCoreError) as error:
        raise DataProblem(
            f"expected a readable dataset, found {type(error).__name__}: {error}, in {processed}; "
            "run again, and if that does not help clean anew by clean_job --rebuild"
        ) from error
    if not rows:
        raise DataProblem(
            f"expected cleaned Russian texts, found 0 rows, in {processed}; collect and clean first"
        )
    return sorted(rows, key=lambda row: (row.date, row.horoscope_id)), document


def _read_part(fs: fsspec.AbstractFileSystem, part: str, rows: int) -> Iterable[Horoscope]:
    """The Russian ones of a part's `rows`. Raises ValueError where there are fewer or more: it was removed
    after the listing was read, or a file of it is missing."""
    found = 0
    for path in sorted(fs.glob(f"{part}/clean/*.parquet")):
        with fs.open(path, "rb") as file:
            # In this thread alone: others that still hold the file when Python ends abort it, exit code 134.
            table = pq.ParquetFile(file, pre_buffer=False).read(list(COLUMNS), use_threads=False)
        found += table.num_rows
        for row in table.to_pylist():
            if row.pop("language") == "ru":
                yield Horoscope(**row)
    if found != rows:
        raise ValueError(f"{found} of {rows} rows in {part}")


def split(rows: list[Horoscope], test_share: float = 0.08, max_test: int = 2000) -> Split:
    """Cut before the last days that hold at least `test_share` of the rows (at most `max_test`).

    Raises DataProblem when a side would be empty.
    """
    golden = [row for row in rows if is_golden(row.cluster_id)]
    rest = [row for row in rows if not is_golden(row.cluster_id)]
    wanted = min(max_test, max(1, round(len(rows) * test_share)))
    cutoff = rest[-wanted].date if len(rest) > wanted else dt.date.min
    train = [row for row in rest if row.date < cutoff]
    known_clusters = {row.cluster_id for row in train}
    known_texts = {row.text_hash for row in [*train, *golden]}
    late = [row for row in rest if row.date >= cutoff]
    test = [row for row in late if row.cluster_id not in known_clusters and row.text_hash not in known_texts]
    if not train or not test:
        days = len({row.date for row in rows})
        raise DataProblem(
            f"expected texts of several days to hold some out, found {len(rows)} texts of {days} days, "
            "in the dataset; collect more days"
        )
    result = Split(train, test, golden, dropped=len(late) - len(test), cutoff=cutoff)
    assert_no_leak(result)
    return result


def is_golden(cluster_id: str) -> bool:
    return int(cluster_id[-8:], 16) % 10_000 < GOLDEN_SHARE * 10_000


def assert_no_leak(parts: Split) -> None:
    """Raises DataProblem if any cluster or text of the held-out sets is in train."""
    for name in ("cluster_id", "text_hash"):
        shared = {getattr(r, name) for r in parts.train} & {getattr(r, name) for r in parts.held_out}
        if shared:
            raise DataProblem(
                f"expected no {name} on both sides, found {len(shared)}, in the split; report this"
            )
