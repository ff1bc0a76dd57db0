"""Make one part of the dataset's many, without cleaning anything again.

    python -m spark_processing.compact --storage data

In comes processed/dataset.json, out comes the same dataset with one part: the same rows, one ledger that adds
up the old ones. The old parts stay until the next run, for whoever still reads them. Exit codes as in
clean_job.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any, Dict, List, Optional

from spark_processing.dataset import Dataset, Part, digest, read_dataset, write_dataset
from spark_processing.ledger import add_ledgers, read_ledger
from spark_processing.program import add_storage, open_storage, require_java, run_step
from spark_processing.raw_runs import RawDataError


def compact(args: argparse.Namespace) -> Dict[str, Any]:
    """Returns the summary's fields."""
    storage = open_storage(args)
    dataset = read_dataset(storage)
    if dataset is None:
        raise RawDataError(
            f"expected a dataset, found none, in {storage.path('processed')}; run clean_job first"
        )
    if len(dataset.parts) == 1:
        return {"outcome": "skipped", "reason": "the dataset has one part", "rows_out": dataset.rows}
    require_java()
    with storage.locked("processed/.lock"):
        part = write_one_part(storage, dataset, args.master)
        write_dataset(storage, dataset._replace(parts=[part]))
    return {"outcome": "done", "rows_in": dataset.rows, "rows_out": part.rows, "parts_in": len(dataset.parts)}


def write_one_part(storage: Any, dataset: Dataset, master: str) -> Part:
    from spark_processing.part_writer import Tables, write_part
    from spark_processing.pipeline import read_history
    from spark_processing.schema import CLEAN, NEAR, REJECTED
    from spark_processing.session import open_session

    ledger = add_ledgers([read_ledger(storage, part.folder) for part in dataset.parts])
    spark = open_session("horoscopes: compact", ledger["rows_in"], master)
    schemas = {"clean": CLEAN, "rejected": REJECTED, "near": NEAR}
    tables = Tables(
        **{name: read_history(spark, storage, dataset, name, schema) for name, schema in schemas.items()}
    )
    days = sorted(day for part in dataset.parts for day in (part.date_from, part.date_to) if day)
    first, last = (days[0], days[-1]) if days else (None, None)
    part = Part(digest(["compact", [part.id for part in dataset.parts]])[:16], dataset.rows, first, last)
    write_part(storage, part.folder, tables, {**ledger, "part": part.id})
    return part


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m spark_processing.compact", description="Make one part of the dataset's many."
    )
    return add_storage(parser)


def main(argv: Optional[List[str]] = None) -> int:
    return run_step("compact", make_parser().parse_args(argv), compact)


if __name__ == "__main__":
    sys.exit(main())
