"""Which day it is in Moscow, asked tens of thousands of times a second; tests put their own time in."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable

from serving.days import moscow_midnight, moscow_today


class MoscowClock:
    """Today by a source of UNIX seconds; right also when the clock is set back."""

    def __init__(self, seconds: Callable[[], float] = time.time) -> None:
        self.seconds = seconds
        self._from_s = self._until_s = 0.0
        self._today = dt.date.min

    def today(self) -> dt.date:
        now_s = self.seconds()
        if not self._from_s <= now_s < self._until_s:
            self._today = moscow_today(dt.datetime.fromtimestamp(now_s, dt.UTC))
            self._from_s = moscow_midnight(self._today - dt.timedelta(days=1)).timestamp()
            self._until_s = moscow_midnight(self._today).timestamp()
        return self._today

    def day_of(self, words: str) -> dt.date:
        """ISO date, `today`, `tomorrow` or `yesterday`; ValueError for anything else."""
        offsets = {"yesterday": -1, "today": 0, "tomorrow": 1}
        if words in offsets:
            return self.today() + dt.timedelta(days=offsets[words])
        if len(words) != len("2026-11-23"):
            raise ValueError(
                f"expected a date such as 2026-11-23, or today, tomorrow, yesterday, found {words[:40]!r}"
            )
        return dt.date.fromisoformat(words)
