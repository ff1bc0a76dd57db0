"""A Data Processing in this process: keeps clusters and jobs like the real one, over gRPC, with faults
by name.

A fault is (call, name). `lost` does the work and drops the answer; `down`, `expired`, `denied` and
`quota` refuse before any work; `half` makes a cluster that ends in ERROR; `hidden` keeps a new cluster
out of the lists for some looks; `stuck` never lets it run. Each happens once for each time it is
listed.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent import futures

import grpc
from yandex.cloud.dataproc.v1 import cluster_pb2, cluster_service_pb2, job_pb2, job_service_pb2
from yandex.cloud.dataproc.v1 import cluster_service_pb2_grpc as cluster_services
from yandex.cloud.dataproc.v1 import job_service_pb2_grpc as job_services
from yandex.cloud.operation import operation_service_pb2_grpc
from yandex.cloud.operation.operation_pb2 import Operation

Cluster, Job = cluster_pb2.Cluster, job_pb2.Job
CODES = {
    "down": grpc.StatusCode.UNAVAILABLE,
    "lost": grpc.StatusCode.UNAVAILABLE,
    "expired": grpc.StatusCode.UNAUTHENTICATED,
    "denied": grpc.StatusCode.PERMISSION_DENIED,
    "quota": grpc.StatusCode.RESOURCE_EXHAUSTED,
}


class Faulty:
    """Faults by the call they belong to."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def fault(self, call: str, context, *, done: bool = False) -> None:
        for fault in self.cloud.faults:
            if fault[0] == call and fault[1] in CODES and (fault[1] == "lost") == done:
                self.cloud.faults.remove(fault)
                context.abort(CODES[fault[1]], f"fault {fault[1]}")

    def takes(self, call: str, name: str) -> bool:
        if (call, name) in self.cloud.faults:
            self.cloud.faults.remove((call, name))
            return True
        return False


class Clusters(Faulty, cluster_services.ClusterServiceServicer):
    def Create(self, request, context):
        cloud = self.cloud
        with cloud.lock:
            self.fault("Create", context)
            if any(cluster.name == request.name for cluster in cloud.clusters.values()):
                context.abort(grpc.StatusCode.ALREADY_EXISTS, "a cluster of that name exists")
            if not request.config_spec.hadoop.ssh_public_keys or not request.security_group_ids:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "without a public key or a security group")
            cloud.made += 1
            cluster = Cluster(id=f"c{cloud.made}", folder_id=request.folder_id, name=request.name)
            cluster.labels.update(request.labels)
            cluster.created_at.seconds = int(cloud.now)
            cluster.status = Cluster.CREATING
            cloud.clusters[cluster.id] = cluster
            cloud.becomes[cluster.id] = Cluster.ERROR if self.takes("Create", "half") else Cluster.RUNNING
            if self.takes("Create", "stuck"):
                cloud.becomes[cluster.id] = Cluster.CREATING
            if self.takes("Create", "hidden"):
                cloud.hidden[cluster.id] = 2
            self.fault("Create", context, done=True)
            operation = Operation(id=f"create-{cluster.id}")
            operation.metadata.Pack(cluster_service_pb2.CreateClusterMetadata(cluster_id=cluster.id))
            return operation

    def Get(self, request, context):
        with self.cloud.lock:
            self.fault("Get", context)
            cluster = self.cloud.clusters.get(request.cluster_id)
            if cluster is None:
                context.abort(grpc.StatusCode.NOT_FOUND, "no such cluster")
            seen = Cluster.FromString(cluster.SerializeToString())
            self.move_on(cluster)
            return seen

    def move_on(self, cluster) -> None:
        """What a look brings a step nearer to its end."""
        if cluster.status == Cluster.STOPPING:
            del self.cloud.clusters[cluster.id]
        elif cluster.status == Cluster.CREATING:
            cluster.status = self.cloud.becomes[cluster.id]

    def List(self, request, context):
        cloud = self.cloud
        with cloud.lock:
            self.fault("List", context)
            seen = []
            for cluster in list(cloud.clusters.values()):
                if cloud.hidden.get(cluster.id, 0) > 0:
                    cloud.hidden[cluster.id] -= 1
                    continue
                seen.append(Cluster.FromString(cluster.SerializeToString()))
                self.move_on(cluster)
            return cluster_service_pb2.ListClustersResponse(clusters=seen)

    def Delete(self, request, context):
        with self.cloud.lock:
            self.fault("Delete", context)
            cluster = self.cloud.clusters.get(request.cluster_id)
            if cluster is None:
                context.abort(grpc.StatusCode.NOT_FOUND, "no such cluster")
            if cluster.status == Cluster.STOPPING:
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, "is being deleted")
            cluster.status = Cluster.STOPPING
            self.fault("Delete", context, done=True)
            return Operation(id=f"delete-{cluster.id}")


class Jobs(Faulty, job_services.JobServiceServicer):
    def Create(self, request, context):
        with self.cloud.lock:
            self.fault("CreateJob", context)
            job = Job(id=f"j{len(self.cloud.jobs)}", cluster_id=request.cluster_id, name=request.name)
            job.status = Job.RUNNING
            job.pyspark_job.CopyFrom(request.pyspark_job)
            self.cloud.jobs[job.id] = job
            self.fault("CreateJob", context, done=True)
            operation = Operation(id=f"job-{job.id}")
            told = job_service_pb2.CreateJobMetadata(cluster_id=request.cluster_id, job_id=job.id)
            operation.metadata.Pack(told)
            return operation

    def Get(self, request, context):
        with self.cloud.lock:
            self.fault("GetJob", context)
            job = self.cloud.jobs[request.job_id]
            if job.status == Job.RUNNING:
                job.status = Job.ERROR if self.takes("GetJob", "fails") else Job.DONE
                return Job(id=job.id, status=Job.RUNNING)
            return job

    def List(self, request, context):
        with self.cloud.lock:
            self.fault("ListJobs", context)
            return job_service_pb2.ListJobsResponse(jobs=list(self.cloud.jobs.values()))


class Operations(Faulty, operation_service_pb2_grpc.OperationServiceServicer):
    def Get(self, request, context):
        with self.cloud.lock:
            self.fault("Operation", context)
            return Operation(id=request.operation_id)


class Cloud:
    """The state: what exists, what will become of it, which faults are to come; `now` in Unix seconds."""

    def __init__(self, faults: tuple[tuple[str, str], ...] = (), interceptors: Sequence = ()) -> None:
        self.faults, self.lock, self.now, self.made = list(faults), threading.RLock(), 1_795_000_000.0, 0
        self.clusters: dict[str, Cluster] = {}
        self.becomes: dict[str, int] = {}
        self.hidden: dict[str, int] = {}
        self.jobs: dict[str, Job] = {}
        self.server = grpc.server(futures.ThreadPoolExecutor(4), interceptors=interceptors)
        cluster_services.add_ClusterServiceServicer_to_server(Clusters(self), self.server)
        job_services.add_JobServiceServicer_to_server(Jobs(self), self.server)
        operation_service_pb2_grpc.add_OperationServiceServicer_to_server(Operations(self), self.server)
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()
        self.channel = grpc.insecure_channel(self.address)

    def client(self, stub):
        """As an SDK's `client`."""
        return stub(self.channel)

    def stop(self) -> None:
        self.channel.close()
        self.server.stop(None)
