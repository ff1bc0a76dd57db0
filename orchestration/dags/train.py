"""Trains a candidate where there is enough new to learn; then the asset candidate.

The training's own trigger decides: too little new text skips the task with the reason, and no candidate
is announced.
"""

from __future__ import annotations

from airflow.sdk import DAG

from orchestration.assets import CANDIDATE, PROCESSED
from orchestration.daily import daily
from orchestration.operators.step import StepOperator

with DAG(**daily(__doc__, "horoscope_train", hours=6), schedule=[PROCESSED]) as dag:
    StepOperator(task_id="train", step="train", skips_what_follows=True, outlets=[CANDIDATE])
