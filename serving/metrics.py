"""What /metrics tells Prometheus: answers by route and status, their latency, and how fresh the published
days are.
"""

from __future__ import annotations

import datetime as dt

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from serving.days import PublishedDays

BUCKETS_S = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
__all__ = ["CONTENT_TYPE_LATEST", "Metrics"]


class Metrics:
    """Counters of one application; each test has its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        names = ["route", "status"]
        self._answers = Counter("horoscope_answers", "Answers sent", names, registry=self.registry)
        self._seconds = Histogram(
            "horoscope_answer_seconds", "Time to answer", buckets=BUCKETS_S, registry=self.registry
        )
        self._today = Gauge(
            "horoscope_today_published", "1 if today in Moscow is published", registry=self.registry
        )
        self._ahead = Gauge(
            "horoscope_days_ahead", "Newest published day minus today, days", registry=self.registry
        )
        self._faults = Gauge(
            "horoscope_storage_faults", "Faults of storage and of days", registry=self.registry
        )
        self._by_label: dict[tuple[str, int], Counter] = {}

    def count(self, route: str, status: int, seconds: float) -> None:
        counter = self._by_label.get((route, status))
        if counter is None:
            counter = self._by_label[route, status] = self._answers.labels(route, str(status))
        counter.inc()
        self._seconds.observe(seconds)

    def render(self, days: PublishedDays, today: dt.date) -> bytes:
        """The text format, with the state of the days as of now."""
        newest = days.dates[-1] if days.dates else None
        self._today.set(days.get(today) is not None)
        self._ahead.set((newest - today).days if newest else float("nan"))
        self._faults.set(len(days.faults))
        return generate_latest(self.registry)
