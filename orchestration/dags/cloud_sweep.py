"""Every half hour, from outside of any run: deletes clusters and cancels GPU jobs of ours that are overdue,
and closes what they left open in the book."""

from __future__ import annotations

from airflow.sdk import DAG

from orchestration.daily import CLUSTER, GPU_JOB, daily
from orchestration.operators.cluster import SweepClustersOperator
from orchestration.operators.datasphere import SweepJobsOperator

with DAG(**daily(__doc__, "cloud_sweep", hours=1), schedule="*/30 * * * *") as dag:
    SweepClustersOperator(task_id="clusters", cluster_name="", **CLUSTER)
    SweepJobsOperator(task_id="gpu_jobs", **GPU_JOB)
