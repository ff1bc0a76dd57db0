"""Training in the cloud: one DataSphere job a day, found again by its name on every retry. Takes
train's place.

Unpause this one or `horoscope_train`, not both. The job writes its model to the bucket itself.
"""

from __future__ import annotations

from airflow.sdk import DAG

from orchestration.assets import CANDIDATE, PROCESSED
from orchestration.daily import daily
from orchestration.operators.datasphere import DataSphereJobOperator

VALUES = {"project": "{{ var.value.horoscope_project }}", "bucket": "{{ var.value.horoscope_storage }}"}

with DAG(**daily(__doc__, "cloud_train", hours=8), schedule=[PROCESSED]) as dag:
    DataSphereJobOperator(
        task_id="train", job_file="orchestration/jobs/train.toml", values=VALUES, outlets=[CANDIDATE]
    )
