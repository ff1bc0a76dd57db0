"""Training on any machine with SSH and a GPU: a detached job a day, followed over as many connections as
it takes, then its model brought back. Takes train's place.

Unpause one of `horoscope_train`, `cloud_train` and this. Needs the connection `ssh_default` and the
variables horoscope_storage and horoscope_checkout: where that machine has this project, made ready with
`make setup`, and the bucket's keys in its environment.
"""

from __future__ import annotations

from airflow.sdk import DAG

from orchestration.assets import CANDIDATE, PROCESSED
from orchestration.daily import STORAGE, daily
from orchestration.operators.remote_job import RemoteJobOperator
from orchestration.operators.step import StepOperator

COMMAND = (
    "cd {{ var.value.horoscope_checkout }} && .venv/bin/python -m model_training.train"
    " --config {config} --data {{ var.value.horoscope_storage }}/processed"
    " --output dist/models/{day}"
    " && .venv/bin/python -m orchestration.carry dist/models/{day}"
    " {{ var.value.horoscope_storage }}/models/{day}"
)

with DAG(**daily(__doc__, "remote_train", hours=8), schedule=[PROCESSED]) as dag:
    due = StepOperator(task_id="due", step="due", storage=STORAGE, skips_what_follows=True)
    train = RemoteJobOperator(task_id="train", job="horoscope-train", command=COMMAND)
    fetch = StepOperator(
        task_id="fetch", step="fetch", storage=STORAGE, retry_failures=True, outlets=[CANDIDATE]
    )
    due >> train >> fetch
