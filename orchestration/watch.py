"""How the runs of a local Airflow go, for the person who started it: its REST API in, a line for each task
that ends and what became of the day out.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.parse import quote

POLL_S = 2.0
SETTLED_S = 15.0
"""An asset's event needs a few seconds to start the next run: only so long without any is the day over."""
PAGE = 100
ENDED = {"success", "failed", "skipped", "upstream_failed"}
UNREACHABLE = (urllib.error.URLError, ConnectionError, TimeoutError, HTTPException, json.JSONDecodeError)
"""Away, or cut off within its answer: a busy machine's web server, or one that restarts."""


class Api:
    """What a web server on this machine answers to an admin; its token is fetched when it is needed."""

    def __init__(self, port: int) -> None:
        self.root, self.token = f"http://127.0.0.1:{port}", ""

    def _get(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        request = urllib.request.Request(self.root + path, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def listed(self, path: str, name: str) -> Iterator[dict[str, Any]]:
        """Every entry of a paged list."""
        self.token = self.token or self._get("/auth/token")["access_token"]
        offset, total = 0, 1
        while offset < total:
            joint = "&" if "?" in path else "?"
            page = self._get(f"/api/v2/{path}{joint}limit={PAGE}&offset={offset}")
            yield from page[name]
            offset, total = offset + PAGE, page["total_entries"]


@dataclass
class Watch:
    """Follows what runs from the instant `since` (ISO) on; the tries of one task count as one."""

    listed: Callable[[str, str], Iterator[dict[str, Any]]]
    since: str
    say: Callable[[str], None]
    first: str = "horoscope_collect"
    """The DAG that every day begins with."""
    told: set[tuple[str, str, str, int]] = field(default_factory=set)

    def look(self) -> dict[str, list[str]]:
        """Says what has ended since the last look; the states of each DAG's runs."""
        since = quote(self.since)
        for task in self.listed(f"dags/~/dagRuns/~/taskInstances?updated_at_gte={since}", "task_instances"):
            key = (task["dag_id"], task["dag_run_id"], task["task_id"], task["map_index"])
            if task["state"] in ENDED and key not in self.told:
                self.told.add(key)
                number = f"[{key[3]}]" if key[3] >= 0 else ""
                tried = f", try {task['try_number']}" if task["try_number"] > 1 else ""
                self.say(f"{key[0]}.{key[2]}{number} {task['state']}, {task['duration'] or 0:.0f} s{tried}")
        states: dict[str, list[str]] = {}
        for run in self.listed(f"dags/~/dagRuns?updated_at_gte={since}", "dag_runs"):
            states.setdefault(run["dag_id"], []).append(run["state"])
        return states

    def until_over(self, goes_on: Callable[[], bool]) -> dict[str, list[str]]:
        """Waits until the first DAG has ended and nothing has run or waited for `SETTLED_S`, or until
        `goes_on` says no; the states of each DAG's runs."""
        states: dict[str, list[str]] = {}
        idle_since = time.monotonic()
        while goes_on() and time.monotonic() - idle_since < SETTLED_S:
            try:
                states = self.look()
            except UNREACHABLE:
                idle_since = time.monotonic()
            if self.first not in states or any(
                {"queued", "running"} & set(of_dag) for of_dag in states.values()
            ):
                idle_since = time.monotonic()
            time.sleep(POLL_S)
        return states
