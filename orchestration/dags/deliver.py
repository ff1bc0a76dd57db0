"""Brings a published day to its readers: shows it in the log, for whoever reads over Airflow's shoulder."""

from __future__ import annotations

from airflow.sdk import DAG

from orchestration.assets import PUBLISHED
from orchestration.daily import daily
from orchestration.operators.step import StepOperator

with DAG(**daily(__doc__, "horoscope_deliver", hours=1), schedule=[PUBLISHED]) as dag:
    StepOperator(task_id="show", step="show")
