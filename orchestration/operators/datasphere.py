"""DataSphere jobs as Airflow tasks: submitted or found again, followed by the triggerer without holding
a worker, booked, and cancelled when the task is killed."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from orchestration.operators.cloud_errors import cloud_errors
from orchestration.operators.step import PROJECT, day_of
from orchestration.patience import Patience
from orchestration.plan import chosen_profile

if TYPE_CHECKING:
    from orchestration.datasphere_jobs import JobService, JobSpec
    from orchestration.paid_jobs import PaidJobs

CANCELS_ON_KILL = hasattr(BaseTrigger, "on_kill")
"""False in Airflow 3.1, where a killed task that was deferred would leave its job running: there it waits in
the worker."""


def job_service(connection_id: str, patience: Patience) -> JobService:
    from airflow.providers.yandex.hooks.yandex import YandexCloudBaseHook

    from orchestration.datasphere_jobs import JobService

    return JobService(YandexCloudBaseHook(yandex_conn_id=connection_id).sdk.client, patience)


class JobTrigger(BaseTrigger):
    """Looks at a job every `poll_s` seconds, hands its output to the task's log, and fires when it is
    over or at `until_s`."""

    def __init__(self, connection_id: str, job_id: str, poll_s: float, until_s: float) -> None:
        super().__init__()
        self.connection_id, self.job_id, self.poll_s, self.until_s = connection_id, job_id, poll_s, until_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("connection_id", "job_id", "poll_s", "until_s")
        return f"{__name__}.JobTrigger", {name: getattr(self, name) for name in names}

    async def service(self) -> JobService:
        return await sync_to_async(job_service)(self.connection_id, Patience(poll_s=self.poll_s))

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from orchestration.datasphere_jobs import ENDED

        service, offset = await self.service(), 0
        look = sync_to_async(service.look)
        while True:
            job, lines, offset = await look(self.job_id, offset)
            for line in lines:
                self.log.info(line)
            if job.status in ENDED or time.time() > self.until_s:
                yield TriggerEvent(self.job_id)
                return
            await asyncio.sleep(self.poll_s)

    async def on_kill(self) -> None:
        """The task was marked or cleared by a person; a triggerer that restarts does not come here."""
        service = await self.service()
        await sync_to_async(service.cancel)(self.job_id, "the Airflow task was killed")


class JobsOperator(BaseOperator):
    """What the operators share: connection, job file with its `values`, profile, book under `storage`."""

    template_fields = ("job_file", "values", "storage", "profile")
    ui_color = "#fff4e0"

    def __init__(
        self,
        *,
        job_file: str,
        values: dict[str, str],
        storage: str,
        profile: str = "{{ params.profile }}",
        price_file: str = "orchestration/prices.toml",
        connection_id: str = "yandexcloud_default",
        patience: Patience = Patience(),  # noqa: B008  # frozen
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.job_file, self.values, self.storage, self.profile = job_file, values, storage, profile
        self.price_file, self.connection_id, self.patience = price_file, connection_id, patience

    def jobs(self) -> PaidJobs:
        from orchestration.ledger import Ledger, read_prices
        from orchestration.paid_jobs import PaidJobs
        from orchestration.record import Storage

        service = job_service(self.connection_id, self.patience)
        ledger, prices = Ledger(Storage(self.storage)), read_prices(Path(PROJECT, self.price_file))
        return PaidJobs(service, ledger, prices, clock=time.time)

    def spec(self, day: str) -> JobSpec:
        from orchestration.datasphere_jobs import read_spec

        filled = {"day": day, "storage": self.storage, "config": chosen_profile(self.profile).training_config}
        return read_spec(Path(PROJECT, self.job_file), **filled, **self.values)


class DataSphereJobOperator(JobsOperator):
    """Runs the job of a TOML file for the run's day. A retry follows the job that is there."""

    def __init__(self, *, deferrable: bool = CANCELS_ON_KILL, **settings: Any) -> None:
        super().__init__(**settings)
        self.deferrable = deferrable
        self.submitted: JobSpec | None = None

    def execute(self, context: Any) -> dict[str, str]:
        os.chdir(PROJECT)  # the job file names its files from there
        with cloud_errors():
            self.submitted = replace(self.spec(day_of(context)), submitter=context["dag_run"].run_id)
            jobs = self.jobs()
            job_id = jobs.submit(self.submitted)
            self.log.info("job %s is %s", self.submitted.name, job_id)
            started_s = jobs.service.get(job_id).created_at.seconds
        until_s = started_s + self.submitted.max_hours * 3600
        if self.deferrable:
            trigger = JobTrigger(self.connection_id, job_id, self.patience.poll_s, until_s)
            self.defer(trigger=trigger, method_name="finish")
        with cloud_errors():
            jobs.service.follow(job_id, self.log.info, until_s)
        return self.finish(context, job_id)

    def finish(self, context: Any, event: str) -> dict[str, str]:
        """Books the job with the id `event`; one that is still running is over its time and cancelled."""
        day = day_of(context)
        with cloud_errors():
            spec, jobs = self.spec(day), self.jobs()
            job = jobs.service.ended(event, f"not over after {spec.max_hours:g} h")
            jobs.settle(spec.project_id, spec.name)
            jobs.service.succeeded(job)
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {"day": day}
        return {"job_id": event}

    def on_kill(self) -> None:
        """By name: the task may be killed before it was told the job's id."""
        if self.submitted:
            jobs, name = self.jobs(), self.submitted.name
            jobs.service.cancel_named(self.submitted.project_id, name, "the Airflow task was killed")
            jobs.settle(self.submitted.project_id, name)


class SweepJobsOperator(JobsOperator):
    """Cancels from outside what no run has cancelled in time, and books what no run has booked."""

    def execute(self, context: Any) -> list[str]:
        with cloud_errors():
            spec = self.spec("")
            return self.jobs().sweep(spec.project_id, spec.name, spec.max_hours * 3600)
