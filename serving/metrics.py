"""What /metrics tells Prometheus: answers by route and status, their latency, how fresh the published days
are.

Counted in plain numbers, since a library's locked counters would cost a remembered answer half its time;
told through a collector of prometheus_client.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric

from serving.days import PublishedDays

BUCKETS_S = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
__all__ = ["CONTENT_TYPE_LATEST", "Metrics"]


class Metrics:
    """Counters of one application, for one thread; a collector while /metrics is asked for."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, int], int] = defaultdict(int)
        self._in_bucket = [0] * (len(BUCKETS_S) + 1)
        self._seconds = 0.0
        self._gauges: dict[str, float] = {}

    def count(self, route: str, status: int, seconds: float) -> None:
        self._answers[route, status] += 1
        self._in_bucket[bisect_left(BUCKETS_S, seconds)] += 1
        self._seconds += seconds

    def render(self, days: PublishedDays, today: dt.date) -> bytes:
        """The text format, with the state of the days as of now."""
        newest = days.dates[-1] if days.dates else None
        self._gauges = {
            "horoscope_today_published": float(days.get(today) is not None),
            "horoscope_days_ahead": float((newest - today).days) if newest else float("nan"),
            "horoscope_storage_faults": float(len(days.faults)),
        }
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """prometheus_client's protocol."""
        answers = CounterMetricFamily("horoscope_answers", "Answers sent", labels=["route", "status"])
        for (route, status), count in sorted(self._answers.items()):
            answers.add_metric([route, str(status)], count)
        yield answers
        bounds = [*map(str, BUCKETS_S), "+Inf"]
        buckets = list(zip(bounds, accumulate(self._in_bucket), strict=True))
        yield HistogramMetricFamily("horoscope_answer_seconds", "Time to answer", buckets, self._seconds)
        for name, value in self._gauges.items():
            yield GaugeMetricFamily(name, name.replace("_", " "), value)
