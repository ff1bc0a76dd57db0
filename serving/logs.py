"""Logs of what runs for long: one JSON line an event on stderr, set up by the program that starts."""

from __future__ import annotations

import contextlib
import logging
import sys

import structlog


class FullDiskProof:
    """Standard error that loses a line rather than stop the program which tells it: readers are answered from
    memory also while the log's disk is full."""

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.flush()


def set_up_logs() -> None:
    """One JSON line an event on stderr."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(FullDiskProof()),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
