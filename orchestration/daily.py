"""What every DAG of the daily family has in common: settings of its tasks, parameters of its runs, a
deadline.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import Param

from orchestration.airflow_versions import AsyncCallback, DeadlineAlert, DeadlineReference
from orchestration.alerts import report_failure

# The first pause before a retry is Airflow's own setting, core.default_task_retry_delay: five minutes.
TASKS: dict[str, Any] = {
    "owner": "horoscope",
    "retries": 2,
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(hours=1),
    "on_failure_callback": report_failure,
}

STORAGE = "{{ var.value.horoscope_storage }}"
"""Where the cloud tasks work: from Airflow's variables, read when a task runs, not when a file is loaded."""

CLUSTER: dict[str, Any] = {
    "storage": STORAGE,
    "values": {
        "folder": "{{ var.value.horoscope_folder }}",
        "bucket": "{{ var.value.horoscope_bucket }}",
        "account": "{{ var.value.horoscope_account }}",
        "subnet": "{{ var.value.horoscope_subnet }}",
        "security_group": "{{ var.value.horoscope_security_group }}",
        "ssh_key": "{{ var.value.horoscope_ssh_key }}",
    },
}

GPU_JOB: dict[str, Any] = {
    "storage": STORAGE,
    "job_file": "orchestration/jobs/train.toml",
    "values": {"project": "{{ var.value.horoscope_project }}"},
}


def daily(doc: str, name: str, hours: float | None = None) -> dict[str, Any]:
    """Settings for a DAG called `name` whose runs should be over within `hours`.

    None where it will be run by `airflow dags test`, which fails on deadlines (Airflow 3.3.2).

    `doc` is its file's docstring: shown in Airflow's pages, its first sentence as the description.
    """
    return {
        "dag_id": name,
        "description": doc.strip().replace("\n", " ").split(". ")[0],
        "doc_md": doc,
        "start_date": pendulum.datetime(2026, 1, 1, tz="Europe/Moscow"),
        "catchup": False,
        "max_active_runs": 1,
        "default_args": TASKS,
        "deadline": over_within(name, hours) if hours else None,
        "params": {
            "date": Param(
                None, type=["null", "string"], format="date", description="empty: the run's own day"
            ),
            "profile": Param("", type="string", description="empty: $HOROSCOPE_PROFILE, else local"),
            "sites": Param("", enum=["", "demo", "live"], description="empty: the profile's"),
        },
        "tags": ["horoscope"],
    }


def over_within(name: str, hours: float) -> DeadlineAlert:
    what = {"what": f"{name} is not over {hours:g} h after its start"}
    late = AsyncCallback("orchestration.alerts.report_late", what)
    return DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(hours=hours), late)
