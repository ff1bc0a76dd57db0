"""Clean what is new in `raw/` and add it to the dataset in `processed/`.

    python -m spark_processing.clean_job --storage data

On a cluster, with the zip that `make package` builds; its Python needs pyarrow and pandas, as Spark's Arrow
side does:

    spark-submit --py-files dist/spark_processing.zip spark_processing/__main__.py --storage s3a://bucket/prefix

Where Spark has no S3A connector, spark-submit fetches it (`--packages
org.apache.spark:spark-hadoop-cloud_2.13:4.3.0`), or `python -m orchestration.stage` copies the bucket to a
folder and back.

In come the complete raw runs that no part covers yet; out come one part (clean and rejected rows, CSV,
ledger.json) and the next dataset.json, replaced in one atomic step. With nothing new it ends at once, before
Spark is started. Exit codes: 0 done or skipped, 1 the data is at fault, 2 wrong arguments or environment,
130/143 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any, Dict, List, Optional

from spark_processing.dataset import Dataset, read_dataset
from spark_processing.plan import make_plan, publish, sweep
from spark_processing.program import EarlyStart, add_storage, open_storage, require_java, run_step, say
from spark_processing.rules import Options
from spark_processing.schema import LANGUAGES, PERIODS


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m spark_processing.clean_job",
        description="Clean new raw horoscopes and add them to the dataset a model learns from.",
        epilog="exit codes: 0 done or skipped, 1 the data is at fault, 2 wrong arguments or environment",
    )
    add_storage(parser)
    parser.add_argument(
        "--min-chars", type=int, default=300, help="shortest clean text kept (default: %(default)s)"
    )
    parser.add_argument(
        "--max-chars", type=int, default=500, help="longest clean text kept (default: %(default)s)"
    )
    parser.add_argument(
        "--language", choices=LANGUAGES, default="ru", help="language kept (default: %(default)s)"
    )
    parser.add_argument(
        "--periods", nargs="+", choices=PERIODS, default=["day"], help="spans of texts kept (default: day)"
    )
    parser.add_argument(
        "--long-texts",
        choices=("trim", "reject"),
        default="trim",
        help="keep the first sentences that fit of a text over the upper bound, or reject it (default: trim)",
    )
    parser.add_argument(
        "--near-duplicates",
        choices=("mark", "reject"),
        default="mark",
        help="keep a text that resembles an earlier one, marked by cluster_id, or reject it (default: mark)",
    )
    parser.add_argument(
        "--similarity",
        type=float,
        default=0.5,
        help="Jaccard similarity that makes a near duplicate (default: %(default)s)",
    )
    parser.add_argument("--rebuild", action="store_true", help="clean everything in raw/ anew, into one part")
    parser.add_argument(
        "--forget",
        metavar="SOURCE",
        default="",
        help="clean anew without this source, now and in all later runs, and delete the parts that held it",
    )
    parser.add_argument(
        "--quarantine",
        action="store_true",
        help="go on without damaged raw runs; they are listed in processed/quarantine.json",
    )
    parser.add_argument(
        "--accept-loss",
        nargs="+",
        metavar="SOURCE",
        default=[],
        help="go on although nearly all new rows of these sources are duplicates, against their habit",
    )
    return parser


def main(argv: Optional[List[str]] = None) -> int:
    parser = make_parser()
    args = parser.parse_args(argv)
    if not 0 < args.min_chars <= args.max_chars:
        parser.error(f"expected 0 < --min-chars <= --max-chars, found {args.min_chars} and {args.max_chars}")
    return run_step("process", args, clean)


def clean(args: argparse.Namespace) -> Dict[str, Any]:
    """Plan, and if there is something to do, do it. Returns the summary's fields."""
    options = options_of(args)
    storage = open_storage(args)
    with storage.locked("processed/.lock"):
        asked = (args.rebuild, args.forget, args.quarantine, args.accept_loss)
        with EarlyStart("horoscopes: clean", args.master) as spark:
            plan = make_plan(storage, options, *asked, on_work=spark.begin)
        if plan is None:
            known = read_dataset(storage)
            if known and args.forget:
                sweep(storage, known.parts)  # a job killed before it had may have published this dataset
            return {"outcome": "skipped", "reason": "no new raw runs", **_state(known)}
        for line in plan.remarks:
            say(line)
        require_java()
        from spark_processing.pipeline import add_part  # Spark is loaded once there is work for it

        part, ledger = add_part(storage, plan, args.master)
        dataset = publish(storage, plan, part)
    for warned in ledger["warnings"]:
        say(f"warning: {warned['name']}: {warned['detail']}")
    return {
        "outcome": "done",
        "rows_in": plan.rows,
        "rows_out": part.rows,
        "rejected": ledger["rejected"],
        "warnings": ledger["warnings"],
        "quarantined": sorted(plan.quarantined),
        "part": part.id,
        **_state(dataset),
    }


def options_of(args: argparse.Namespace) -> Options:
    return Options(
        min_chars=args.min_chars,
        max_chars=args.max_chars,
        language=args.language,
        periods=tuple(args.periods),
        long_texts=args.long_texts,
        near_duplicates=args.near_duplicates,
        similarity=args.similarity,
    )


def _state(dataset: Optional[Dataset]) -> Dict[str, Any]:
    return {"dataset_version": dataset.version, "dataset_rows": dataset.rows} if dataset else {}


if __name__ == "__main__":
    sys.exit(main())
