"""Measures the candidate and lets it replace the champion only if it is proved better; then the asset
champion.

A candidate that is not better skips the promotion with the reason: the champion stays, and nothing
follows.
"""

from __future__ import annotations

from airflow.sdk import DAG

from orchestration.assets import CANDIDATE, CHAMPION
from orchestration.daily import daily
from orchestration.operators.step import StepOperator

with DAG(**daily(__doc__, "horoscope_evaluate_and_promote", hours=2), schedule=[CANDIDATE]) as dag:
    evaluate = StepOperator(task_id="evaluate", step="evaluate")
    promote = StepOperator(task_id="promote", step="promote", skips_what_follows=True, outlets=[CHAMPION])
    evaluate >> promote
