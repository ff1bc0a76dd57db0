"""What every command of this package has: arguments for the storage, one error line, a JSON summary, an exit
code.

0 done or skipped, 1 the data is at fault, 2 wrong arguments or environment, 130/143 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import sys
import threading
import time
from typing import Any, Callable, Dict, NoReturn, Union

from spark_processing.ledger import LedgerError
from spark_processing.plan import EmptyDatasetError
from spark_processing.raw_runs import RawDataError
from spark_processing.storage import Folder, HadoopStorage, StorageError, is_folder

Storage = Union[Folder, HadoopStorage]


class EnvironmentFault(Exception):
    """This machine cannot run the job; the message says what to install."""


def add_storage(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument(
        "--storage",
        default=os.environ.get("HOROSCOPE_STORAGE") or "data",
        help="root of all data: a folder, or an address such as s3a://bucket/prefix (default: %(default)s)",
    )
    parser.add_argument(
        "--master", default="", help="Spark master for a run without spark-submit (default: local[*])"
    )
    parser.add_argument("--verbose", action="store_true", help="show the traceback of a failure")
    return parser


def run_step(
    step: str, args: argparse.Namespace, work: Callable[[argparse.Namespace], Dict[str, Any]]
) -> int:
    """Do the work, which returns the summary's own fields, and report. Returns the exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    started = time.monotonic()
    summary: Dict[str, Any] = {"step": step, "outcome": "failed", "rows_in": 0, "rows_out": 0}
    code = 1
    try:
        summary.update(work(args))
        code = 0
    except (RawDataError, LedgerError, EmptyDatasetError, StorageError, OSError) as error:
        summary["reason"] = str(error)
    except EnvironmentFault as error:
        summary["reason"], code = str(error), 2
    except KeyboardInterrupt:
        summary["reason"], code = "interrupted; the old dataset stays, run the same command again", 130
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
    """The line that matters in what Spark throws: our own or the system's where a worker raised it, else the
    last of a traceback."""
    told = re.search(r"^(?:[\w.]*RawDataError|OSError): (.+)", str(error), re.MULTILINE)
    if told:
        return told.group(1)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    raised = [line for line in lines if re.match(r"[\w.]+(Error|Exception)\b", line)]
    line = (raised or lines)[0][:300]
    return f"expected Spark to finish, found {type(error).__name__}: {line}; --verbose shows all"


def open_storage(args: argparse.Namespace) -> Storage:
    if is_folder(args.storage):
        return Folder(args.storage)
    from spark_processing.session import open_session

    require_java()
    return HadoopStorage(args.storage, open_session("horoscopes: clean", 0, args.master))


def require_java() -> None:
    if not has_java():
        raise EnvironmentFault("expected Java 17 or newer, found none; run `make setup`, or install a JRE")


def has_java() -> bool:
    home = os.environ.get("JAVA_HOME")
    return is_submitted() or shutil.which(f"{home}/bin/java" if home else "java") is not None


class EarlyStart:
    """Starts Spark beside the work of a `with` block, which ends when both have: Java needs seconds, in which
    raw parts can be compared with their sums."""

    def __init__(self, name: str, master: str = "") -> None:
        self._name, self._master = name, master
        self._thread = threading.Thread(target=self._start, daemon=True)

    def begin(self) -> None:
        if has_java():
            self._thread.start()

    def _start(self) -> None:
        with contextlib.suppress(Exception):  # it comes again where Spark is first needed, and is told there
            from spark_processing.session import start

            start(self._name, self._master)

    def __enter__(self) -> "EarlyStart":
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.ident is not None:
            self._thread.join()


def is_submitted() -> bool:
    """Whether spark-submit started this program and its Java already runs."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def say(message: str) -> None:
    """Progress, for whoever watches; stdout is the summary's."""
    print(f"process: {message}", file=sys.stderr, flush=True)
