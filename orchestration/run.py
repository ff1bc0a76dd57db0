"""The whole day on one machine: a date and a profile in, a published day out, each step a command of
its own.

    python -m orchestration.run
    python -m orchestration.run --date 2026-11-23 --from train
    python -m orchestration.run --only publish --force

Finished steps of the day are recognised and not repeated; the first that fails ends the run with its
own error.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn

from rich.console import Console

from orchestration.day import DayRun, Interrupted, logs_folder
from orchestration.lock import hold
from orchestration.plan import SITES, Plan, make_plan, moscow_today
from orchestration.progress import choose_view, closing_table
from orchestration.record import Storage
from orchestration.settings import BadSetting, profile_names
from orchestration.steps import STEPS, Step, step_among

LOG_WIDTH = 120
EXIT_CODES = (
    "exit codes: 0 done, 2 wrong arguments or environment, 130 or 143 interrupted, else the failed step's own"
)


def chosen_steps(first: str | None, only: str | None) -> tuple[Step, ...]:
    if only:
        return (step_among(STEPS, only),)
    return STEPS[STEPS.index(step_among(STEPS, first)) :] if first else STEPS


def open_storage(plan: Plan) -> Storage:
    """Raises BadSetting when the root cannot be written."""
    probe = f"runs/.writable-{os.getpid()}"
    try:
        storage = Storage(plan.storage)
        storage.write(probe, b"room for a record")
        storage.remove(probe)
    except Exception as error:  # each backend has its own exceptions
        raise BadSetting(
            f"expected a storage root that can be written, found {type(error).__name__}: {error}, in "
            f"{plan.storage}; name another with --storage or set its rights"
        ) from error
    return storage


def on_signal(number: int, frame: FrameType | None) -> NoReturn:
    raise Interrupted(number)


def read_options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m orchestration.run",
        description=__doc__,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = ", ".join(step.name for step in STEPS)
    parser.add_argument("--date", help="day to make, YYYY-MM-DD (default: today in Moscow)")
    parser.add_argument(
        "--profile",
        default="",
        help=f"settings to use: {', '.join(profile_names())} (default: $HOROSCOPE_PROFILE, else local)",
    )
    parser.add_argument(
        "--sites", choices=SITES, help="loopback demo sites or the real ones (default: the profile's)"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--from", dest="first", metavar="STEP", help=f"run again from this step on: {names}")
    which.add_argument("--only", metavar="STEP", help="run this step again and no other")
    parser.add_argument(
        "--storage", help="root of all data (default: $HOROSCOPE_STORAGE, else the profile's)"
    )
    parser.add_argument("--force", action="store_true", help="repeat finished steps too")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    options = read_options(argv)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    started = time.monotonic()
    try:
        plan = make_plan(options.date or moscow_today(), options.profile, options.sites, options.storage)
        steps = chosen_steps(options.first, options.only)
        storage = open_storage(plan)
        lock = hold(logs_folder(plan).parent / ".lock", plan.day)
    except BadSetting as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Interrupted as interrupt:
        return interrupt.exit_code
    with lock:
        console = Console(stderr=True, width=None if sys.stderr.isatty() else LOG_WIDTH)
        day_run = DayRun(plan, storage, choose_view(console), keep_open=(lock.fileno(),))
        return follow(day_run, steps, bool(options.force or options.first or options.only), console, started)


def follow(day_run: DayRun, steps: Sequence[Step], repeat: bool, console: Console, started: float) -> int:
    """Runs the steps and tells the end of it: the table, the error, the JSON line, the exit code."""
    code, reason, again, plan = 0, "", "", day_run.plan
    try:
        day_run.run(steps, repeat)
    except Interrupted as interrupt:
        code, reason = interrupt.exit_code, str(interrupt)
    except OSError as error:
        code, reason = 2, f"expected records that can be written, found {error}, in {plan.storage}/runs"
        again = "; once mended, the same command goes on from there"
    if day_run.failure:
        failed = day_run.rows[-1]["step"]
        code, reason = day_run.failure.exit_code, f"{failed}: {day_run.failure.error}"
        again = f"; its log: {day_run.logs}/{failed}.log; once mended, the same command goes on from there"
    console.print(closing_table(day_run.rows, f"{plan.day}, profile {plan.profile.name}, {plan.storage}"))
    if code:
        print(f"error: {reason}{again}", file=sys.stderr)
    print(json.dumps(summary(day_run, code, reason, time.monotonic() - started), ensure_ascii=False))
    return code


def summary(day_run: DayRun, code: int, reason: str, seconds: float) -> dict[str, Any]:
    plan, rows = day_run.plan, {row["step"]: row for row in day_run.rows}
    kept = ("step", "outcome", "rows_in", "rows_out", "seconds", "peak_mib", "reason")
    return {
        "step": "run",
        "outcome": "failed" if code else "done",
        "rows_in": rows.get("collect", {}).get("rows_in"),
        "rows_out": rows.get("publish", {}).get("rows_out"),
        "seconds": round(seconds, 2),
        "reason": reason,
        "date": plan.day,
        "profile": plan.profile.name,
        "storage": plan.storage,
        "steps": [
            {key: round(row[key], 2) if isinstance(row[key], float) else row[key] for key in kept}
            for row in day_run.rows
        ],
    }


if __name__ == "__main__":
    raise SystemExit(main())
