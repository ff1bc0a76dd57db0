"""What the cloud costs: minutes and prices in, one file a cluster or GPU job under
`ledger/month=YYYY-MM/` and a monthly limit out.

An entry is opened before anything is created, with the most it may cost, and closed with what it did
cost. Open entries count in full, so the limit stops a run before it spends, whatever happened to
earlier ones.
"""

from __future__ import annotations

import json
import time
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestration.record import Storage, render_record
from orchestration.settings import BadSetting

MONTH_TURN_S = 2 * 24 * 3600
CLUSTER, JOB = "cluster", "gpu job"
LOOKS, PAUSE_S = 10, 0.5
"""Of two that ask at once the second withdraws: the first looks so often, so long apart, whether it has."""


class LimitReached(Exception):
    """The month's money does not suffice for what was asked."""


@dataclass(frozen=True)
class Prices:
    """The price file: what an hour or a month costs, and how much a month may."""

    monthly_limit: float
    """Roubles that clusters and GPU jobs may cost together in a month."""
    host_hour: dict[str, float]
    """Roubles for one host of a preset for one hour, disk included."""
    instance_hour: dict[str, float] = field(default_factory=dict)
    """Roubles for one GPU instance for one hour."""
    month: dict[str, float] = field(default_factory=dict)
    """Roubles a month for what is always there: `machine`, and `storage_gb` for each GB of the bucket."""
    assumed: dict[str, float] = field(default_factory=dict)
    """What the cost page takes for granted where the ledger is empty."""
    guessed: list[str] = field(default_factory=list)
    """Names in `month` and `assumed` whose figures are neither measured nor from a price list."""

    def hour(self, preset: str, hosts: int) -> float:
        return self._known(self.host_hour, preset, "host_hour") * hosts

    def instance(self, name: str) -> float:
        return self._known(self.instance_hour, name, "instance_hour")

    def _known(self, table: dict[str, float], name: str, title: str) -> float:
        if name not in table:
            raise BadSetting(
                f"expected a price for {name}, found {', '.join(table) or 'none'}, in the price file; "
                f"add it to {title}"
            )
        return table[name]


def read_prices(path: Path) -> Prices:
    try:
        return Prices(**tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, TypeError, tomllib.TOMLDecodeError) as error:
        raise BadSetting(
            f"expected monthly_limit and tables of prices, found {error}, in {path}; repair the file"
        ) from error


@dataclass(frozen=True)
class Reservation:
    """The most that something may cost, asked for before it is created."""

    name: str
    kind: str
    """`CLUSTER` or `JOB`."""
    hour: float
    """Roubles."""
    max_hours: float


class Ledger:
    """The money book of one storage root."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def open(self, asked: Reservation, limit: float, now_s: float) -> None:
        """Reserves the money beside what the name did cost before. Raises LimitReached.

        It is written before the limit is looked at: of two that ask at once each sees the other, and where
        both do not fit the first has it. A second call for an entry that was granted changes nothing; one cut
        off before that asks again.
        """
        path, entry = self._find(asked.name, now_s)
        if entry and entry["open"] and entry["granted"]:
            return
        planned = asked.hour * asked.max_hours
        paid = entry["paid" if entry["open"] else "roubles"] if entry else 0.0
        facts = {
            "name": asked.name,
            "kind": asked.kind,
            "open": True,
            "granted": False,
            "asked_s": now_s,
            "until_s": now_s + asked.max_hours * 3600,
            "started_s": None,
            "hour": asked.hour,
            "minutes": entry["minutes"] if entry else 0.0,
            "paid": paid,
        }
        facts["roubles"] = round(paid + planned, 2)
        self._write(path, facts)
        reserved = self._reserved(asked.name, limit, now_s)
        if reserved > limit:
            withdrawn = facts | {"open": False, "roubles": paid}
            self._write(path, withdrawn) if paid else self.storage.remove(path)
            raise LimitReached(
                f"expected at most {limit:.0f} roubles a month, found {reserved - planned:.0f} spent or "
                f"reserved and {planned:.0f} asked for {asked.name}; "
                "raise monthly_limit or wait for the next month"
            )
        self._write(path, facts | {"granted": True})

    def _reserved(self, name: str, limit: float, now_s: float) -> float:
        """Roubles of this month, once those who asked after `name` and were not granted have withdrawn."""
        for _ in range(LOOKS):
            entries = self.entries(now_s)
            total = sum(entry["roubles"] for entry in entries)
            asking = [entry for entry in entries if entry["open"] and not entry["granted"]]
            later = [entry for entry in asking if (entry["asked_s"], entry["name"]) > (now_s, name)]
            if total <= limit or total - sum(entry["roubles"] for entry in later) > limit:
                break
            time.sleep(PAUSE_S)
        return total

    def saw(self, name: str, started_s: float, now_s: float) -> None:
        """Remembers since when there is a cluster to pay for; to be called before it is deleted."""
        path, entry = self._find(name, now_s)
        if entry and entry["open"] and entry["started_s"] is None:
            self._write(path, entry | {"started_s": started_s})

    def remember_id(self, name: str, cluster_id: str, now_s: float) -> None:
        """The service's own id, known as soon as creation was asked for."""
        path, entry = self._find(name, now_s)
        if entry and entry["open"]:
            self._write(path, entry | {"id": cluster_id})

    def id_of(self, name: str, now_s: float) -> str:
        """Empty where none was remembered."""
        return str(self._find(name, now_s)[1].get("id", ""))

    def close(self, name: str, now_s: float) -> None:
        """Replaces the reservation by what there was: nothing, where no cluster was ever seen."""
        path, entry = self._find(name, now_s)
        if not entry or not entry["open"]:
            return
        minutes = 0.0 if entry["started_s"] is None else max(0.0, now_s - entry["started_s"]) / 60
        roubles = entry["paid"] + entry["hour"] * minutes / 60
        self._close(path, entry, entry["minutes"] + minutes, roubles)

    def book(self, name: str, minutes: float, roubles: float, now_s: float) -> None:
        """Closes an entry with all it ever cost, where the service itself can tell that; may be repeated."""
        path, entry = self._find(name, now_s)
        if entry:
            self._close(path, entry, minutes, roubles)

    def _close(self, path: str, entry: dict[str, Any], minutes: float, roubles: float) -> None:
        paid = {"minutes": round(minutes, 2), "roubles": round(roubles, 2)}
        self._write(path, entry | paid | {"open": False, "started_s": None})

    def _write(self, path: str, entry: dict[str, Any]) -> None:
        self.storage.write(path, render_record(entry))

    def _find(self, name: str, now_s: float) -> tuple[str, dict[str, Any]]:
        """An entry of this month, or an open one of the month before; else where it will be, and nothing."""
        this, before = entry_path(name, now_s), entry_path(name, now_s - MONTH_TURN_S)
        for path in dict.fromkeys([this, before]):
            entry = self._read(path)
            if entry and (path == this or entry["open"]):
                return path, entry
        return this, {}

    def spent(self, now_s: float) -> float:
        """Roubles of this month: paid, or reserved by entries still open."""
        return sum(entry["roubles"] for entry in self.entries(now_s))

    def still_open(self, kind: str, now_s: float) -> list[dict[str, Any]]:
        """Entries of this and the last month that nobody has closed."""
        months = {month_folder(instant): instant for instant in (now_s - MONTH_TURN_S, now_s)}
        entries = [entry for instant in months.values() for entry in self.entries(instant)]
        return [entry for entry in entries if entry["kind"] == kind and entry["open"]]

    def entries(self, now_s: float) -> list[dict[str, Any]]:
        names = self.storage.names(month_folder(now_s))
        found = (self._read(name) for name in names if name.endswith(".json"))
        return [entry for entry in found if entry]  # one may have been withdrawn since it was listed

    def _read(self, path: str) -> dict[str, Any]:
        """Nothing where there is no entry. Raises BadSetting for a damaged one: it may hold money."""
        content = self.storage.read(path)
        try:
            return {} if content is None else dict(json.loads(content))
        except (ValueError, TypeError) as error:
            raise BadSetting(
                f"expected an entry of the money book, found {error}, in {self.storage.root}/{path}; "
                "repair it, or remove it where nothing of that name is left"
            ) from error


def month_folder(now_s: float) -> str:
    return f"ledger/month={datetime.fromtimestamp(now_s, UTC):%Y-%m}"


def entry_path(name: str, now_s: float) -> str:
    return f"{month_folder(now_s)}/{name}.json"
