"""The DAG cloud_train from its connection to the model at home: the real provider, SDK and triggers, a
DataSphere behind TLS, and a bucket of SeaweedFS.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from yandex.cloud.datasphere.v2.jobs import jobs_pb2
from yandex.cloud.datasphere.v2.jobs import project_job_service_pb2_grpc as services
from yandex.cloud.operation import operation_service_pb2_grpc

from orchestration import carry
from orchestration.ledger import Ledger
from orchestration.record import Storage
from orchestration.settings import load_profile

OAUTH = "oauth-secret-5d1f"
DAY = "2026-11-23"


@pytest.fixture
def sphere(beside, front_door):
    """Jobs end at the first look."""
    server = beside("datasphere_server")
    sphere = server.DataSphere(looks=0)
    sphere.born_s = int(time.time())
    uploads = server.Serving(sphere)

    def add(grpc_server) -> None:
        services.add_ProjectJobServiceServicer_to_server(sphere, grpc_server)
        operation_service_pb2_grpc.add_OperationServiceServicer_to_server(sphere, grpc_server)

    sphere.door = front_door(add, "datasphere")
    yield sphere
    uploads.stop()


@pytest.fixture
def cloud(sphere, bucket, seaweedfs, project) -> dict[str, str]:
    """Settings that lead the DAG to the sphere and to a bucket, where the job's model lies already."""
    trained = project.folder / "trained"
    trained.mkdir()
    (trained / "model.safetensors").write_bytes(b"weights")
    (trained / "metrics.json").write_text("{}")
    carry.put(trained, f"{bucket}/models/{DAY}")  # what the job's own command does
    extra = {"oauth": OAUTH, "endpoint": sphere.door.address, "folder_id": "f1"}
    return {
        **seaweedfs,
        **sphere.door.environment,
        "HOROSCOPE_PROFILE": "cloud",
        "HOROSCOPE_STORAGE": bucket,
        "AIRFLOW_VAR_HOROSCOPE_STORAGE": bucket,
        "AIRFLOW_VAR_HOROSCOPE_PROJECT": "p1",
        "AIRFLOW_CONN_YANDEXCLOUD_DEFAULT": json.dumps({"conn_type": "yandexcloud", "extra": extra}),
    }


def test_a_model_trained_there_is_paid_once_and_comes_home_whole(family, sphere, bucket, cloud, project):
    told = family("cloud_train", **cloud)["cloud_train"]
    assert (told["state"], told["tasks"]) == (
        "success",
        {name: ["success"] for name in ("due", "train", "fetch")},
    ), family.printed
    assert "epoch 2" in family.printed, "the job's output is in the task's log"
    assert sphere.executed == {f"horoscope-train-{DAY}": 1}
    recipe = load_profile("cloud").training_config
    assert f"--config {recipe} " in sphere.commands[f"horoscope-train-{DAY}"]
    assert any(path.endswith("/model_training/train.py") for path in sphere.uploaded)
    home = project.folder / "data" / "models" / DAY
    assert (home / "model.safetensors").read_bytes() == b"weights"
    (entry,) = Ledger(Storage(bucket)).entries(time.time())
    assert (entry["kind"], entry["open"], entry["minutes"]) == ("gpu job", False, 10)
    printed = family.printed + "".join(map(str, Path(project.folder).rglob("*")))
    assert OAUTH not in printed
    assert cloud["AWS_SECRET_ACCESS_KEY"] not in printed


TRAIN = "select state from task_instance where dag_id = 'cloud_train' and task_id = 'train'"


@pytest.fixture
def deferred(beside, sphere, cloud, project, tmp_path):
    """A real Airflow whose task `train` was left to the triggerer, and the job it follows."""
    real = beside("real_airflow")
    sphere.looks = 10**6
    sphere.looked_at = lambda: sphere.looked.get("job0", 0)
    environment = real.environment_of(project.environment) | cloud
    folder = tmp_path / "real"
    folder.mkdir()
    with real.RealAirflow(
        folder, project.folder, cloud["HOROSCOPE_STORAGE"], environment, "--paused"
    ) as airflow:
        airflow.wait_for_dag("cloud_train")
        airflow.command("dags", "unpause", "cloud_train")
        airflow.command(
            "dags", "trigger", "cloud_train", "--run-id", "r1", "--conf", json.dumps({"date": DAY})
        )
        airflow.until(lambda: airflow.ask(TRAIN) == [("deferred",)])
        airflow.until(sphere.looked_at)
        yield airflow
    assert airflow.left == []


def triggerers(airflow) -> list[psutil.Process]:
    family = psutil.Process(airflow.server.pid).children(recursive=True)
    return [process for process in family if "triggerer" in " ".join(process.cmdline())]


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_killed_triggerer_leaves_the_job_running_and_the_next_one_brings_it_home(
    deferred, sphere, bucket, project
):
    for process in triggerers(deferred):
        process.kill()
    looked = sphere.looked_at()
    argv = [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs"]
    with (deferred.home / "second.log").open("wb") as log:
        second = subprocess.Popen(argv, env=deferred.client, stdout=log, stderr=log)
    try:
        deferred.until(lambda: sphere.looked_at() > looked + 1)
        assert sphere.running() == ["job0"]
        sphere.looks = 0
        deferred.until(lambda: deferred.ask("select state from dag_run") == [("success",)])
    finally:
        second.terminate()
        second.wait(timeout=60)
    assert sphere.executed == {f"horoscope-train-{DAY}": 1}
    home = project.folder / "data" / "models" / DAY
    assert (home / "model.safetensors").read_bytes() == b"weights"
    (entry,) = Ledger(Storage(bucket)).entries(time.time())
    assert (entry["open"], entry["minutes"]) == (False, 10)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_deferred_task_that_a_person_marks_failed_cancels_its_job(deferred, sphere):
    deferred.patch("dags/cloud_train/dagRuns/r1/taskInstances/train", {"new_state": "failed"})
    deferred.until(lambda: sphere.running() == [], red=True)
    assert [job.status for job in sphere.jobs.values()] == [jobs_pb2.JobStatus.CANCELLED]
    deferred.until(lambda: deferred.ask("select state from dag_run") == [("failed",)], red=True)
