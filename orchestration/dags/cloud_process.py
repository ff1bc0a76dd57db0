"""Cleaning in the cloud: a cluster of its own for each run, deleted whatever happens. Takes process's
place.

Unpause this one or `horoscope_process`, not both. Needs the connection `yandexcloud_default` and the
variables horoscope_storage, horoscope_folder, horoscope_bucket, horoscope_account, horoscope_subnet,
horoscope_security_group and horoscope_ssh_key.
"""

from __future__ import annotations

from airflow.sdk import DAG

from orchestration.assets import PROCESSED, RAW
from orchestration.daily import CLUSTER, daily
from orchestration.operators.cluster import (
    CleanOnClusterOperator,
    DismissClusterOperator,
    ProvideClusterOperator,
    ReserveNameOperator,
)

with DAG(**daily(__doc__, "cloud_process", hours=4), schedule=[RAW]) as dag:
    reserve = ReserveNameOperator(task_id="reserve").as_setup()
    provide = ProvideClusterOperator(task_id="provide", **CLUSTER)
    clean = CleanOnClusterOperator(task_id="clean", outlets=[PROCESSED], **CLUSTER)
    dismiss = DismissClusterOperator(task_id="dismiss", retries=5, **CLUSTER)
    reserve >> provide >> clean
    clean >> dismiss.as_teardown(setups=reserve, on_failure_fail_dagrun=True)
