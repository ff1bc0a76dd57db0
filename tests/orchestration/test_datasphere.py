"""GPU jobs against a DataSphere in this process, over the wire: whatever breaks, one job is paid for."""

from __future__ import annotations

import importlib.util
import random
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest
from airflow.sdk.exceptions import AirflowFailException

from orchestration import datasphere
from orchestration.datasphere_jobs import JobFailed, JobService, JobSpec
from orchestration.operators.datasphere import DataSphereJobOperator
from orchestration.patience import Patience

NAME = "orchestration_datasphere_server"
LOCATION = Path(__file__).with_name("datasphere_server.py")
loaded = importlib.util.spec_from_file_location(NAME, LOCATION)
fake = importlib.util.module_from_spec(loaded)
sys.modules[NAME] = fake
loaded.loader.exec_module(fake)

QUICK = Patience(poll_s=0.005, first_s=0.005, tries=4, call_s=5)


@pytest.fixture
def serve():
    """Serves a DataSphere with the given faults; gives it and a client over the wire."""
    started = []

    def start(*faults: tuple[str, str], **settings):
        sphere = fake.DataSphere(faults, **settings)
        serving = fake.Serving(sphere)
        channel = grpc.insecure_channel(serving.address)
        started.append((serving, channel))
        sphere.address = serving.address
        return sphere, JobService(lambda stub: stub(channel), QUICK)

    yield start
    for serving, channel in started:
        channel.close()
        serving.stop()


@pytest.fixture
def spec(tmp_path, monkeypatch) -> JobSpec:
    monkeypatch.chdir(tmp_path)
    Path("code").mkdir()
    Path("code/train.py").write_text("print('hello')")
    return JobSpec("train-2026-11-23", "p1", "python code/train.py", ["g1.1"], files=["code"])


def until_submitted(service: JobService, spec: JobSpec) -> str:
    """Submits as Airflow's retries do: again after whatever can heal."""
    for _ in range(6):
        try:
            return service.submit(spec)
        except grpc.RpcError as error:
            if not Patience.can_heal(error):
                raise
    raise AssertionError("never submitted")


def test_a_job_is_created_fed_executed_and_followed_to_its_end(serve, spec):
    sphere, service = serve()
    lines = []
    job = service.wait(service.submit(spec), lines.append)
    assert lines == ["epoch 1", "epoch 2", "done"]
    assert sphere.executed == {spec.name: 1}
    assert sphere.uploaded == {f"/{job.id}/code/train.py": b"print('hello')"}


FAULTS = [
    [("Create", "down")],
    [("Create", "lost")],
    [("Create", "late")],
    [("Execute", "down")],
    [("Execute", "lost")],
    [("Execute", "expired")],
    [("List", "down"), ("List", "expired")],
    [("Create", "lost"), ("Delete", "down")],
    [("Get", "down"), ("ReadStdLogs", "down")],
    [("Execute", "lost"), ("Get", "down"), ("Get", "expired")],
]


@pytest.mark.parametrize(
    "faults", FAULTS, ids=lambda faults: "+".join(f"{call}-{name}" for call, name in faults)
)
def test_after_every_fault_exactly_one_job_was_paid_for_and_nothing_is_left(serve, spec, faults):
    sphere, service = serve(*faults)
    lines = []
    service.wait(until_submitted(service, spec), lines.append)
    assert sphere.executed == {spec.name: 1}
    assert sphere.running() == []
    assert [job.name for job in sphere.jobs.values()] == [spec.name]
    assert lines == ["epoch 1", "epoch 2", "done"]
    assert sphere.faults == []


def test_a_second_submission_follows_the_running_job_and_takes_a_finished_one_as_it_is(serve, spec):
    sphere, service = serve()
    first = service.submit(spec)
    assert service.submit(spec) == first
    service.wait(first, lambda text: None)
    assert service.submit(spec) == first
    assert sphere.executed == {spec.name: 1}


def test_a_failed_job_is_run_again_by_the_next_submission(serve, spec):
    sphere, service = serve(ends=fake.Status.ERROR)
    with pytest.raises(JobFailed, match="ERROR"):
        service.wait(service.submit(spec), lambda text: None)
    sphere.ends = fake.Status.SUCCESS
    service.wait(service.submit(spec), lambda text: None)
    assert sphere.executed == {spec.name: 2}


@pytest.mark.parametrize(
    ("fault", "code"), [("denied", "PERMISSION_DENIED"), ("quota", "RESOURCE_EXHAUSTED")]
)
def test_what_cannot_heal_is_not_tried_again(serve, spec, fault, code):
    sphere, service = serve(("Execute", fault), ("Execute", fault))
    with pytest.raises(grpc.RpcError) as error:
        service.submit(spec)
    assert error.value.code().name == code
    assert sphere.faults == [("Execute", fault)]
    assert sphere.executed == {}


@pytest.mark.parametrize("fault", ["down", "lost", "expired"])
def test_a_cancelled_job_is_cancelled_whatever_happens_to_the_call(serve, spec, fault):
    sphere, service = serve(("Cancel", fault), looks=1000)
    service.cancel(service.submit(spec), "killed")
    assert sphere.running() == []


def test_the_sweeper_cancels_what_is_overdue_and_nothing_of_others(serve, spec):
    sphere, service = serve(looks=1000)
    ours = service.submit(spec)
    theirs = service.submit(JobSpec("somebody-elses", "p1", "true", ["g1.1"]))
    assert service.sweep("p1", "train-", max_age_s=3600, now_s=1000 + 3500) == []
    assert service.sweep("p1", "train-", max_age_s=3600, now_s=1000 + 3700) == [ours]
    assert sphere.running() == [theirs]


def test_by_hand(serve, spec, monkeypatch, capsys, tmp_path):
    sphere, _ = serve()
    monkeypatch.setenv("YC_DATASPHERE_ENDPOINT", sphere.address)
    (tmp_path / "job.toml").write_text(
        'name = "t-{day}"\nproject_id = "p1"\ncommand = "true"\ninstances = ["g1.1"]\n'
    )
    quick = ["--poll-s", "0.005"]
    assert datasphere.main([*quick, "submit", "job.toml", "--set", "day=2026-11-23"]) == 0
    assert "epoch 2" in capsys.readouterr().err
    assert datasphere.main([*quick, "logs", "job0"]) == 0
    assert "epoch 1\nepoch 2\ndone\n" in capsys.readouterr().out
    assert datasphere.main([*quick, "list", "--project", "p1"]) == 0
    assert "job0\tt-2026-11-23\tSUCCESS" in capsys.readouterr().out
    assert datasphere.main([*quick, "submit", "job.toml"]) == 2
    assert "day" in capsys.readouterr().err


def test_without_credentials_one_clear_line(monkeypatch, capsys):
    for name in ("YC_DATASPHERE_ENDPOINT", "YC_IAM_TOKEN", "YC_TOKEN", "YC_SERVICE_ACCOUNT_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert datasphere.main(["list", "--project", "p1"]) == 2
    assert "YC_IAM_TOKEN" in capsys.readouterr().err


def test_a_killed_task_cancels_its_job_and_is_not_tried_again(serve, tmp_path, monkeypatch):
    sphere, service = serve(looks=10**6)
    job_file = tmp_path / "job.toml"
    job_file.write_text('name = "t-{day}"\nproject_id = "p1"\ncommand = "true"\ninstances = ["g1.1"]\n')
    operator = DataSphereJobOperator(task_id="train", job_file=str(job_file), patience=QUICK)
    monkeypatch.setattr(DataSphereJobOperator, "service", lambda self: service)
    run = SimpleNamespace(logical_date=datetime(2026, 11, 23, 2, tzinfo=UTC))
    context = {"params": {}, "dag_run": run}
    killer = threading.Timer(0.3, operator.on_kill)
    killer.start()
    with pytest.raises(AirflowFailException, match="CANCELLED"):
        operator.execute.__wrapped__(operator, context)
    killer.join()
    assert [job.name for job in sphere.jobs.values()] == ["t-2026-11-23"]
    assert sphere.running() == []


@pytest.mark.slow
def test_two_hundred_random_faults_leave_no_orphan_and_pay_for_none_twice(serve, spec):
    seed = 20261123
    print(f"seed {seed}")
    chance = random.Random(seed)
    calls = ["Create", "Execute", "Get", "List", "Cancel", "ReadStdLogs", "Delete"]
    for _ in range(200):
        faults = [(chance.choice(calls), chance.choice(["down", "lost", "expired"])) for _ in range(2)]
        sphere, service = serve(*faults)
        service.wait(until_submitted(service, spec), lambda text: None)
        assert sphere.executed == {spec.name: 1}, faults
        assert sphere.running() == [], faults
