"""Temporary clusters as Airflow tasks: reserve a name, provide, run a job, dismiss, sweep.

`ReserveName` is the setup that always succeeds, so the teardown `DismissCluster` is never left out; it
deletes by name, whatever creation came to, and its failure fails the run.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from orchestration.operators.cloud_errors import cloud_errors
from orchestration.operators.step import PROJECT, day_of
from orchestration.patience import Patience

if TYPE_CHECKING:
    from orchestration.lease import Leases


class ReserveNameOperator(BaseOperator):
    """The cluster's name: the same for every try of one run, another for another run."""

    def execute(self, context: Any) -> str:
        run = hashlib.sha256(context["dag_run"].run_id.encode()).hexdigest()[:8]
        return f"horoscope-{day_of(context)}-{run}"


class ClusterOperator(BaseOperator):
    """What the others share: connection, cluster file with its `values`, book under `storage`."""

    template_fields: tuple[str, ...] = ("cluster_name", "storage", "values")

    def __init__(
        self,
        *,
        values: dict[str, str],
        storage: str,
        cluster_name: str = "{{ ti.xcom_pull(task_ids='reserve') }}",
        cluster_file: str = "orchestration/jobs/cluster.toml",
        price_file: str = "orchestration/prices.toml",
        connection_id: str = "yandexcloud_default",
        patience: Patience = Patience(),  # noqa: B008  # frozen
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.values, self.storage, self.cluster_name = values, storage, cluster_name
        self.cluster_file, self.price_file = cluster_file, price_file
        self.connection_id, self.patience = connection_id, patience

    def leases(self) -> Leases:
        from airflow.providers.yandex.hooks.yandex import YandexCloudBaseHook

        from orchestration.clusters import ClusterService
        from orchestration.lease import Leases
        from orchestration.ledger import Ledger, read_prices
        from orchestration.record import Storage

        client = YandexCloudBaseHook(yandex_conn_id=self.connection_id).sdk.client
        prices = read_prices(Path(PROJECT, self.price_file))
        service, ledger = ClusterService(client, self.patience), Ledger(Storage(self.storage))
        return Leases(service, ledger, prices, clock=time.time)

    def execute(self, context: Any) -> Any:
        with cloud_errors():
            return self.act(self.leases(), context)

    def act(self, leases: Leases, context: Any) -> Any:
        raise NotImplementedError


class ProvideClusterOperator(ClusterOperator):
    """A running cluster's id. Killed, it deletes what it may have begun."""

    def act(self, leases: Leases, context: Any) -> str:
        from orchestration.clusters import read_cluster

        spec = read_cluster(Path(PROJECT, self.cluster_file), self.values)
        return leases.provide(spec, self.cluster_name, context["dag_run"].run_id[:63])

    def on_kill(self) -> None:
        self.leases().dismiss(self.values["folder"], self.cluster_name)


class CleanOnClusterOperator(ClusterOperator):
    """The cleaning job on the cluster, with `arguments` (templated) beside its storage."""

    template_fields = (*ClusterOperator.template_fields, "cluster_id", "arguments")

    def __init__(
        self,
        *,
        cluster_id: str = "{{ ti.xcom_pull(task_ids='provide') }}",
        arguments: Sequence[str] = (),
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.cluster_id, self.arguments = cluster_id, arguments

    def act(self, leases: Leases, context: Any) -> dict[str, str]:
        from yandex.cloud.dataproc.v1.job_pb2 import PysparkJob

        from orchestration.package import hadoop_address, upload_package
        from orchestration.record import Storage

        day, address = day_of(context), hadoop_address(self.storage)
        program, package = upload_package(Storage(self.storage), PROJECT / "spark_processing")
        job = PysparkJob(
            main_python_file_uri=f"{address}/{program}",
            python_file_uris=[f"{address}/{package}"],
            args=["--storage", address, *self.arguments],
        )
        leases.service.run(self.cluster_id, f"clean-{day}", job)
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {"day": day}
        return {"package": package}


class DismissClusterOperator(ClusterOperator):
    """The teardown: no cluster of that name is left, and its cost is in the book."""

    def act(self, leases: Leases, context: Any) -> int:
        return leases.dismiss(self.values["folder"], self.cluster_name)


class SweepClustersOperator(ClusterOperator):
    """Deletes from outside what no run has deleted in time."""

    def act(self, leases: Leases, context: Any) -> list[str]:
        return leases.sweep(self.values["folder"])
