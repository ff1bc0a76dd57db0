"""Every half hour, from outside of any run: deletes clusters of ours that are overdue by their label."""

from __future__ import annotations

from airflow.sdk import DAG

from orchestration.daily import CLOUD, daily
from orchestration.operators.cluster import SweepClustersOperator

with DAG(**daily(__doc__, "cloud_sweep", hours=1), schedule="*/30 * * * *") as dag:
    SweepClustersOperator(task_id="sweep", cluster_name="", **CLOUD)
