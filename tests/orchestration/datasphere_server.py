"""A DataSphere in this process: keeps jobs like the real one, over gRPC, with faults by name.

A fault is (call, name): `lost` does the work and drops the answer, `down` refuses before any work,
`late` lets a creation take several looks. Each fault happens once unless it is repeated in the list.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent import futures
from http.server import BaseHTTPRequestHandler, HTTPServer

import grpc
from google.protobuf.empty_pb2 import Empty
from yandex.cloud.datasphere.v2.jobs import jobs_pb2 as jobs
from yandex.cloud.datasphere.v2.jobs import project_job_service_pb2 as calls
from yandex.cloud.datasphere.v2.jobs import project_job_service_pb2_grpc as services
from yandex.cloud.operation import operation_service_pb2_grpc
from yandex.cloud.operation.operation_pb2 import Operation

Status = jobs.JobStatus
CODES = {
    "down": grpc.StatusCode.UNAVAILABLE,
    "lost": grpc.StatusCode.UNAVAILABLE,
    "expired": grpc.StatusCode.UNAUTHENTICATED,
    "denied": grpc.StatusCode.PERMISSION_DENIED,
    "quota": grpc.StatusCode.RESOURCE_EXHAUSTED,
}
MINUTES = 10
"""How long each execution takes by the service's own times."""
LOG = ["epoch 1\n", "epoch 2\n", "done\n"]


class DataSphere(services.ProjectJobServiceServicer, operation_service_pb2_grpc.OperationServiceServicer):
    """`executed` counts the paid executions of each job name; a job ends after `looks` calls of Get.

    `born_s`: when jobs are created and started, in Unix seconds.
    """

    def __init__(
        self, faults: list[tuple[str, str]] = (), looks: int = 2, ends: int = Status.SUCCESS
    ) -> None:
        self.faults, self.looks, self.ends = list(faults), looks, ends
        self.born_s = 1000
        self.jobs: dict[str, jobs.Job] = {}
        self.made = 0
        self.operations: dict[str, list] = {}
        self.executed: dict[str, int] = {}
        self.looked: dict[str, int] = {}
        self.commands: dict[str, str] = {}
        self.uploaded: dict[str, bytes] = {}
        self.lock = threading.RLock()

    def _fault(self, call: str, context, *, done: bool) -> None:
        for fault in self.faults:
            if fault[0] == call and fault[1] in CODES and (fault[1] == "lost") == done:
                self.faults.remove(fault)
                context.abort(CODES[fault[1]], f"fault {fault[1]}")

    def _known(self, job_id: str, context) -> jobs.Job:
        if job_id not in self.jobs:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no job {job_id}")
        return self.jobs[job_id]

    def Create(self, request, context):
        with self.lock:
            self._fault("Create", context, done=False)
            job = jobs.Job(id=f"job{self.made}", name=request.name, project_id=request.project_id)
            job.desc = request.desc
            job.status, job.created_at.seconds = Status.CREATING, self.born_s
            self.jobs[job.id] = job
            self.made += 1
            self.commands[job.name] = request.job_parameters.cmd
            files = [
                jobs.StorageFile(file=file, url=f"{self.storage}/{job.id}/{file.desc.path}")
                for file in request.job_parameters.input_files
            ]
            operation = Operation(id=f"create-{job.id}", done=True)
            operation.response.Pack(calls.CreateProjectJobResponse(job_id=job.id, upload_files=files))
            self._fault("Create", context, done=True)
            if ("Create", "late") in self.faults:
                self.faults.remove(("Create", "late"))
                self.operations[operation.id] = [Operation(id=operation.id), operation]
                return Operation(id=operation.id)
            return operation

    def Execute(self, request, context):
        with self.lock:
            self._fault("Execute", context, done=False)
            job = self._known(request.job_id, context)
            if job.status != Status.CREATING:
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, "already executed")
            job.status, job.started_at.seconds = Status.EXECUTING, self.born_s
            job.actual_cloud_instance_type.name = "g1.1"
            self.executed[job.name] = self.executed.get(job.name, 0) + 1
            self._fault("Execute", context, done=True)
            return Operation(id=f"execute-{job.id}")

    def Get(self, request, context):
        with self.lock:
            if hasattr(request, "operation_id"):
                steps = self.operations[request.operation_id]
                return steps.pop(0) if len(steps) > 1 else steps[0]
            self._fault("Get", context, done=False)
            job = self._known(request.job_id, context)
            if job.status == Status.EXECUTING:
                self.looked[job.id] = self.looked.get(job.id, 0) + 1
                if self.looked[job.id] > self.looks:
                    job.status, job.finished_at.seconds = self.ends, self.born_s + 60 * MINUTES
            return job

    def List(self, request, context):
        with self.lock:
            self._fault("List", context, done=False)
            found = [job for job in self.jobs.values() if job.project_id == request.project_id]
            start = int(request.page_token or 0)
            more = str(start + 2) if len(found) > start + 2 else ""
            return calls.ListProjectJobResponse(jobs=found[start : start + 2], next_page_token=more)

    def ReadStdLogs(self, request, context):
        self._known(request.job_id, context)
        for position in range(request.offset, len(LOG)):
            if position == 2:
                with self.lock:
                    self._fault("ReadStdLogs", context, done=False)
            log = calls.StdLog(content=LOG[position].encode(), type=calls.OUT)
            yield calls.ReadProjectJobStdLogsResponse(logs=[log], offset=position + 1)

    def Cancel(self, request, context):
        with self.lock:
            self._fault("Cancel", context, done=False)
            job = self._known(request.job_id, context)
            job.status, job.finished_at.seconds = Status.CANCELLED, self.born_s + 60 * MINUTES
            self._fault("Cancel", context, done=True)
            return Empty()

    def Delete(self, request, context):
        with self.lock:
            self._fault("Delete", context, done=False)
            del self.jobs[self._known(request.job_id, context).id]
            return Operation(id="delete", done=True)

    def running(self) -> list[str]:
        return [job.id for job in self.jobs.values() if job.status == Status.EXECUTING]


class Serving:
    """Serves a DataSphere on loopback with a folder for uploads: `address` for gRPC."""

    def __init__(self, sphere: DataSphere, interceptors: Sequence = ()) -> None:
        class Uploads(BaseHTTPRequestHandler):
            def do_PUT(self):
                sphere.uploaded[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *arguments):
                return

        self.uploads = HTTPServer(("127.0.0.1", 0), Uploads)
        # Its own pause between two looks for an end is half a second.
        serve = threading.Thread(target=self.uploads.serve_forever, args=[0.01], daemon=True)
        serve.start()
        sphere.storage = f"http://127.0.0.1:{self.uploads.server_port}"
        self.server = grpc.server(futures.ThreadPoolExecutor(4), interceptors=interceptors)
        services.add_ProjectJobServiceServicer_to_server(sphere, self.server)
        operation_service_pb2_grpc.add_OperationServiceServicer_to_server(sphere, self.server)
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def stop(self) -> None:
        self.server.stop(None)
        self.uploads.shutdown()
        self.uploads.server_close()
