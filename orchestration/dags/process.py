"""Cleans whatever raw/ holds and no part covers yet, on this machine; then the asset processed."""

from __future__ import annotations

from airflow.sdk import DAG

from orchestration.assets import PROCESSED, RAW
from orchestration.daily import daily
from orchestration.operators.step import StepOperator

with DAG(**daily(__doc__, "horoscope_process", hours=2), schedule=[RAW]) as dag:
    StepOperator(task_id="process", step="process", outlets=[PROCESSED])
