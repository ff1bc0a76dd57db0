"""A DataSphere job as an Airflow task: submitted or found again, followed, cancelled when the task is
killed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from orchestration.operators.cloud_errors import cloud_errors
from orchestration.operators.step import PROJECT, day_of
from orchestration.patience import Patience

if TYPE_CHECKING:
    from orchestration.datasphere_jobs import JobService, JobSpec


class DataSphereJobOperator(BaseOperator):
    """Runs the job of a TOML file for the run's day. A retry follows the job that is there."""

    template_fields = ("job_file", "values")
    ui_color = "#fff4e0"

    def __init__(
        self,
        *,
        job_file: str,
        values: dict[str, str] | None = None,
        connection_id: str = "yandexcloud_default",
        patience: Patience = Patience(),  # noqa: B008  # frozen
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.job_file, self.values, self.connection_id = job_file, values or {}, connection_id
        self.patience = patience
        self.spec: JobSpec | None = None

    def service(self) -> JobService:
        from airflow.providers.yandex.hooks.yandex import YandexCloudBaseHook

        from orchestration.datasphere_jobs import JobService

        return JobService(YandexCloudBaseHook(yandex_conn_id=self.connection_id).sdk.client, self.patience)

    def execute(self, context: Any) -> dict[str, str]:
        from orchestration.datasphere_jobs import read_spec

        day = day_of(context)
        with cloud_errors():
            self.spec = read_spec(Path(PROJECT, self.job_file), day=day, **self.values)
            service = self.service()
            job_id = service.submit(self.spec)
            self.log.info("job %s is %s", self.spec.name, job_id)
            service.wait(job_id, self.log.info)
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {"day": day}
        return {"job_id": job_id}

    def on_kill(self) -> None:
        """By name: the task may be killed before it was told the job's id."""
        if self.spec:
            self.service().cancel_named(self.spec.project_id, self.spec.name, "the Airflow task was killed")
