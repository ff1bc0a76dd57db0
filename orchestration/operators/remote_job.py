"""A job on a machine with SSH as an Airflow task: detached there, followed from here, found again on a
retry."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator

from orchestration.airflow_versions import AirflowException, AirflowFailException
from orchestration.operators.step import day_of
from orchestration.patience import Patience
from orchestration.plan import chosen_profile
from orchestration.remote_job import RemoteJob, RemoteJobFailed
from orchestration.settings import BadSetting


class RemoteJobOperator(BaseOperator):
    """Runs `command`, its `{day}` and its profile's `{config}` filled in, under a name made of `job` and the
    run's day.

    Killed, it ends the remote job too.
    """

    template_fields = ("command", "profile")

    def __init__(
        self,
        *,
        job: str,
        command: str,
        profile: str = "{{ params.profile }}",
        connection_id: str = "ssh_default",
        patience: Patience = Patience(),  # noqa: B008  # frozen
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.job, self.command, self.profile = job, command, profile
        self.connection_id, self.patience = connection_id, patience
        self.remote: RemoteJob | None = None

    def execute(self, context: Any) -> str:
        from airflow.providers.ssh.hooks.ssh import SSHHook

        day = day_of(context)
        try:
            config = chosen_profile(self.profile).training_config
        except BadSetting as error:
            raise AirflowFailException(str(error)) from error
        hook = SSHHook(ssh_conn_id=self.connection_id)
        self.remote = RemoteJob(hook.get_conn, f"{self.job}-{day}", self.patience)
        try:
            self.remote.start(self.command.replace("{day}", day).replace("{config}", config))
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
