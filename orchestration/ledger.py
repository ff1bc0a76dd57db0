"""What clusters cost: minutes and prices in, one file a cluster under `ledger/month=YYYY-MM/` and a
monthly limit out.

An entry is opened before the cluster is created, with the most it may cost, and closed with what it did
cost. Open entries count in full, so the limit stops a run before it spends, whatever happened to
earlier ones.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestration.record import Storage, render_record
from orchestration.settings import BadSetting

MONTH_TURN_S = 2 * 24 * 3600


class LimitReached(Exception):
    """The month's money does not suffice for what was asked."""


@dataclass(frozen=True)
class Prices:
    """The price file: what an hour costs, and how much a month may."""

    host_hour: dict[str, float]
    """Roubles for one host of a preset for one hour, disk included."""
    monthly_limit: float
    """Roubles."""

    def hour(self, preset: str, hosts: int) -> float:
        if preset not in self.host_hour:
            known = ", ".join(self.host_hour) or "none"
            raise BadSetting(
                f"expected a price for {preset}, found {known}, in the price file; add it to host_hour"
            )
        return self.host_hour[preset] * hosts


def read_prices(path: Path) -> Prices:
    try:
        return Prices(**tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, TypeError, tomllib.TOMLDecodeError) as error:
        raise BadSetting(
            f"expected host_hour and monthly_limit, found {error}, in {path}; repair the file"
        ) from error


class Ledger:
    """The money book of one storage root."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def open(self, name: str, hour: float, max_hours: float, limit: float, now_s: float) -> None:
        """Reserves the most that `name` may cost, beside what it did cost before. Raises LimitReached.

        A second call for an open entry changes nothing.
        """
        path, entry = self._find(name, now_s)
        if entry and entry["open"]:
            return
        planned, spent, paid = hour * max_hours, self.spent(now_s), entry["roubles"] if entry else 0.0
        if spent + planned > limit:
            raise LimitReached(
                f"expected at most {limit:.0f} roubles a month, found {spent:.0f} spent or reserved and "
                f"{planned:.0f} asked for {name}; raise monthly_limit or wait for the next month"
            )
        minutes = entry["minutes"] if entry else 0.0
        facts = {
            "name": name,
            "open": True,
            "started_s": None,
            "hour": hour,
            "minutes": minutes,
            "paid": paid,
        }
        self.storage.write(path, render_record(facts | {"roubles": round(paid + planned, 2)}))

    def saw(self, name: str, started_s: float, now_s: float) -> None:
        """Remembers since when there is a cluster to pay for; to be called before it is deleted."""
        path, entry = self._find(name, now_s)
        if entry and entry["open"] and entry["started_s"] is None:
            self.storage.write(path, render_record(entry | {"started_s": started_s}))

    def close(self, name: str, now_s: float) -> None:
        """Replaces the reservation by what there was: nothing, where no cluster was ever seen."""
        path, entry = self._find(name, now_s)
        if not entry or not entry["open"]:
            return
        minutes = 0.0 if entry["started_s"] is None else max(0.0, now_s - entry["started_s"]) / 60
        paid = {
            "minutes": entry["minutes"] + minutes,
            "roubles": entry["paid"] + entry["hour"] * minutes / 60,
        }
        rounded = {key: round(value, 2) for key, value in paid.items()}
        self.storage.write(path, render_record(entry | rounded | {"open": False, "started_s": None}))

    def _find(self, name: str, now_s: float) -> tuple[str, dict[str, Any]]:
        """An entry of this month, or an open one of the month before; else where it will be, and nothing."""
        this, before = entry_path(name, now_s), entry_path(name, now_s - MONTH_TURN_S)
        for path in dict.fromkeys([this, before]):
            content = self.storage.read(path)
            entry: dict[str, Any] = json.loads(content) if content else {}
            if entry and (path == this or entry["open"]):
                return path, entry
        return this, {}

    def spent(self, now_s: float) -> float:
        """Roubles of this month: paid, or reserved by entries still open."""
        return sum(entry["roubles"] for entry in self.entries(now_s))

    def entries(self, now_s: float) -> list[dict[str, Any]]:
        folder = f"{self.storage.prefix}/{month_folder(now_s)}"
        self.storage.files.invalidate_cache()
        if not self.storage.files.exists(folder):
            return []
        return [
            json.loads(self.storage.files.cat_file(path)) for path in sorted(self.storage.files.find(folder))
        ]


def month_folder(now_s: float) -> str:
    return f"ledger/month={datetime.fromtimestamp(now_s, UTC):%Y-%m}"


def entry_path(name: str, now_s: float) -> str:
    return f"{month_folder(now_s)}/{name}.json"
