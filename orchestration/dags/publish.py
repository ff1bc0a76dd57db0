"""Writes a day's texts: today's when there is a new champion, tomorrow's every noon, before it begins in
any time zone; then the asset published.

The noons before the first champion are skipped.
"""

from __future__ import annotations

from airflow.sdk import DAG

from orchestration.airflow_versions import AssetOrTimeSchedule, CronTriggerTimetable
from orchestration.assets import CHAMPION, PUBLISHED
from orchestration.daily import daily
from orchestration.operators.step import StepOperator

NOON = CronTriggerTimetable("0 12 * * *", timezone="Europe/Moscow")

with DAG(
    **daily(__doc__, "horoscope_publish", hours=1),
    schedule=AssetOrTimeSchedule(timetable=NOON, assets=[CHAMPION]),
) as dag:
    StepOperator(
        task_id="publish", step="publish", days_ahead=1, waits_for="expected a champion", outlets=[PUBLISHED]
    )
