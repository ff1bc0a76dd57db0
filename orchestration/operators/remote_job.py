"""A job on a machine with SSH as an Airflow task: detached there, followed from here, found again on a
retry."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator

from orchestration.airflow_versions import AirflowException
from orchestration.operators.step import day_of
from orchestration.patience import Patience
from orchestration.remote_job import RemoteJob, RemoteJobFailed


class RemoteJobOperator(BaseOperator):
    """Runs `command`, `{day}` in it replaced, under a name made of `job` and the run's day.

    Killed, it ends the remote job too.
    """

    template_fields = ("command",)

    def __init__(
        self,
        *,
        job: str,
        command: str,
        connection_id: str = "ssh_default",
        patience: Patience = Patience(),  # noqa: B008  # frozen
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.job, self.command, self.connection_id, self.patience = job, command, connection_id, patience
        self.remote: RemoteJob | None = None

    def execute(self, context: Any) -> str:
        from airflow.providers.ssh.hooks.ssh import SSHHook

        day = day_of(context)
        hook = SSHHook(ssh_conn_id=self.connection_id)
        self.remote = RemoteJob(hook.get_conn, f"{self.job}-{day}", self.patience)
        try:
            self.remote.start(self.command.replace("{day}", day))
            self.remote.wait(self.log.info)
        except RemoteJobFailed as failure:
            raise AirflowException(str(failure)) from failure
        finally:
            self.remote.close()
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {"day": day}
        return self.remote.name

    def on_kill(self) -> None:
        if self.remote:
            self.remote.cancel()
