"""Writes a day's texts: today's when there is a new champion, tomorrow's every evening; then the asset
published.

The evenings before the first champion are skipped.
"""

from __future__ import annotations

from airflow.sdk import DAG

from orchestration.airflow_versions import AssetOrTimeSchedule, CronTriggerTimetable
from orchestration.assets import CHAMPION, PUBLISHED
from orchestration.daily import daily
from orchestration.operators.step import StepOperator

EVENING = CronTriggerTimetable("0 20 * * *", timezone="Europe/Moscow")

with DAG(
    **daily(__doc__, "horoscope_publish", hours=1),
    schedule=AssetOrTimeSchedule(timetable=EVENING, assets=[CHAMPION]),
) as dag:
    StepOperator(
        task_id="publish", step="publish", days_ahead=1, waits_for="expected a champion", outlets=[PUBLISHED]
    )
