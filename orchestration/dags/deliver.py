"""Brings published days to their readers: the static site to its bucket or folder, and what is due to the
bot's subscribers.

After each publishing, and at Moscow's midnight, when the site's first page turns to the new day. Where
neither is set (`site`, `bot_state`) its task is skipped. `show` prints the day into its log, and is red
where readers would find none.
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
    StepOperator(task_id="broadcast", step="broadcast", retry_failures=True)
