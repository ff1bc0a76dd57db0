"""Temporary Data Processing clusters: a `ClusterSpec` in, one running cluster, and later surely none,
out.

A cluster is known by its name, reserved before anything is created. Creation adopts what already has
the name, and deletion goes on until nothing has it, so both may be cut at any call and repeated. Labels
tell the owner and when it is overdue, for the sweeper that looks from outside.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from yandex.cloud.dataproc.v1 import (
    cluster_pb2,
    cluster_service_pb2,
    common_pb2,
    job_pb2,
    job_service_pb2,
    subcluster_pb2,
)
from yandex.cloud.dataproc.v1.cluster_service_pb2_grpc import ClusterServiceStub
from yandex.cloud.dataproc.v1.job_service_pb2_grpc import JobServiceStub
from yandex.cloud.operation.operation_service_pb2 import GetOperationRequest
from yandex.cloud.operation.operation_service_pb2_grpc import OperationServiceStub

from orchestration.patience import Patience
from orchestration.settings import BadSetting

Cluster = cluster_pb2.Cluster
Job = job_pb2.Job
OWNER = "horoscope"
DISK_TYPE = "network-ssd"
PASSING = {Cluster.CREATING, Cluster.STARTING, Cluster.STOPPING}
"""Waiting helps: it will run, or be gone."""
JOB_FAILED = {Job.ERROR, Job.CANCELLED}
JOB_ENDED = JOB_FAILED | {Job.DONE}
BLANKS = ("folder", "bucket", "account", "subnet", "security_group", "ssh_key")
"""Names in braces that a cluster file may have filled in."""


class ClusterFailed(Exception):
    """The cluster or its job did not do what was asked; the message says what."""


@dataclass(frozen=True)
class ClusterSpec:
    """What to create; read from `orchestration/jobs/cluster.toml`."""

    folder_id: str
    bucket: str
    """For the cluster's own logs."""
    service_account_id: str
    subnet_id: str
    security_group_ids: Sequence[str]
    """The hosts must reach each other and, outwards, port 443; the service creates nothing otherwise."""
    ssh_public_keys: Sequence[str]
    """At least one, or the service refuses."""
    zone: str
    preset: str
    """Size of each host; its price stands in the price file."""
    hosts: int
    """Compute hosts beside the master, all of the same preset."""
    disk_gb: int
    max_hours: float
    """After this the sweeper deletes it, and the limit is asked for this much in advance."""
    image_version: str = "2.1"

    def request(self, name: str, run: str, now_s: float) -> cluster_service_pb2.CreateClusterRequest:
        overdue = str(int(now_s + self.max_hours * 3600))
        hadoop = cluster_pb2.HadoopConfig(
            services=[cluster_pb2.HadoopConfig.YARN, cluster_pb2.HadoopConfig.SPARK],
            ssh_public_keys=self.ssh_public_keys,
        )
        parts = [self._part("master", subcluster_pb2.MASTERNODE, 1)]
        parts.append(self._part("compute", subcluster_pb2.COMPUTENODE, self.hosts))
        return cluster_service_pb2.CreateClusterRequest(
            folder_id=self.folder_id,
            name=name,
            labels={"owner": OWNER, "run": run, "overdue": overdue},
            zone_id=self.zone,
            bucket=self.bucket,
            service_account_id=self.service_account_id,
            security_group_ids=self.security_group_ids,
            config_spec=cluster_service_pb2.CreateClusterConfigSpec(
                version_id=self.image_version, hadoop=hadoop, subclusters_spec=parts
            ),
        )

    def _part(self, name: str, role: Any, hosts: int) -> cluster_service_pb2.CreateSubclusterConfigSpec:
        size = common_pb2.Resources(
            resource_preset_id=self.preset, disk_type_id=DISK_TYPE, disk_size=self.disk_gb * 2**30
        )
        return cluster_service_pb2.CreateSubclusterConfigSpec(
            name=name, role=role, resources=size, subnet_id=self.subnet_id, hosts_count=hosts
        )


def read_cluster(path: Path, values: Mapping[str, str]) -> ClusterSpec:
    """A cluster file with `{folder}`-like names replaced by `values`. Raises BadSetting."""
    try:
        return ClusterSpec(**tomllib.loads(path.read_text(encoding="utf-8").format(**values)))
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError) as error:
        raise BadSetting(
            f"expected a cluster file, found {type(error).__name__}: {error}, in {path}; repair it"
        ) from error


class ClusterService:
    """Data Processing by way of `client`, which makes a stub: an SDK's `client`, or stub(channel)."""

    def __init__(self, client: Callable[[Any], Any], patience: Patience, wait_s: float = 1800) -> None:
        self.clusters, self.jobs = client(ClusterServiceStub), client(JobServiceStub)
        self.operations = client(OperationServiceStub)
        self.patience, self.wait_s = patience, wait_s

    def all(self, folder_id: str) -> Iterator[Cluster]:
        token = ""
        while True:
            request = cluster_service_pb2.ListClustersRequest(
                folder_id=folder_id, page_size=100, page_token=token
            )
            page = self.patience.call(self.clusters.List, request)
            yield from page.clusters
            token = page.next_page_token
            if not token:
                return

    def named(self, folder_id: str, name: str) -> list[Cluster]:
        return [cluster for cluster in self.all(folder_id) if cluster.name == name]

    def ensure(
        self, spec: ClusterSpec, name: str, run: str, now_s: float, on_id: Callable[[str], None]
    ) -> Cluster:
        """The running cluster of that name, created or adopted. Raises ClusterFailed, deleting nothing.

        `on_id` is told the id as soon as the service tells it, long before the cluster runs.
        """
        operation, deadline = "", time.monotonic() + self.wait_s
        while time.monotonic() < deadline:
            found = self.named(spec.folder_id, name)
            if not found and not operation:
                operation = self._create(spec.request(name, run, now_s), on_id)
            elif found and found[0].status == Cluster.RUNNING:
                return found[0]
            elif found and found[0].status not in PASSING:
                raise ClusterFailed(f"cluster {name} is {Cluster.Status.Name(found[0].status)}")
            self._check(operation)
            self.patience.pause()
        raise ClusterFailed(f"cluster {name} is not running after {self.wait_s:g} s")

    def _create(self, request: cluster_service_pb2.CreateClusterRequest, on_id: Callable[[str], None]) -> str:
        """Id of the creating operation, empty where the answer was lost: then the name will tell."""
        try:
            answer = self.clusters.Create(request, timeout=self.patience.call_s)
            told = cluster_service_pb2.CreateClusterMetadata()
            if answer.metadata.Unpack(told):
                on_id(told.cluster_id)
            return str(answer.id)
        except grpc.RpcError as error:
            if Patience.can_heal(error) or code_of(error) == grpc.StatusCode.ALREADY_EXISTS:
                return ""
            raise

    def _check(self, operation_id: str) -> None:
        if not operation_id:
            return
        operation = self.patience.call(self.operations.Get, GetOperationRequest(operation_id=operation_id))
        if operation.done and operation.HasField("error"):
            raise ClusterFailed(f"cluster not created: {operation.error.message}")

    def find(self, folder_id: str, name: str, known_id: str) -> list[Cluster]:
        """By name, else by an id: a cluster just asked for may not be in the lists yet."""
        found = self.named(folder_id, name)
        if found or not known_id:
            return found
        try:
            request = cluster_service_pb2.GetClusterRequest(cluster_id=known_id)
            return [self.patience.call(self.clusters.Get, request)]
        except grpc.RpcError as error:
            if code_of(error) == grpc.StatusCode.NOT_FOUND:
                return []
            raise

    def delete(self, folder_id: str, name: str, known_id: str = "") -> list[Cluster]:
        """Deletes until nothing has that name; what was deleted. Raises ClusterFailed when it stays."""
        deadline, deleted = time.monotonic() + self.wait_s, {}
        while found := self.find(folder_id, name, known_id):
            for cluster in found:
                if cluster.id not in deleted and self._delete(cluster.id):
                    deleted[cluster.id] = cluster
            if time.monotonic() > deadline:
                raise ClusterFailed(
                    f"cluster {name} is still there after {self.wait_s:g} s: delete it by hand"
                )
            self.patience.pause()
        return list(deleted.values())

    def _delete(self, cluster_id: str) -> bool:
        """False where the answer tells nothing: the next look decides."""
        try:
            self.clusters.Delete(cluster_service_pb2.DeleteClusterRequest(cluster_id=cluster_id))
        except grpc.RpcError as error:
            if not Patience.can_heal(error) and code_of(error) not in (
                grpc.StatusCode.NOT_FOUND,
                grpc.StatusCode.FAILED_PRECONDITION,
            ):
                raise
            return code_of(error) == grpc.StatusCode.FAILED_PRECONDITION  # it is being deleted already
        return True

    def run(self, cluster_id: str, name: str, job: job_pb2.PysparkJob) -> Job:
        """Runs a PySpark job, or follows the one of that name. Raises ClusterFailed if it fails."""
        job_id = self._job_named(cluster_id, name) or self._start(cluster_id, name, job)
        while True:
            request = job_service_pb2.GetJobRequest(cluster_id=cluster_id, job_id=job_id)
            seen = self.patience.call(self.jobs.Get, request)
            if seen.status in JOB_FAILED:
                raise ClusterFailed(f"job {name} ended as {Job.Status.Name(seen.status)}")
            if seen.status == Job.DONE:
                return seen
            self.patience.pause()

    def _job_named(self, cluster_id: str, name: str) -> str:
        """A job that runs or is done; one that failed is left behind."""
        page = self.patience.call(self.jobs.List, job_service_pb2.ListJobsRequest(cluster_id=cluster_id))
        return next((job.id for job in page.jobs if job.name == name and job.status not in JOB_FAILED), "")

    def _start(self, cluster_id: str, name: str, job: job_pb2.PysparkJob) -> str:
        request = job_service_pb2.CreateJobRequest(cluster_id=cluster_id, name=name, pyspark_job=job)
        for _ in range(self.patience.tries):
            try:
                answer = self.jobs.Create(request, timeout=self.patience.call_s)
                told = job_service_pb2.CreateJobMetadata()
                answer.metadata.Unpack(told)
                return str(told.job_id)
            except grpc.RpcError as error:
                if not Patience.can_heal(error):
                    raise
                self.patience.pause()
                if started := self._job_named(cluster_id, name):
                    return started
        raise ClusterFailed(f"job {name} could not be started in {self.patience.tries} tries")

    def overdue(self, folder_id: str, now_s: float) -> list[Cluster]:
        """Ours that should have gone: by their label, whoever created them and whatever became of the run."""
        ours = [cluster for cluster in self.all(folder_id) if cluster.labels.get("owner") == OWNER]
        return [cluster for cluster in ours if float(cluster.labels.get("overdue", 0)) < now_s]


def code_of(error: grpc.RpcError) -> grpc.StatusCode:
    return error.code()  # type: ignore[attr-defined]  # grpc's base class does not declare it
