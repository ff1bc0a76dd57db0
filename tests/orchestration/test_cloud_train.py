"""The DAG cloud_train from its connection to the model at home: the real provider, SDK and triggers, a
DataSphere behind TLS, and a bucket of SeaweedFS.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from yandex.cloud.datasphere.v2.jobs import project_job_service_pb2_grpc as services
from yandex.cloud.operation import operation_service_pb2_grpc

from orchestration import carry
from orchestration.ledger import Ledger
from orchestration.record import Storage

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


def test_a_model_trained_there_is_paid_once_and_comes_home_whole(family, sphere, bucket, seaweedfs, project):
    trained = project.folder / "trained"
    trained.mkdir()
    (trained / "model.safetensors").write_bytes(b"weights")
    (trained / "metrics.json").write_text("{}")
    carry.put(trained, f"{bucket}/models/{DAY}")  # what the job's own command does
    extra = {"oauth": OAUTH, "endpoint": sphere.door.address, "folder_id": "f1"}
    variables = {
        **seaweedfs,
        **sphere.door.environment,
        "HOROSCOPE_STORAGE": bucket,
        "AIRFLOW_VAR_HOROSCOPE_STORAGE": bucket,
        "AIRFLOW_VAR_HOROSCOPE_PROJECT": "p1",
        "AIRFLOW_CONN_YANDEXCLOUD_DEFAULT": json.dumps({"conn_type": "yandexcloud", "extra": extra}),
    }
    told = family("cloud_train", **variables)["cloud_train"]
    assert (told["state"], told["tasks"]) == (
        "success",
        {name: ["success"] for name in ("due", "train", "fetch")},
    ), family.printed
    assert "epoch 2" in family.printed, "the job's output is in the task's log"
    assert sphere.executed == {f"horoscope-train-{DAY}": 1}
    assert any(path.endswith("/model_training/train.py") for path in sphere.uploaded)
    home = project.folder / "data" / "models" / DAY
    assert (home / "model.safetensors").read_bytes() == b"weights"
    (entry,) = Ledger(Storage(bucket)).entries(time.time())
    assert (entry["kind"], entry["open"], entry["minutes"]) == ("gpu job", False, 10)
    printed = family.printed + "".join(map(str, Path(project.folder).rglob("*")))
    assert OAUTH not in printed
    assert seaweedfs["AWS_SECRET_ACCESS_KEY"] not in printed
