"""A worker killed with -9 at a call to the cloud, just before it does anything or just after it did: the
retry, another process, leaves one bill and nothing running.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import pytest

from orchestration.ledger import Ledger
from orchestration.record import Storage

REPOSITORY = Path(__file__).resolve().parents[2]

CLUSTER_WORKER = """
import sys, grpc
from pathlib import Path
from yandex.cloud.dataproc.v1.job_pb2 import PysparkJob
from orchestration.clusters import ClusterService, ClusterSpec
from orchestration.lease import Leases
from orchestration.ledger import Ledger, Prices
from orchestration.patience import Patience
from orchestration.record import Storage

address, book, now = sys.argv[1], sys.argv[2], float(sys.argv[3])
channel = grpc.insecure_channel(address)
service = ClusterService(lambda stub: stub(channel), Patience(poll_s=0.01, first_s=0.01, tries=4), wait_s=10)
leases = Leases(service, Ledger(Storage(book)), Prices(1000, {"small": 30.0}), clock=lambda: now)
spec = ClusterSpec("f1", "b1", "a1", "s1", ["g1"], ["key"], "z1", "small", hosts=1, disk_gb=32, max_hours=2)


def task(name, act):
    # As in Airflow, a task that is done is not run again and the one that was killed is.
    done = Path(book + "." + name)
    if not done.exists():
        told = act()
        done.write_text(str(told))
    return done.read_text()


made = task("provide", lambda: leases.provide(spec, "horoscope-x", "run"))
now += 1800
task("clean", lambda: service.run(made, "clean", PysparkJob(args=[])))
task("dismiss", lambda: leases.dismiss("f1", "horoscope-x"))
"""

JOB_WORKER = """
import sys, grpc
from orchestration.datasphere_jobs import JobService, JobSpec
from orchestration.ledger import Ledger, Prices
from orchestration.paid_jobs import PaidJobs
from orchestration.patience import Patience
from orchestration.record import Storage

channel = grpc.insecure_channel(sys.argv[1])
service = JobService(lambda stub: stub(channel), Patience(poll_s=0.01, first_s=0.01, tries=4))
jobs = PaidJobs(service, Ledger(Storage(sys.argv[2])), Prices(1000, {}, {"g1.1": 340}), clock=lambda: 1000.0)
spec = JobSpec("train-x", "p1", "true", ["g1.1"], max_hours=2)
service.wait(jobs.submit(spec), print)
jobs.settle("p1", "train-x")
"""


def load(name: str):
    unique = f"orchestration_{name}_killed"
    found = importlib.util.spec_from_file_location(unique, Path(__file__).with_name(f"{name}.py"))
    module = sys.modules[unique] = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


class Killer(grpc.ServerInterceptor):
    """Kills the worker at the `nth` call of `method`, before or after the service has done it."""

    def __init__(self, method: str, when: str, nth: int = 1) -> None:
        self.method, self.when, self.left, self.worker = method, when, nth, 0
        self.lock = threading.Lock()

    def intercept_service(self, continuation, details):
        handler = continuation(details)
        if not details.method.endswith(f".{self.method}") or not handler.unary_unary:
            return handler

        def behave(request, context):
            with self.lock:
                self.left -= 1
                fatal = self.left == 0
            if fatal and self.when == "before":
                self.kill(context)
            answer = handler.unary_unary(request, context)
            if fatal:
                self.kill(context)
            return answer

        return grpc.unary_unary_rpc_method_handler(
            behave, handler.request_deserializer, handler.response_serializer
        )

    def kill(self, context) -> None:
        os.kill(self.worker, signal.SIGKILL)
        context.abort(grpc.StatusCode.UNAVAILABLE, "the worker is dead")


def run_until_done(killer: Killer, program: str, *arguments: str) -> int:
    """Starts the worker again until it ends well, as a scheduler's retries do; how often it was started."""
    for started in range(1, 5):
        argv = [sys.executable, "-c", program, *arguments]
        worker = subprocess.Popen(
            argv, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        killer.worker = worker.pid
        _, err = worker.communicate(timeout=120)
        if worker.returncode == 0:
            return started
        assert worker.returncode == -signal.SIGKILL, err
    raise AssertionError("never done")


CLUSTER_CALLS = [("ClusterService/Create", 1), ("ClusterService/List", 2), ("OperationService/Get", 1)]
CLUSTER_CALLS += [("JobService/Create", 1), ("JobService/Get", 1), ("ClusterService/Delete", 1)]
CLUSTER_CALLS += [("ClusterService/List", 4)]
JOB_CALLS = [("ProjectJobService/List", 2), ("ProjectJobService/Create", 1), ("ProjectJobService/Execute", 1)]
JOB_CALLS += [("ProjectJobService/Get", 1), ("ProjectJobService/Get", 2)]


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("call", "nth"), CLUSTER_CALLS)
def test_a_killed_worker_leaves_one_cluster_bill_and_no_cluster(tmp_path, call, nth, when):
    fake, killer = load("dataproc_server"), Killer(call, when, nth)
    cloud = fake.Cloud(interceptors=[killer])
    try:
        book = str(tmp_path / "book")
        assert run_until_done(killer, CLUSTER_WORKER, cloud.address, book, str(cloud.now)) == 2
        assert (cloud.made, cloud.clusters) == (1, {})
        assert [job.status for job in cloud.jobs.values()] == [fake.Job.DONE]
        (entry,) = Ledger(Storage(book)).entries(cloud.now)
        assert (entry["open"], entry["minutes"], entry["roubles"]) == (False, 30, 30)
    finally:
        cloud.stop()


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("call", "nth"), JOB_CALLS)
def test_a_killed_worker_pays_for_one_gpu_job(tmp_path, call, nth, when):
    fake, killer = load("datasphere_server"), Killer(call, when, nth)
    sphere = fake.DataSphere()
    serving = fake.Serving(sphere, interceptors=[killer])
    try:
        book = str(tmp_path / "book")
        assert run_until_done(killer, JOB_WORKER, serving.address, book) == 2
        assert (sphere.executed, sphere.running()) == ({"train-x": 1}, [])
        (entry,) = Ledger(Storage(book)).entries(1000.0)
        assert (entry["open"], entry["minutes"]) == (False, 10)
    finally:
        serving.stop()
