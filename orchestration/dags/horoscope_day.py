"""The whole day in one DAG: the same commands as `python -m orchestration.run`, one task a step.

The day is the run's logical date in Europe/Moscow, so that a backfilled run makes its own day and no
other.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, Param

from orchestration.operators.step import StepOperator

with DAG(
    dag_id="horoscope_day",
    description="Collect, clean, train, evaluate, promote, publish, show: one day",
    doc_md=__doc__,
    schedule="0 5 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Moscow"),
    catchup=False,
    max_active_runs=1,
    params={
        "date": Param(None, type=["null", "string"], format="date", description="empty: the run's own day"),
        "profile": Param("local", type="string", description="a file of orchestration/profiles"),
        "sites": Param("demo", enum=["demo", "live"]),
    },
    tags=["horoscope"],
) as dag:
    patient: dict[str, Any] = {
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "retry_exponential_backoff": True,
    }
    collect = StepOperator(task_id="collect", step="collect", **patient)
    process = StepOperator(task_id="process", step="process", retries=1)
    train = StepOperator(task_id="train", step="train", skips_what_follows=True)
    evaluate = StepOperator(task_id="evaluate", step="evaluate")
    promote = StepOperator(task_id="promote", step="promote")
    publish = StepOperator(task_id="publish", step="publish", trigger_rule="none_failed")
    show = StepOperator(task_id="show", step="show")
    collect >> process >> train >> evaluate >> promote >> publish >> show
