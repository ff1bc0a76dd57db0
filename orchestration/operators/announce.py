"""A task that only tells the next DAGs that something is there, with the day it is about."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator

from orchestration.operators.step import day_of


class AnnounceOperator(BaseOperator):
    """Its `outlets` get an event each."""

    def execute(self, context: Any) -> str:
        day = day_of(context)
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {"day": day}
        return day
