"""The cleaning job by spark-submit as an Airflow task: a profile's `spark` settings in, a run on a
standalone cluster, on YARN or on Kubernetes out.

Following the application and killing it with the task are the provider's work (`SparkSubmitOperator`,
which takes a second to import and is therefore loaded by the task only). A retry submits anew: the job may be
run twice, and what a killed one left behind is nobody's.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from orchestration.airflow_versions import AirflowFailException
from orchestration.operators.step import PROJECT, day_of
from orchestration.plan import make_plan
from orchestration.settings import BadSetting, Profile

if TYPE_CHECKING:
    from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator


class CleanBySparkSubmitOperator(BaseOperator):
    """Submits to the `master` of `profile`; a connection `spark_<profile>` of the installation goes
    before it."""

    template_fields = ("profile", "storage")

    def __init__(
        self, *, profile: str = "{{ params.profile or 'standalone' }}", storage: str = "", **settings: Any
    ) -> None:
        super().__init__(**settings)
        self.profile, self.storage = profile, storage
        self.submission: SparkSubmitOperator | None = None

    def execute(self, context: Any) -> dict[str, str]:
        from orchestration.package import hadoop_address, upload_package
        from orchestration.record import Storage

        os.chdir(os.environ.get("HOROSCOPE_PROJECT", PROJECT))
        day = day_of(context)
        try:
            plan = make_plan(day, self.profile, storage=self.storage)
            connection = connection_of(plan.profile)
        except BadSetting as error:
            raise AirflowFailException(str(error)) from error
        program, package = upload_package(Storage(plan.storage), Path(PROJECT, "spark_processing"))
        self.submission = submission(plan.profile, connection, hadoop_address(plan.storage), program, package)
        self.submission.execute(context)
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {"day": day}
        return {"package": package}

    def on_kill(self) -> None:
        if self.submission:
            self.submission.on_kill()


def connection_of(profile: Profile) -> str:
    """Id of the connection that leads to the profile's master. Raises BadSetting."""
    if not profile.spark.get("master"):
        raise BadSetting(
            f"expected a profile with a spark master, found {profile.name}, which has none; "
            "start the run with the parameter profile = standalone, yarn, kubernetes or one of your own"
        )
    settings = {"conn_type": "spark", "host": profile.spark["master"]}
    os.environ.setdefault(f"AIRFLOW_CONN_SPARK_{profile.name.upper()}", json.dumps(settings))
    return f"spark_{profile.name}"


def submission(
    profile: Profile, connection: str, address: str, program: str, package: str
) -> SparkSubmitOperator:
    from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator

    return SparkSubmitOperator(
        task_id="submit",
        name="horoscope-clean",
        conn_id=connection,
        deploy_mode=profile.spark["deploy_mode"],
        conf=dict(profile.spark["conf"]),
        application=f"{address}/{program}",
        py_files=f"{address}/{package}",
        application_args=["--storage", address],
        durable=False,
    )
