"""Training in the cloud: one DataSphere job a day, found again by its name on every retry, then its model
brought back. Takes train's place.

Unpause this one or `horoscope_train`, not both. Whether there is enough to learn is decided here, before
anything is paid; the job writes its model to the bucket itself, and the candidate is announced once a
whole copy of it is here. Needs the variables horoscope_storage and horoscope_project.
"""

from __future__ import annotations

from airflow.sdk import DAG

from orchestration.assets import CANDIDATE, PROCESSED
from orchestration.daily import GPU_JOB, STORAGE, daily
from orchestration.operators.datasphere import DataSphereJobOperator
from orchestration.operators.step import StepOperator

with DAG(**daily(__doc__, "cloud_train", hours=8), schedule=[PROCESSED]) as dag:
    due = StepOperator(task_id="due", step="due", storage=STORAGE, skips_what_follows=True)
    train = DataSphereJobOperator(task_id="train", **GPU_JOB)
    fetch = StepOperator(
        task_id="fetch", step="fetch", storage=STORAGE, retry_failures=True, outlets=[CANDIDATE]
    )
    due >> train >> fetch
