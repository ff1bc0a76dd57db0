"""The whole day in one DAG, started by hand: the same commands as `python -m orchestration.run`, one
task a step.

For trials and for making up days: the daily work is done by the DAGs that assets tie together.
"""

from __future__ import annotations

from airflow.sdk import DAG

from orchestration.daily import daily
from orchestration.operators.step import StepOperator

with DAG(**daily(__doc__, "horoscope_day"), schedule=None) as dag:
    collect = StepOperator(task_id="collect", step="collect", retry_failures=True)
    process = StepOperator(task_id="process", step="process")
    train = StepOperator(task_id="train", step="train", skips_what_follows=True)
    evaluate = StepOperator(task_id="evaluate", step="evaluate")
    promote = StepOperator(task_id="promote", step="promote")
    publish = StepOperator(task_id="publish", step="publish", trigger_rule="none_failed")
    show = StepOperator(task_id="show", step="show")
    collect >> process >> train >> evaluate >> promote >> publish >> show
