"""Brings published days to their readers: the static site to its bucket or folder.

After each publishing, and at Moscow's midnight, when the site's first page turns to the new day. `show`
prints the day into its log, and is red where readers would find none. (The bot delivers by itself, at each
subscriber's hour; where it cannot, unpause `bot_broadcast`.)
"""

from __future__ import annotations

from airflow.sdk import DAG

from orchestration.airflow_versions import AssetOrTimeSchedule, CronTriggerTimetable
from orchestration.assets import PUBLISHED
from orchestration.daily import daily
from orchestration.operators.step import StepOperator

MIDNIGHT = CronTriggerTimetable("1 0 * * *", timezone="Europe/Moscow")

with DAG(
    **daily(__doc__, "horoscope_deliver", hours=1),
    schedule=AssetOrTimeSchedule(timetable=MIDNIGHT, assets=[PUBLISHED]),
) as dag:
    StepOperator(task_id="show", step="show", waits_for="expected a published day")
    StepOperator(task_id="export", step="export", waits_for="expected published days", retry_failures=True)
