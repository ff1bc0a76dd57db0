"""Cleaning on a Spark cluster that is always there: standalone, YARN or Kubernetes, by the run's profile.
Takes process's place.

Unpause one of `horoscope_process`, `cloud_process` and this. Where the driver runs on the cluster, the
storage must be one that it reaches: s3://bucket/prefix.
"""

from __future__ import annotations

from airflow.sdk import DAG

from orchestration.assets import PROCESSED, RAW
from orchestration.daily import daily
from orchestration.operators.spark_submit import CleanBySparkSubmitOperator

with DAG(**daily(__doc__, "spark_process", hours=3), schedule=[RAW]) as dag:
    CleanBySparkSubmitOperator(task_id="process", outlets=[PROCESSED])
