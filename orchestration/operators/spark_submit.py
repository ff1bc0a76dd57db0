"""The cleaning job by spark-submit as an Airflow task: a profile's `spark` settings in, a run on a
standalone cluster, on YARN or on Kubernetes out.

Following the application and killing it with the task are the provider's work (`SparkSubmitOperator`). A
retry submits anew: the job may be run twice, and what a killed one left behind is nobody's.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator

from orchestration.airflow_versions import AirflowFailException
from orchestration.operators.step import PROJECT, day_of
from orchestration.plan import Plan, make_plan
from orchestration.settings import BadSetting


class CleanBySparkSubmitOperator(SparkSubmitOperator):
    """Submits to the `master` of `profile`; a connection `spark_<profile>` of the installation goes
    before it."""

    template_fields = (*SparkSubmitOperator.template_fields, "profile", "storage")

    def __init__(
        self, *, profile: str = "{{ params.profile or 'standalone' }}", storage: str = "", **settings: Any
    ) -> None:
        super().__init__(name="horoscope-clean", durable=False, **settings)
        self.profile, self.storage = profile, storage

    def execute(self, context: Any) -> dict[str, str]:  # type: ignore[override]  # theirs returns nothing
        from orchestration.package import hadoop_address, upload_package
        from orchestration.record import Storage

        os.chdir(os.environ.get("HOROSCOPE_PROJECT", PROJECT))
        day = day_of(context)
        try:
            plan = make_plan(day, self.profile, storage=self.storage)
            self.submit_by(plan)
        except BadSetting as error:
            raise AirflowFailException(str(error)) from error
        address = hadoop_address(plan.storage)
        program, package = upload_package(Storage(plan.storage), Path(PROJECT, "spark_processing"))
        self.application, self.py_files = f"{address}/{program}", f"{address}/{package}"
        self.application_args = ["--storage", address]
        super().execute(context)
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {"day": day}
        return {"package": package}

    def submit_by(self, plan: Plan) -> None:
        """Takes master, mode and settings from the profile. Raises BadSetting."""
        spark = plan.profile.spark
        if not spark.get("master"):
            raise BadSetting(
                f"expected a profile with a spark master, found {plan.profile.name}, which has none; "
                "start the run with the parameter profile = standalone, yarn, kubernetes or one of your own"
            )
        self._conn_id = f"spark_{plan.profile.name}"
        connection = {"conn_type": "spark", "host": spark["master"]}
        os.environ.setdefault(f"AIRFLOW_CONN_{self._conn_id.upper()}", json.dumps(connection))
        self._deploy_mode, self.conf = spark["deploy_mode"], dict(spark["conf"])
