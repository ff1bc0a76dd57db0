"""Clean what is new in `raw/` and add it to the dataset in `processed/`.

    python -m spark_processing.clean_job --storage data

On a cluster, with the zip that `make package` builds (nothing else is needed there but pyspark with Arrow):

    spark-submit --py-files dist/spark_processing.zip spark_processing/__main__.py --storage s3a://bucket/prefix

In come the complete raw runs that no part covers yet; out come one part (clean and rejected rows, CSV,
ledger.json) and the next dataset.json, replaced in one atomic step. With nothing new it ends at once, before
Spark is started. Exit codes: 0 done or skipped, 1 the data is at fault, 2 wrong arguments or environment,
130/143 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import sys
import time
from typing import Any, Dict, List, NamedTuple, NoReturn, Optional, Union

from spark_processing.dataset import Dataset, Part, part_id, read_dataset, write_dataset
from spark_processing.ledger import LedgerError
from spark_processing.raw_runs import RawDataError, RawRun, check_parts, find_runs
from spark_processing.rules import RULES_VERSION, Options
from spark_processing.schema import LANGUAGES, PERIODS
from spark_processing.storage import Folder, HadoopStorage, StorageError, is_folder

Storage = Union[Folder, HadoopStorage]


class EnvironmentFault(Exception):
    """This machine cannot run the job; the message says what to install."""


class EmptyDatasetError(Exception):
    """Not one row would be left to learn from."""


class Plan(NamedTuple):
    base: Dataset
    """What the new part is added to; empty when all is cleaned anew."""
    runs: List[RawRun]
    part: str
    """Id of the part to be written."""


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m spark_processing.clean_job",
        description="Clean new raw horoscopes and add them to the dataset a model learns from.",
        epilog="exit codes: 0 done or skipped, 1 the data is at fault, 2 wrong arguments or environment",
    )
    parser.add_argument(
        "--storage",
        default=os.environ.get("HOROSCOPE_STORAGE") or "data",
        help="root of all data: a folder, or an address such as s3a://bucket/prefix (default: %(default)s)",
    )
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
        choices=("reject", "trim"),
        default="reject",
        help="reject a text over the upper bound, or keep its first sentences that fit (default: reject)",
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
        "--master", default="", help="Spark master for a run without spark-submit (default: local[*])"
    )
    parser.add_argument("--partitions", type=int, default=0, help="shuffle partitions (default: one a core)")
    parser.add_argument("--verbose", action="store_true", help="show the traceback of a failure")
    return parser


def main(argv: Optional[List[str]] = None) -> int:
    parser = make_parser()
    args = parser.parse_args(argv)
    if not 0 < args.min_chars <= args.max_chars:
        parser.error(f"expected 0 < --min-chars <= --max-chars, found {args.min_chars} and {args.max_chars}")
    signal.signal(signal.SIGTERM, _terminate)
    started = time.monotonic()
    summary: Dict[str, Any] = {"step": "process", "outcome": "failed", "rows_in": 0, "rows_out": 0}
    code = 1
    try:
        summary.update(clean(args))
        code = 0
    except (RawDataError, LedgerError, EmptyDatasetError, StorageError, OSError) as error:
        summary["reason"] = str(error)
    except EnvironmentFault as error:
        summary["reason"], code = str(error), 2
    except KeyboardInterrupt:
        summary["reason"], code = (
            "interrupted; the old dataset stays in place, run the same command again",
            130,
        )
    except Exception as error:
        if args.verbose:
            raise
        summary["reason"] = spark_fault(error)
    if code:
        print(f"error: {summary['reason']}", file=sys.stderr, flush=True)
    summary["seconds"] = round(time.monotonic() - started, 2)
    print(json.dumps(summary, ensure_ascii=False), flush=True)
    return code


def _terminate(number: int, frame: Any) -> NoReturn:
    raise SystemExit(128 + number)


def spark_fault(error: Exception) -> str:
    """The line that matters in what Spark throws: our own where a worker raised it, else the first."""
    own = re.search(r"RawDataError: (.+)", str(error))
    if own:
        return own.group(1)
    line = str(error).strip().splitlines()[0]
    return f"expected Spark to finish, found {type(error).__name__}: {line[:300]}; --verbose shows all"


def clean(args: argparse.Namespace) -> Dict[str, Any]:
    """Plan, and if there is something to do, do it. Returns the summary's fields."""
    options = Options(
        args.min_chars,
        args.max_chars,
        args.language,
        tuple(args.periods),
        args.long_texts,
        args.near_duplicates,
        args.similarity,
    )
    storage = open_storage(args)
    plan = make_plan(storage, options, args.rebuild)
    if plan is None:
        return {"outcome": "skipped", "reason": "no new raw runs", **_state(read_dataset(storage))}
    with storage.locked("processed/.lock"):
        rows_in = sum(run.rows for run in plan.runs)
        say(f"{len(plan.runs)} new raw runs, {rows_in} rows")
        check_parts(storage, plan.runs)
        from spark_processing.pipeline import add_part  # Spark is loaded once there is work for it

        require_java()
        part, ledger = add_part(
            storage, plan.base, plan.runs, plan.part, options, args.master, args.partitions
        )
        dataset = publish(storage, plan, part)
    return {
        "outcome": "done",
        "rows_in": rows_in,
        "rows_out": part.rows,
        "rejected": ledger["rejected"],
        "part": part.id,
        **_state(dataset),
    }


def open_storage(args: argparse.Namespace) -> Storage:
    if is_folder(args.storage):
        return Folder(args.storage)
    from spark_processing.session import open_session

    require_java()
    return HadoopStorage(args.storage, open_session("horoscopes: clean", 0, args.master))


def require_java() -> None:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which(f"{home}/bin/java" if home else "java")
    if java is None and not is_submitted():
        raise EnvironmentFault("expected Java 17 or newer, found none; run `make setup`, or install a JRE")


def is_submitted() -> bool:
    """Whether spark-submit started this program and its Java already runs."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def make_plan(storage: Storage, options: Options, rebuild: bool) -> Optional[Plan]:
    """What is to be done; None when the dataset already holds all of raw/.

    New rules or options would mix two kinds of rows in one dataset: then everything is cleaned anew.
    """
    found = find_runs(storage)
    base = read_dataset(storage)
    if not found and base is None:
        raise RawDataError(
            f"expected complete raw runs, found none, in {storage.path('raw')}; collect a day first"
        )
    if base and (base.rules_version, base.options) != (RULES_VERSION, options.as_json()):
        say("rules or options differ from the dataset's: cleaning everything anew")
        rebuild = True
    if base is None or rebuild:
        base = Dataset(RULES_VERSION, options.as_json(), [], {})
    covered = base.covered
    changed = [run.manifest for run in found if covered.get(run.manifest, run.sha256) != run.sha256]
    if changed:
        raise RawDataError(
            f"expected raw runs to stay as they were cleaned, found {len(changed)} changed, "
            f"first {changed[0]}; run again with --rebuild"
        )
    runs = [run for run in found if run.manifest not in covered]
    if not runs:
        return None
    return Plan(base, runs, part_id(runs, RULES_VERSION, base.options, [part.id for part in base.parts]))


def publish(storage: Storage, plan: Plan, part: Part) -> Dataset:
    """Make the part count. Nothing is written when the dataset would have no row at all."""
    dataset = plan.base.with_part(part, plan.runs)
    if not dataset.rows:
        storage.delete(part.folder)
        raise EmptyDatasetError(
            f"expected at least one row to keep, found none among {sum(run.rows for run in plan.runs)}; "
            "look at the bounds (--min-chars, --max-chars), --language and --periods"
        )
    write_dataset(storage, dataset)
    return dataset


def _state(dataset: Optional[Dataset]) -> Dict[str, Any]:
    return {"dataset_version": dataset.version, "dataset_rows": dataset.rows} if dataset else {}


def say(message: str) -> None:
    print(f"process: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
