"""Sends the bot's subscribers what is due, every quarter of an hour: for installations where the bot does not
run by itself. Stays paused where it does."""

from __future__ import annotations

from airflow.sdk import DAG

from orchestration.daily import daily
from orchestration.operators.step import StepOperator

with DAG(**daily(__doc__, "bot_broadcast", hours=0.5), schedule="*/15 * * * *") as dag:
    StepOperator(task_id="broadcast", step="broadcast", retry_failures=True, retries=1)
