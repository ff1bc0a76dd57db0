"""What the system costs: the price file, a cluster's and a job's file and the ledger in, roubles a day, a
month and a year by profile out, and how they grow.

    python -m orchestration.costs                    as assumed in orchestration/prices.toml
    python -m orchestration.costs --storage data     with the minutes of the storage's own ledger

Prints Markdown tables and, last, a JSON line.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestration.ledger import CLUSTER, JOB, Ledger, Prices, read_prices
from orchestration.record import Storage
from orchestration.settings import BadSetting

DAYS_A_MONTH, DAYS_A_YEAR = 30, 365
SITES, YEARS = (18, 100), (1, 3, 10)


@dataclass(frozen=True)
class Usage:
    """How much of what is paid for is used."""

    hour: float
    """Roubles of one cluster for an hour."""
    gpu_hour: float
    cluster_minutes: float
    """A run of the cleaning job, with its cluster's creation."""
    gpu_minutes: float
    """A training on the texts of the first year."""
    source: str
    """Where the minutes come from, for people."""
    measured: frozenset[str] = frozenset()
    """Names of assumptions that the ledger's minutes replace."""


def usage(prices: Prices, hour: float, gpu_hour: float, entries: list[dict[str, Any]]) -> Usage:
    """Means of the ledger's closed entries; what it has none of is assumed."""
    told, measured = [], set()

    def mean(kind: str, name: str) -> float:
        minutes = [e["minutes"] for e in entries if e["kind"] == kind and not e["open"] and e["minutes"]]
        told.append(f"{kind}: {f'mean of {len(minutes)} in the ledger' if minutes else 'assumed'}")
        if not minutes:
            return prices.assumed[name]
        measured.add(name)
        return sum(minutes) / len(minutes)

    cluster, gpu = mean(CLUSTER, "cluster_minutes_a_run"), mean(JOB, "gpu_minutes_a_training")
    return Usage(hour, gpu_hour, cluster, gpu, ", ".join(told), frozenset(measured))


def stored_gb(prices: Prices, sites: int, years: float) -> float:
    """The bucket's size after so many years: texts in all their copies, and every model."""
    rows = sites * prices.assumed["rows_a_site_and_day"] * DAYS_A_YEAR * years
    models = prices.assumed["trainings_a_month"] * 12 * years * prices.assumed["model_gb"]
    return rows * prices.assumed["bytes_a_row"] / 1e9 + models


def training_minutes(prices: Prices, used: Usage, sites: int, years: float) -> float:
    """The first year's, and more for each million rows learnt from beyond it."""
    rows = sites * prices.assumed["rows_a_site_and_day"] * DAYS_A_YEAR * max(0, years - 1)
    return used.gpu_minutes + rows / 1e6 * prices.assumed["gpu_minutes_a_million_rows"]


def month_of(prices: Prices, used: Usage, profile: str, sites: int, years: float) -> dict[str, float]:
    """Roubles of one month, by what they are paid for, in a profile's `years`th year."""
    if profile in ("local", "gpu"):
        return {"cluster": 0, "gpu": 0, "machine": 0, "storage": 0}
    minutes = training_minutes(prices, used, sites, years) * prices.assumed["trainings_a_month"]
    return {
        "cluster": DAYS_A_MONTH * used.cluster_minutes / 60 * used.hour,
        "gpu": minutes / 60 * used.gpu_hour,
        "machine": prices.month["machine"],
        "storage": stored_gb(prices, sites, years) * prices.month["storage_gb"],
    }


def profile_table(prices: Prices, used: Usage) -> list[str]:
    lines = [
        "| profile | a day | a month | a year | cluster | GPU | machine | storage |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for profile in ("local", "gpu", "cloud"):
        parts = month_of(prices, used, profile, SITES[0], 1)
        month = sum(parts.values())
        figures = [month / DAYS_A_MONTH, month, month * 12, *parts.values()]
        lines.append(f"| {profile} | " + " | ".join(f"{figure:,.0f}" for figure in figures) + " |")
    return lines


def growth_table(prices: Prices, used: Usage) -> list[str]:
    lines = [
        "| sites | after years | bucket, GB | a training, minutes | a month |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for sites in SITES:
        for years in YEARS:
            month = sum(month_of(prices, used, "cloud", sites, years).values())
            gb, minutes = stored_gb(prices, sites, years), training_minutes(prices, used, sites, years)
            lines.append(f"| {sites} | {years} | {gb:,.1f} | {minutes:,.0f} | {month:,.0f} |")
    return lines


def guesses(prices: Prices, used: Usage) -> str:
    figures = prices.month | prices.assumed
    left = [name for name in prices.guessed if name not in used.measured]
    return "Guessed: " + ", ".join(f"`{name}` {figures[name]:g}" for name in left) + "."


def report(prices: Prices, used: Usage) -> str:
    return "\n".join(
        [
            f"Roubles, {SITES[0]} sites, first year ({used.source}); the last four columns are of a month:",
            "",
            *profile_table(prices, used),
            "",
            "How the cloud profile grows:",
            "",
            *growth_table(prices, used),
            "",
            guesses(prices, used),
        ]
    )


def cluster_hour(prices: Prices, path: Path) -> float:
    """Roubles of the cluster of a cluster file for an hour, its master included."""
    from orchestration.clusters import BLANKS, read_cluster

    spec = read_cluster(path, dict.fromkeys(BLANKS, ""))
    return prices.hour(spec.preset, spec.hosts + 1)


def instant_in(month: str) -> float:
    return datetime.strptime(f"{month}-15 +0000", "%Y-%m-%d %z").timestamp()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m orchestration.costs",
        description=__doc__,
        epilog="exit codes: 0 done, 2 wrong arguments or a price that is missing",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--storage", help="root whose ledger tells minutes (default: none, all assumed)")
    parser.add_argument("--month", help="of the ledger, YYYY-MM (default: this one)")
    parser.add_argument("--prices", default="orchestration/prices.toml", help="default: %(default)s")
    parser.add_argument("--cluster", default="orchestration/jobs/cluster.toml", help="default: %(default)s")
    parser.add_argument("--instance", default="g1.1", help="GPU instance (default: %(default)s)")
    from botocore.exceptions import BotoCoreError

    options = parser.parse_args(argv)
    try:
        instant = (
            datetime.strptime(options.month, "%Y-%m").timestamp() + 86400 if options.month else time.time()
        )
        prices = read_prices(Path(options.prices))
        entries = Ledger(Storage(options.storage)).entries(instant) if options.storage else []
        hours = cluster_hour(prices, Path(options.cluster)), prices.instance(options.instance)
        used = usage(prices, *hours, entries)
        print(report(prices, used))
    except (BadSetting, ValueError, KeyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (OSError, BotoCoreError) as error:
        print(
            f"error: expected a readable book, found {error}, in {options.storage}; run again later",
            file=sys.stderr,
        )
        return 1
    spent = sum(entry["roubles"] for entry in entries)
    line = {"step": "costs", "outcome": "done", "rows_in": len(entries), "spent_this_month": round(spent, 2)}
    print(json.dumps(line))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
