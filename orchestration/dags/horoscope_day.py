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

DAY = "{{ (logical_date or dag_run.run_after).in_timezone('Europe/Moscow').to_date_string() }}"

with DAG(
    dag_id="horoscope_day",
    description="Collect, clean, train, evaluate, promote, publish, show: one day",
    doc_md=__doc__,
    schedule="0 5 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Moscow"),
    catchup=False,
    max_active_runs=1,
    params={"profile": Param("local", type="string"), "sites": Param("demo", enum=["demo", "live"])},
    tags=["horoscope"],
) as dag:
    patient: dict[str, Any] = {
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "retry_exponential_backoff": True,
    }
    collect = StepOperator(task_id="collect", step="collect", day=DAY, **patient)
    process = StepOperator(task_id="process", step="process", day=DAY, retries=1)
    train = StepOperator(task_id="train", step="train", day=DAY, skips_what_follows=True)
    evaluate = StepOperator(task_id="evaluate", step="evaluate", day=DAY)
    promote = StepOperator(task_id="promote", step="promote", day=DAY)
    publish = StepOperator(task_id="publish", step="publish", day=DAY, trigger_rule="none_failed")
    show = StepOperator(task_id="show", step="show", day=DAY)
    collect >> process >> train >> evaluate >> promote >> publish >> show
