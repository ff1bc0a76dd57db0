"""What every command of serving shares: storage and day arguments, one clear error line, the closing JSON
line.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from serving.days import moscow_today

EXIT_CODES = (
    "exit codes: 0 done or skipped, 1 no model or data for it, "
    "2 wrong arguments or environment, 130/143 interrupted"
)


class CommandError(Exception):
    """The step fails for a named reason; the message is the line a person reads."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser whose --help is the module's docstring."""
    made = argparse.ArgumentParser(
        description=description, epilog=EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "--storage",
        default=os.environ.get("HOROSCOPE_STORAGE", "data"),
        help="root of all data, a folder or s3://bucket/prefix (default: $HOROSCOPE_STORAGE, else data)",
    )
    return made


def day_argument(words: str) -> dt.date:
    """An ISO date, or today, tomorrow, yesterday in Moscow."""
    offsets = {"yesterday": -1, "today": 0, "tomorrow": 1}
    if words in offsets:
        return moscow_today(dt.datetime.now(dt.UTC)) + dt.timedelta(days=offsets[words])
    try:
        return dt.date.fromisoformat(words)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"expected a date such as 2026-11-23, or today, tomorrow, yesterday, found {words!r}"
        ) from error


def add_date(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--date", type=day_argument, default="today", help="ISO date (default: today in Moscow)"
    )


def run_command(step: str, work: Callable[[], dict[str, Any]]) -> int:
    """Do `work`, print its summary as the last line of stdout, give the exit code."""
    started = time.monotonic()
    former = signal.signal(signal.SIGTERM, _interrupt)
    code, summary = 0, {}
    try:
        summary = work()
    except CommandError as error:
        code, summary = error.exit_code, _failed(str(error))
    except PermissionError as error:
        code, summary = (
            2,
            _failed(f"expected a storage root that can be written, found {error}; check --storage"),
        )
    except storage_faults() as error:
        code, summary = (
            1,
            _failed(f"expected working storage, found {type(error).__name__}: {error}; check --storage"),
        )
    except KeyboardInterrupt as error:
        code, summary = (143 if str(error) else 130), _failed("interrupted")
    finally:
        signal.signal(signal.SIGTERM, former)
    line = {"step": step, "outcome": "done", "rows_in": 0, "rows_out": 0, **summary}
    line["seconds"] = round(time.monotonic() - started, 2)
    print(json.dumps(line, ensure_ascii=False), flush=True)
    return code


def storage_faults() -> tuple[type[Exception], ...]:
    """s3fs hands on what botocore raises when nobody answers, which is no OSError."""
    from botocore.exceptions import BotoCoreError

    return OSError, BotoCoreError


def _failed(reason: str) -> dict[str, Any]:
    print(f"error: {reason}", file=sys.stderr)
    return {"outcome": "failed", "reason": reason}


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt("terminated")
