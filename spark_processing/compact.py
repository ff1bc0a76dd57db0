"""Make one part of the dataset's many, without cleaning anything again.

    python -m spark_processing.compact --storage data

In comes processed/dataset.json, out comes the same dataset with one part: the same rows, one ledger that adds
up the old ones. The old parts stay until the next run, for whoever still reads them. Exit codes as in
clean_job.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from typing import Any, Dict, List, Optional

from spark_processing.dataset import WRITING, Dataset, Part, digest, read_dataset, write_dataset
from spark_processing.history import merge_known
from spark_processing.ledger import add_ledgers, read_ledger
from spark_processing.plan import refuse_anothers, sweep
from spark_processing.program import add_storage, open_storage, require_java, run_step
from spark_processing.raw_runs import RawDataError

ROWS_PER_FILE = 200_000
ROWS_PER_BATCH = 5_000


def compact(args: argparse.Namespace) -> Dict[str, Any]:
    """Returns the summary's fields."""
    storage = open_storage(args)
    with storage.locked("processed/.lock"):
        dataset = read_dataset(storage)
        if dataset is None:
            raise RawDataError(
                f"expected a dataset, found none, in {storage.path('processed')}; run clean_job first"
            )
        if len(dataset.parts) == 1:
            return {"outcome": "skipped", "reason": "the dataset has one part", "rows_out": dataset.rows}
        require_java()
        part = write_one_part(storage, dataset, args.master)
        refuse_anothers(storage, dataset)
        write_dataset(storage, dataset._replace(parts=[part]))
        sweep(storage, [part, *dataset.parts])
    return {"outcome": "done", "rows_in": dataset.rows, "rows_out": part.rows, "parts_in": len(dataset.parts)}


def write_one_part(storage: Any, dataset: Dataset, master: str) -> Part:
    """The rows of all parts in one, in as few files as they need."""
    from spark_processing.part_writer import publish_part

    ledger = add_ledgers([read_ledger(storage, part.folder) for part in dataset.parts])
    days = sorted(day for part in dataset.parts for day in (part.date_from, part.date_to) if day)
    first, last = (days[0], days[-1]) if days else (None, None)
    part = Part(digest(["compact", [part.id for part in dataset.parts]])[:16], dataset.rows, first, last)
    aside = f"{WRITING}/{uuid.uuid4().hex}"
    write_rows(storage, dataset, aside, ledger, master)
    merge_known(storage, dataset, aside)
    refuse_anothers(storage, dataset)
    publish_part(storage, aside, part.folder, {**ledger, "part": part.id})
    return part


def write_rows(storage: Any, dataset: Dataset, aside: str, ledger: Dict[str, Any], master: str) -> None:
    from spark_processing.part_writer import as_strings, name_by_number, to_csv
    from spark_processing.schema import CLEAN, REJECTED
    from spark_processing.session import open_session, read_table

    spark = open_session("horoscopes: compact", ledger["rows_in"], master)
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(ROWS_PER_BATCH))
    kept, rejected = ledger["kept"], ledger["rows_in"] - ledger["kept"]
    clean = in_files(read_table(spark, storage, dataset, "clean", CLEAN), kept)
    clean.write.parquet(storage.path(f"{aside}/clean"))
    spelled = clean.select(*[clean[f.name].cast(f.dataType) for f in as_strings(CLEAN)])
    lines = spelled.mapInArrow(lambda found: to_csv(map(as_table, found)), "value string")
    lines.write.text(storage.path(f"{aside}/clean_csv"))
    lost = in_files(read_table(spark, storage, dataset, "rejected", REJECTED), rejected)
    lost.write.parquet(storage.path(f"{aside}/rejected"))
    for name in ("clean", "clean_csv", "rejected"):
        name_by_number(storage, f"{aside}/{name}")


def as_table(batch: Any) -> Any:
    import pyarrow as pa

    return pa.Table.from_batches([batch])


def in_files(rows: Any, count: int) -> Any:
    """Sorted, in as many files as `count` rows need, at least one; rows go to files by their id."""
    files = max(1, -(-count // ROWS_PER_FILE))
    spread = rows.coalesce(1) if files == 1 else rows.repartition(files, "horoscope_id")
    return spread.sortWithinPartitions("date", "source", "horoscope_id")


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m spark_processing.compact", description="Make one part of the dataset's many."
    )
    return add_storage(parser)


def main(argv: Optional[List[str]] = None) -> int:
    return run_step("compact", make_parser().parse_args(argv), compact)


if __name__ == "__main__":
    sys.exit(main())
