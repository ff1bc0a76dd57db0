"""Every morning: one task a site, so that a failed site is retried alone; then the asset raw.

Raw is announced as soon as any site brought its day; the run is green only when all did.
"""

from __future__ import annotations

from pathlib import Path

import yaml
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task

from orchestration.airflow_versions import CronTriggerTimetable
from orchestration.assets import RAW
from orchestration.daily import daily
from orchestration.operators.announce import AnnounceOperator
from orchestration.operators.step import PROJECT, StepOperator

with DAG(
    **daily(__doc__, "horoscope_collect", hours=3),
    schedule=CronTriggerTimetable("0 5 * * *", timezone="Europe/Moscow"),
) as dag:

    @task
    def sources() -> list[list[str]]:
        """The sources that the scraper's own list allows and turns on, as arguments for each."""
        listed = yaml.safe_load(Path(PROJECT, "scraper", "sources.yaml").read_text(encoding="utf-8"))
        return [["--spiders", name] for name, line in listed.items() if line["allowed"] and line["default"]]

    collect = StepOperator.partial(
        task_id="collect", step="collect", retry_failures=True, retries=3, max_active_tis_per_dagrun=2
    ).expand(arguments=sources())
    collect >> AnnounceOperator(task_id="raw", trigger_rule="all_done_min_one_success", outlets=[RAW])
    collect >> EmptyOperator(task_id="complete")
