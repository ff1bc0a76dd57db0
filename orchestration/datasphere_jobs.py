"""GPU jobs of DataSphere, paid for once: a `JobSpec` in, one remote job and its end out.

A job is known by its name, which follows from what it is to do. Before anything is created the project
is searched for that name: a job that runs is followed, one that has succeeded is taken as it is, one
that was created and never executed is deleted. So a submission may be cut at any call and repeated, and
still only one job is ever executed.
"""

from __future__ import annotations

import hashlib
import math
import time
import tomllib
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from yandex.cloud.datasphere.v2.jobs import jobs_pb2 as jobs
from yandex.cloud.datasphere.v2.jobs import project_job_service_pb2 as calls
from yandex.cloud.datasphere.v2.jobs.project_job_service_pb2_grpc import ProjectJobServiceStub
from yandex.cloud.operation.operation_service_pb2 import GetOperationRequest
from yandex.cloud.operation.operation_service_pb2_grpc import OperationServiceStub

from orchestration.patience import Patience, try_each
from orchestration.settings import BadSetting

Status = jobs.JobStatus
RUNNING = {Status.EXECUTING, Status.UPLOADING_OUTPUT, Status.PREPARING}
ENDED = {Status.SUCCESS, Status.ERROR, Status.CANCELLED}
DATA_TTL_S = 14 * 24 * 3600
ABANDONED_S = 15 * 60
"""So long a job of another may wait for its files before it counts as left behind."""


class JobFailed(Exception):
    """The remote job ended and did not succeed; the message says how."""


@dataclass(frozen=True)
class JobSpec:
    """What to run and on what; read from a TOML file such as `orchestration/jobs/train.toml`."""

    name: str
    """Also the key under which a repeated submission finds the job again."""
    project_id: str
    command: str
    """One shell command, run in the job's folder; it writes its results to the bucket itself."""
    instances: Sequence[str]
    """Instance types in order of preference: g1.* has V100, g2.* A100."""
    max_hours: float
    """After this it is cancelled, and the limit is asked for this much in advance."""
    files: Sequence[str] = ()
    """Local files and whole folders that go along, under the same relative paths."""
    variables: dict[str, str] = field(default_factory=dict)
    python_version: str = "3.11"
    requirements: str = ""
    """A requirements file of this machine; its lines are installed there."""
    submitter: str = ""
    """Who asks: what an earlier try of the same one left unexecuted is removed, another's is given way to."""

    def all_files(self) -> list[Path]:
        named = [Path(path) for path in self.files]
        inside = [
            file
            for path in named
            if path.is_dir()
            for file in sorted(path.rglob("*"))
            if file.is_file() and "__pycache__" not in file.parts
        ]
        return [file for file in named + inside if file.is_file() and "__pycache__" not in file.parts]

    def request(self) -> calls.CreateProjectJobRequest:
        files = [
            jobs.File(
                desc=jobs.FileDesc(path=str(path)), size_bytes=path.stat().st_size, sha256=sha256_of(path)
            )
            for path in self.all_files()
        ]
        python = jobs.PythonEnv(
            python_version=self.python_version, requirements=requirement_lines(self.requirements)
        )
        parameters = jobs.JobParameters(
            input_files=files,
            cmd=self.command,
            env=jobs.Environment(vars=self.variables, python_env=python),
            cloud_instance_types=[jobs.CloudInstanceType(name=name) for name in self.instances],
        )
        return calls.CreateProjectJobRequest(
            project_id=self.project_id,
            name=self.name,
            desc=self.submitter,
            job_parameters=parameters,
            data_ttl=Duration(seconds=DATA_TTL_S),
        )


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def requirement_lines(file: str) -> list[str]:
    """Without comments and empty lines."""
    lines = Path(file).read_text(encoding="utf-8").splitlines() if file else []
    return [bare for line in lines if (bare := line.partition("#")[0].strip())]


def read_spec(path: Path, **values: str) -> JobSpec:
    """A job file with `{day}`-like names in it replaced by `values`. Raises BadSetting."""
    try:
        settings: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8").format(**values))
        return JobSpec(**settings)
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError) as error:
        raise BadSetting(
            f"expected a job file, found {type(error).__name__}: {error}, in {path}; repair it"
        ) from error


class Contended(Exception):
    """Somebody else submits a job of this name at the same moment; the message says what to do."""


class JobService:
    """DataSphere by way of `client`, which makes a stub (an SDK's `client`, or a stub class over a channel).

    Calls wait out short outages; what cannot heal is raised at once.
    """

    def __init__(self, client: Callable[[Any], Any], patience: Patience) -> None:
        self.jobs, self.operations = client(ProjectJobServiceStub), client(OperationServiceStub)
        self.patience = patience

    def submit(self, spec: JobSpec) -> str:
        """The id of the one job of this name that runs or has succeeded; starts it if there is none.

        Raises Contended for all but the first of those who try at once: none of them has paid.
        """
        if found := self.current(spec.project_id, spec.name):
            return str(found.id)
        for job in self.named(spec.project_id, spec.name):
            if job.status == Status.CREATING and job.desc == spec.submitter:
                self._remove(job.id)
        created = self._create(spec)
        for file in created.upload_files:
            upload(Path(file.file.desc.path), file.url)
        self._give_way(spec, created.job_id)
        self._execute(created.job_id)
        return str(created.job_id)

    def current(self, project_id: str, name: str) -> jobs.Job | None:
        """The job of that name that runs, else one that has succeeded."""
        wanted = [job for job in self.named(project_id, name) if job.status in RUNNING | {Status.SUCCESS}]
        return next((job for job in wanted if job.status in RUNNING), wanted[0] if wanted else None)

    def _create(self, spec: JobSpec) -> calls.CreateProjectJobResponse:
        # Not repeated here: an answer lost on the way leaves an unpaid job that the next submission deletes.
        operation = self.jobs.Create(spec.request(), timeout=self.patience.call_s)
        while not operation.done:
            self.patience.pause()
            operation = self.patience.call(
                self.operations.Get, GetOperationRequest(operation_id=operation.id)
            )
        if operation.HasField("error"):
            raise JobFailed(f"not created: {operation.error.message}")
        response = calls.CreateProjectJobResponse()
        operation.response.Unpack(response)
        return response

    def _give_way(self, spec: JobSpec, job_id: str) -> None:
        """The service lets many jobs have one name, and only executing costs: so the later ones leave."""
        alive = {job.id: job for job in self.named(spec.project_id, spec.name) if job.status not in ENDED}
        own = alive.pop(job_id, None)
        for job in alive.values():
            age_s = own.created_at.seconds - job.created_at.seconds if own else 0
            if job.status == Status.CREATING and age_s > ABANDONED_S:
                self._remove(job.id)
            elif age_s >= 0:
                self._remove(job_id)
                raise Contended(
                    f"expected nobody else to submit {spec.name}, found {job.desc or 'another'} at it; "
                    "nothing was paid for this try: try again to follow that job"
                )

    def _remove(self, job_id: str) -> None:
        try:
            self.patience.call(self.jobs.Delete, calls.DeleteProjectJobRequest(job_id=job_id))
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:  # type: ignore[attr-defined]
                raise

    def _execute(self, job_id: str) -> None:
        """A job can be executed once: a refusal because it already runs means an earlier call had arrived."""
        try:
            self.patience.call(self.jobs.Execute, calls.ExecuteProjectJobRequest(job_id=job_id))
        except grpc.RpcError as error:
            if self.get(job_id).status not in RUNNING | ENDED:
                raise error

    def get(self, job_id: str) -> jobs.Job:
        return self.patience.call(self.jobs.Get, calls.GetProjectJobRequest(job_id=job_id))

    def all(self, project_id: str) -> Iterator[jobs.Job]:
        token = ""
        while True:
            request = calls.ListProjectJobRequest(project_id=project_id, page_size=100, page_token=token)
            page = self.patience.call(self.jobs.List, request)
            yield from page.jobs
            token = page.next_page_token
            if not token:
                return

    def named(self, project_id: str, name: str) -> list[jobs.Job]:
        return [job for job in self.all(project_id) if job.name == name]

    def logs(self, job_id: str, offset: int = 0) -> Iterator[tuple[int, str]]:
        """What the job has printed from `offset` on: the offset to go on from, and the text."""
        try:
            request = calls.ReadProjectJobStdLogsRequest(job_id=job_id, offset=offset)
            for answer in self.jobs.ReadStdLogs(request, timeout=self.patience.call_s):
                for log in answer.logs:
                    yield answer.offset, log.content.decode("utf-8", "replace")
        except grpc.RpcError as error:
            if not self.patience.can_heal(error):
                raise

    def cancel(self, job_id: str, reason: str) -> None:
        request = calls.CancelProjectJobRequest(job_id=job_id, reason=reason)
        try:
            self.patience.call(self.jobs.Cancel, request)
        except grpc.RpcError:
            if self.get(job_id).status not in ENDED | {Status.CANCELLING}:
                raise

    def cancel_named(self, project_id: str, name: str, reason: str) -> None:
        """Cancels what runs under that name; a job never executed is deleted by the next submission."""
        for job in self.named(project_id, name):
            if job.status in RUNNING:
                self.cancel(job.id, reason)

    def look(self, job_id: str, offset: int) -> tuple[jobs.Job, list[str], int]:
        """The job as it is now, the lines it printed since `offset`, and the offset to go on from."""
        job, lines = self.get(job_id), []
        for reached, text in self.logs(job_id, offset):
            offset = reached
            lines += text.splitlines()
        return job, lines, offset

    def follow(
        self, job_id: str, on_line: Callable[[str], Any] = print, until_s: float = math.inf
    ) -> jobs.Job:
        """Follows a job and its output to its end, or until the clock shows `until_s`."""
        offset = 0
        while True:
            job, lines, offset = self.look(job_id, offset)
            for line in lines:
                on_line(line)
            if job.status in ENDED or time.time() > until_s:
                return job
            self.patience.pause()

    def wait(self, job_id: str, on_line: Callable[[str], Any] = print) -> jobs.Job:
        """Follows a job to its end. Raises JobFailed."""
        return self.succeeded(self.follow(job_id, on_line))

    def ended(self, job_id: str, reason: str) -> jobs.Job:
        """The job as it ended; one that still runs is cancelled for `reason`."""
        if self.get(job_id).status not in ENDED:
            self.cancel(job_id, reason)
        return self.follow(job_id, lambda line: None)

    def succeeded(self, job: jobs.Job) -> jobs.Job:
        if job.status != Status.SUCCESS:
            raise JobFailed(
                f"job {job.id} ended as {Status.Name(job.status)}: {job.status_details or 'no details'}; "
                f"its output: python -m orchestration.datasphere logs {job.id}"
            )
        return job

    def sweep(self, project_id: str, prefix: str, max_age_s: float, now_s: float) -> list[str]:
        """Cancels what of ours has been going on for too long; ids of what was cancelled."""
        overdue = [
            job.id
            for job in self.all(project_id)
            if job.name.startswith(prefix)
            and job.status in RUNNING
            and now_s - job.created_at.seconds > max_age_s
        ]
        try_each(lambda job_id: self.cancel(job_id, "overdue"), overdue)
        return overdue


def upload(path: Path, url: str) -> None:
    request = urllib.request.Request(url, path.read_bytes(), method="PUT")
    with urllib.request.urlopen(request, timeout=600):
        return
