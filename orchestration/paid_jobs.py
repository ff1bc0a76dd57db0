"""GPU jobs with their money: a job file's spec in, one job paid for and an entry in the book out.

`submit` reserves the money, then starts or finds the job; `settle` books what the jobs of a name did
cost by the service's own times; `sweep` cancels what is overdue. Each may be cut at any call and
repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc
from yandex.cloud.datasphere.v2.jobs import jobs_pb2 as jobs

from orchestration.datasphere_jobs import ENDED, JobFailed, JobService, JobSpec, Status
from orchestration.ledger import JOB, Ledger, Prices, Reservation
from orchestration.patience import Patience, try_each


@dataclass(frozen=True)
class PaidJobs:
    """The service, the book and the prices; `clock` tells seconds since 1970."""

    service: JobService
    ledger: Ledger
    prices: Prices
    clock: Callable[[], float]

    def submit(self, spec: JobSpec) -> str:
        """Id of the one job of that name. Raises LimitReached before anything is created."""
        found = self.service.current(spec.project_id, spec.name)
        if found:
            return str(found.id)
        dearest = max(map(self.prices.instance, spec.instances))
        self.settle(spec.project_id, spec.name)
        asked = Reservation(spec.name, JOB, dearest, spec.max_hours)
        self.ledger.open(asked, self.prices.monthly_limit, self.clock())
        try:
            return self.service.submit(spec)
        except (JobFailed, grpc.RpcError) as error:
            if not Patience.can_heal(error):
                self.settle(spec.project_id, spec.name)
            raise

    def settle(self, project_id: str, name: str) -> None:
        """Books all jobs of that name once none of them runs; a name without a job costs nothing."""
        known = self.service.named(project_id, name)
        if any(job.status not in ENDED | {Status.CREATING} for job in known):
            return
        ended = [job for job in known if job.status in ENDED and job.HasField("started_at")]
        roubles = sum(minutes_of(job) / 60 * self._price(job) for job in ended)
        self.ledger.book(name, sum(map(minutes_of, ended)), roubles, self.clock())

    def _price(self, job: jobs.Job) -> float:
        """By the instance it ran on; where the service does not tell, the dearest known."""
        name = job.actual_cloud_instance_type.name
        return self.prices.instance_hour.get(name, max(self.prices.instance_hour.values()))

    def sweep(self, project_id: str, prefix: str, max_age_s: float) -> list[str]:
        """Cancels what of ours has run for too long, and settles what nobody settled; ids of the
        cancelled."""
        now_s = self.clock()
        try:
            return self.service.sweep(project_id, prefix, max_age_s, now_s)
        finally:
            over = self._over(project_id, now_s)
            try_each(lambda name: self.settle(project_id, name), over)

    def _over(self, project_id: str, now_s: float) -> Iterator[str]:
        """Names of entries whose job has ended or never was; an earlier job of the name does not count."""
        for entry in self.ledger.still_open(JOB, now_s):
            ended = [job for job in self.service.named(project_id, entry["name"]) if job.status in ENDED]
            if entry["until_s"] < now_s or any(job.finished_at.seconds >= entry["asked_s"] for job in ended):
                yield entry["name"]


def minutes_of(job: jobs.Job) -> float:
    return max(0, job.finished_at.seconds - job.started_at.seconds) / 60
