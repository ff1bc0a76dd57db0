"""GPU jobs against a DataSphere in this process, over the wire: whatever breaks, one job is paid for."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import importlib.util
import json
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from orchestration import datasphere
from orchestration.airflow_versions import AirflowFailException
from orchestration.datasphere_jobs import Contended, JobFailed, JobService, JobSpec, read_spec
from orchestration.ledger import Ledger, LimitReached, Prices
from orchestration.operators import datasphere as operators
from orchestration.operators.datasphere import DataSphereJobOperator
from orchestration.paid_jobs import PaidJobs
from orchestration.patience import Patience
from orchestration.record import Storage

REPOSITORY = Path(__file__).resolve().parents[2]
NAME = "orchestration_datasphere_server"
LOCATION = Path(__file__).with_name("datasphere_server.py")
loaded = importlib.util.spec_from_file_location(NAME, LOCATION)
fake = importlib.util.module_from_spec(loaded)
sys.modules[NAME] = fake
loaded.loader.exec_module(fake)

QUICK = Patience(poll_s=0.005, first_s=0.005, tries=4, call_s=5)


JOB_FILE = """
name = "t-{day}"
project_id = "p1"
command = "true"
instances = ["g1.1"]
max_hours = 2
"""
HOUR = 340.0


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
def paid(serve, tmp_path):
    """A DataSphere with the given faults, and jobs with a book; `clock` is settable."""

    def start(*faults: tuple[str, str], limit: float = 1000.0, **settings):
        sphere, service = serve(*faults, **settings)
        ledger = Ledger(Storage(str(tmp_path / f"book-{len(list(tmp_path.iterdir()))}")))
        sphere.now = 1000.0
        prices = Prices(limit, {}, {"g1.1": HOUR, "g2.1": 550.0})
        return sphere, PaidJobs(service, ledger, prices, clock=lambda: sphere.now)

    return start


def book(jobs: PaidJobs) -> list[dict]:
    return jobs.ledger.entries(jobs.clock())


@pytest.fixture
def spec(tmp_path, monkeypatch) -> JobSpec:
    monkeypatch.chdir(tmp_path)
    Path("code").mkdir()
    Path("code/train.py").write_text("print('hello')")
    return JobSpec("train-2026-11-23", "p1", "python code/train.py", ["g1.1"], max_hours=2, files=["code"])


def until_submitted(service: JobService | PaidJobs, spec: JobSpec) -> str:
    """Submits as Airflow's retries do: again after whatever can heal."""
    for _ in range(6):
        try:
            return service.submit(spec)
        except Contended:
            time.sleep(random.random() / 20)
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


def test_of_two_submissions_at_once_one_is_paid_and_the_other_follows_it(paid, spec):
    sphere, jobs = paid(limit=1e6)

    def submit(again: JobSpec, together: threading.Barrier, submitter: str) -> str:
        together.wait()
        return until_submitted(jobs, dataclasses.replace(again, submitter=submitter))

    for day in range(20):
        again, both = dataclasses.replace(spec, name=f"train-{day}"), threading.Barrier(2, timeout=5)
        with ThreadPoolExecutor(2) as pool:
            first, second = [pool.submit(submit, again, both, who) for who in ("airflow", "by hand")]
        assert first.result() == second.result()
        assert sphere.executed[again.name] == 1
    assert len(book(jobs)) == 20
    assert len(sphere.jobs) == 20


def test_what_another_left_unexecuted_is_given_way_to_for_a_while_and_then_removed(serve, spec):
    sphere, service = serve(("Execute", "denied"))
    with pytest.raises(grpc.RpcError):
        service.submit(dataclasses.replace(spec, submitter="airflow"))
    own = dataclasses.replace(spec, submitter="by hand")
    with pytest.raises(Contended, match="found airflow at it"):
        service.submit(own)
    sphere.born_s += 901
    service.submit(own)
    assert sphere.executed == {spec.name: 1}
    assert len(sphere.jobs) == 1


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
    theirs = service.submit(JobSpec("somebody-elses", "p1", "true", ["g1.1"], max_hours=2))
    assert service.sweep("p1", "train-", max_age_s=3600, now_s=1000 + 3500) == []
    assert service.sweep("p1", "train-", max_age_s=3600, now_s=1000 + 3700) == [ours]
    assert sphere.running() == [theirs]


def test_by_hand(serve, spec, monkeypatch, capsys, tmp_path):
    sphere, _ = serve()
    monkeypatch.setenv("YC_DATASPHERE_ENDPOINT", sphere.address)
    (tmp_path / "job.toml").write_text(JOB_FILE)
    quick, money = ["--poll-s", "0.005"], ["--storage", "book", "--prices", "prices.toml"]
    (tmp_path / "prices.toml").write_text(
        "monthly_limit = 1000\nhost_hour = {}\n[instance_hour]\n'g1.1' = 340\n"
    )
    assert datasphere.main([*quick, "submit", "job.toml", "--set", "day=2026-11-23", *money]) == 0
    assert "epoch 2" in capsys.readouterr().err
    (entry,) = [json.loads(path.read_text()) for path in (tmp_path / "book").rglob("*.json")]
    assert (entry["name"], entry["open"], entry["minutes"]) == ("t-2026-11-23", False, 10)
    assert datasphere.main([*quick, "logs", "job0"]) == 0
    assert "epoch 1\nepoch 2\ndone\n" in capsys.readouterr().out
    assert datasphere.main([*quick, "list", "--project", "p1"]) == 0
    assert "job0\tt-2026-11-23\tSUCCESS" in capsys.readouterr().out
    assert datasphere.main([*quick, "submit", "job.toml", *money]) == 2
    assert "day" in capsys.readouterr().err


def test_what_is_attached_to_or_cancelled_by_hand_is_booked_too(serve, spec, monkeypatch, capsys, tmp_path):
    sphere, _ = serve(looks=10**6)
    monkeypatch.setenv("YC_DATASPHERE_ENDPOINT", sphere.address)
    (tmp_path / "job.toml").write_text(JOB_FILE)
    (tmp_path / "prices.toml").write_text(
        "monthly_limit = 9000\nhost_hour = {}\ninstance_hour = {'g1.1' = 340}\n"
    )
    quick, money = ["--poll-s", "0.005"], ["--storage", "book", "--prices", "prices.toml"]
    for day in ("2026-11-23", "2026-11-24"):
        submit = ["submit", "job.toml", "--set", f"day={day}", "--detach", *money]
        assert datasphere.main([*quick, *submit]) == 0
    assert datasphere.main([*quick, "cancel", "job1", *money]) == 0
    sphere.looks = 0
    assert datasphere.main([*quick, "attach", "job0", *money]) == 0
    entries = [json.loads(path.read_text()) for path in (tmp_path / "book").rglob("*.json")]
    assert [(entry["open"], entry["minutes"]) for entry in entries] == [(False, 10)] * 2
    assert datasphere.main([*quick, "attach", "job7", *money]) == 1
    assert "NOT_FOUND: no job job7" in capsys.readouterr().err
    assert datasphere.main([*quick, "submit", "job.toml", "--set", "day", *money]) == 2
    assert "error: expected NAME=VALUE after --set, found 'day'" in capsys.readouterr().err


def test_without_credentials_one_clear_line(monkeypatch, capsys):
    for name in ("YC_DATASPHERE_ENDPOINT", "YC_IAM_TOKEN", "YC_TOKEN", "YC_SERVICE_ACCOUNT_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert datasphere.main(["list", "--project", "p1"]) == 2
    assert "YC_IAM_TOKEN" in capsys.readouterr().err


def test_the_money_is_reserved_before_and_booked_after_by_the_services_own_times(paid, spec):
    _, jobs = paid()
    job_id = jobs.submit(spec)
    assert [(entry["open"], entry["roubles"]) for entry in book(jobs)] == [(True, 2 * HOUR)]
    jobs.settle("p1", spec.name)
    assert book(jobs)[0]["open"], "it still runs"
    jobs.service.wait(job_id, lambda line: None)
    for _ in range(2):
        jobs.settle("p1", spec.name)
        (entry,) = book(jobs)
        assert (entry["open"], entry["minutes"], entry["roubles"]) == (False, 10, round(HOUR / 6, 2))
    assert jobs.submit(spec) == job_id
    assert book(jobs) == [entry], "what has succeeded is not paid again"


def test_a_failed_jobs_minutes_are_booked_beside_those_of_the_next(paid, spec):
    sphere, jobs = paid(ends=fake.Status.ERROR)
    jobs.service.follow(jobs.submit(spec), lambda line: None)
    sphere.ends = fake.Status.SUCCESS
    jobs.service.wait(jobs.submit(spec), lambda line: None)
    jobs.settle("p1", spec.name)
    assert [(entry["minutes"], entry["roubles"]) for entry in book(jobs)] == [(20, round(HOUR / 3, 2))]


def test_the_limit_stops_a_job_before_it_is_created(paid, spec):
    sphere, jobs = paid(limit=2 * HOUR - 1)
    with pytest.raises(LimitReached, match="raise monthly_limit"):
        jobs.submit(spec)
    assert (sphere.jobs, book(jobs)) == ({}, [])


@pytest.mark.parametrize("fault", ["denied", "quota"])
def test_a_refused_job_costs_nothing(paid, spec, fault):
    _, jobs = paid(("Create", fault))
    with pytest.raises(grpc.RpcError):
        jobs.submit(spec)
    assert [(entry["open"], entry["roubles"]) for entry in book(jobs)] == [(False, 0)]


def test_the_sweeper_books_what_a_dead_run_left_open(paid, spec):
    sphere, jobs = paid(looks=1000)
    jobs.submit(spec)
    assert jobs.sweep("p1", "train-", 7200) == []
    assert book(jobs)[0]["open"]
    sphere.now += 7201
    assert jobs.sweep("p1", "train-", 7200) == ["job0"]
    assert [(entry["open"], entry["minutes"]) for entry in book(jobs)] == [(False, 10)]


def test_the_sweeper_leaves_the_money_of_a_job_that_is_just_being_made(paid, spec, monkeypatch):
    """Beside it lies an earlier job of the same name, which failed."""
    sphere, jobs = paid(ends=fake.Status.ERROR)
    jobs.service.follow(jobs.submit(spec), lambda line: None)
    jobs.settle("p1", spec.name)
    sphere.now, create = 10_000.0, jobs.service._create

    def create_while_swept(spec: JobSpec):
        assert jobs.sweep("p1", "train-", 7200) == []
        return create(spec)

    monkeypatch.setattr(jobs.service, "_create", create_while_swept)
    jobs.submit(spec)
    assert [entry["open"] for entry in book(jobs)] == [True]


def test_one_job_that_cannot_be_cancelled_does_not_keep_the_sweeper_from_the_others(paid, spec):
    sphere, jobs = paid(looks=1000, limit=10_000)
    for day in (23, 24, 25):
        jobs.submit(dataclasses.replace(spec, name=f"train-2026-11-{day}"))
    sphere.now += 7201
    sphere.faults = [("Cancel", "denied")]
    with pytest.raises(grpc.RpcError, match="PERMISSION_DENIED"):
        jobs.sweep("p1", "train-", 7200)
    states = [fake.Status.Name(job.status) for job in sphere.jobs.values()]
    assert states == ["EXECUTING", "CANCELLED", "CANCELLED"]
    assert [entry["open"] for entry in book(jobs)] == [True, False, False]


@pytest.fixture
def task(paid, tmp_path, monkeypatch):
    """A task over a DataSphere, with what its run knows."""

    def make(deferrable: bool, max_hours: float = 2, **settings):
        sphere, jobs = paid(**settings)
        sphere.born_s = int(time.time())
        job_file = tmp_path / "job.toml"
        job_file.write_text(JOB_FILE.replace("max_hours = 2", f"max_hours = {max_hours}"))
        operator = DataSphereJobOperator(
            task_id="train",
            job_file=str(job_file),
            values={},
            storage="",
            profile="",
            patience=QUICK,
            deferrable=deferrable,
        )
        monkeypatch.setattr(DataSphereJobOperator, "jobs", lambda self: jobs)
        monkeypatch.setattr(operators, "job_service", lambda connection_id, patience: jobs.service)
        run = SimpleNamespace(run_id="r1", logical_date=datetime(2026, 11, 23, 2, tzinfo=UTC))
        return operator, {"params": {}, "dag_run": run}, sphere, jobs

    return make


def test_a_killed_task_cancels_its_job_books_it_and_is_not_tried_again(task):
    operator, context, sphere, jobs = task(deferrable=False, looks=10**6)
    killer = threading.Timer(0.3, operator.on_kill)
    killer.start()
    with pytest.raises(AirflowFailException, match="CANCELLED"):
        operator.execute.__wrapped__(operator, context)
    killer.join()
    assert [job.name for job in sphere.jobs.values()] == ["t-2026-11-23"]
    assert sphere.running() == []
    assert [(entry["open"], entry["minutes"]) for entry in book(jobs)] == [(False, 10)]


def deferred(operator: DataSphereJobOperator, context: dict) -> operators.JobTrigger:
    """The trigger that the task leaves behind, as another process gets it."""
    with pytest.raises(TaskDeferred) as left:
        operator.execute.__wrapped__(operator, context)
    path, settings = left.value.trigger.serialize()
    assert path == "orchestration.operators.datasphere.JobTrigger"
    return operators.JobTrigger(**json.loads(json.dumps(settings)))


async def fired(trigger: operators.JobTrigger) -> str:
    return (await anext(aiter(trigger.run()))).payload


def test_a_deferred_task_is_followed_by_its_trigger_and_booked(task, capsys):
    operator, context, sphere, jobs = task(deferrable=True)
    job_id = asyncio.run(fired(deferred(operator, context)))
    assert operator.finish(context, job_id) == {"job_id": job_id}
    printed = capsys.readouterr().out
    assert printed.index("epoch 1") < printed.index("epoch 2") < printed.index("done")
    assert (sphere.executed, book(jobs)[0]["open"]) == ({"t-2026-11-23": 1}, False)


def test_a_retry_of_a_deferred_task_follows_the_job_that_is_there(task):
    operator, context, sphere, _ = task(deferrable=True)
    first, second = deferred(operator, context), deferred(operator, context)
    assert first.job_id == second.job_id
    asyncio.run(fired(second))
    assert sphere.executed == {"t-2026-11-23": 1}


def test_a_deferred_task_that_is_killed_cancels_its_job_and_a_restarted_triggerer_does_not(task):
    operator, context, sphere, _ = task(deferrable=True, looks=10**6)
    trigger = deferred(operator, context)
    asyncio.run(trigger.cleanup())
    assert sphere.running() == ["job0"]
    asyncio.run(trigger.on_kill())
    assert sphere.running() == []


def test_a_job_over_its_time_is_cancelled_and_red(task):
    operator, context, sphere, jobs = task(deferrable=True, max_hours=0.0003, looks=10**6)
    job_id = asyncio.run(fired(deferred(operator, context)))
    with pytest.raises(AirflowFailException, match="CANCELLED"):
        operator.finish(context, job_id)
    assert (sphere.running(), book(jobs)[0]["open"]) == ([], False)


def test_what_goes_along_is_named_with_its_hash_and_no_compiled_files(spec, tmp_path):
    Path("code/__pycache__").mkdir()
    Path("code/__pycache__/train.pyc").write_text("machine's own")
    (sent,) = spec.request().job_parameters.input_files
    assert (sent.desc.path, sent.sha256) == (
        "code/train.py",
        hashlib.sha256(b"print('hello')").hexdigest(),
    )


def test_the_shipped_job_file_is_whole_and_sends_everything_the_job_needs(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    values = {"day": "2026-11-23", "project": "p1", "storage": "s3://b", "config": "recipe.toml"}
    spec = read_spec(Path("orchestration/jobs/train.toml"), **values)
    request = spec.request()
    sent = {file.desc.path for file in request.job_parameters.input_files}
    assert {"model_training/train.py", "orchestration/carry.py"} <= sent
    assert "--config recipe.toml --data s3://b/processed" in request.job_parameters.cmd
    assert "s3://b/models/2026-11-23" in request.job_parameters.cmd
    assert "torch" in " ".join(request.job_parameters.env.python_env.requirements)


@pytest.mark.slow
def test_two_hundred_random_faults_leave_no_orphan_and_pay_for_none_twice(paid, spec, capsys):
    seed = 20261123
    with capsys.disabled():
        print(f"seed {seed}")
    chance = random.Random(seed)
    calls = ["Create", "Execute", "Get", "List", "Cancel", "ReadStdLogs", "Delete"]
    for _ in range(200):
        faults = [(chance.choice(calls), chance.choice(["down", "lost", "expired"])) for _ in range(2)]
        sphere, jobs = paid(*faults)
        jobs.service.wait(until_submitted(jobs, spec), lambda text: None)
        jobs.settle("p1", spec.name)
        assert sphere.executed == {spec.name: 1}, faults
        assert sphere.running() == [], faults
        (entry,) = book(jobs)
        assert (entry["open"], entry["minutes"]) == (False, 10), faults
