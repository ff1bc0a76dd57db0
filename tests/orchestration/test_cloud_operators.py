"""The cloud operators by way of Airflow's connection, the real provider and SDK, over TLS to services
in this process."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from yandex.cloud.dataproc.v1 import cluster_service_pb2_grpc, job_service_pb2_grpc
from yandex.cloud.operation import operation_service_pb2_grpc

REPOSITORY = Path(__file__).resolve().parents[2]
NAME = "orchestration_dataproc_server_tls"
loaded = importlib.util.spec_from_file_location(NAME, Path(__file__).with_name("dataproc_server.py"))
fake = importlib.util.module_from_spec(loaded)
sys.modules[NAME] = fake
loaded.loader.exec_module(fake)

OAUTH, IAM = "oauth-secret-5d1f", "t1.iam-token-77aa"

PROGRAM = """
import json, sys
from types import SimpleNamespace
from datetime import datetime, timezone
from orchestration.clusters import BLANKS
from orchestration.operators import cluster
from orchestration.patience import Patience

folder, prices = sys.argv[1:3]
values = {**dict.fromkeys(BLANKS, "x"), "folder": "f1"}
quick = Patience(poll_s=0.01, first_s=0.01, tries=3)
shared = dict(values=values, storage=folder, price_file=prices, patience=quick)
run = SimpleNamespace(run_id="r1", logical_date=datetime(2026, 11, 23, 2, tzinfo=timezone.utc))
context = {"params": {}, "dag_run": run, "outlet_events": {}}

def execute(operator):
    return operator.execute.__wrapped__(operator, context)

name = execute(cluster.ReserveNameOperator(task_id="reserve"))
shared["cluster_name"] = name
try:
    made = execute(cluster.ProvideClusterOperator(task_id="provide", **shared))
    done = execute(cluster.CleanOnClusterOperator(task_id="clean", cluster_id=made, **shared))
    gone = execute(cluster.DismissClusterOperator(task_id="dismiss", **shared))
    print(json.dumps({"name": name, "id": made, "package": done["package"], "gone": gone}))
except Exception as error:
    print(json.dumps({"error": type(error).__name__, "told": str(error)}))
"""


@pytest.fixture
def cloud(tmp_path, front_door):
    """A cloud behind TLS that wants a token: its state, and the environment of a program that reaches it."""
    cloud = fake.Cloud()

    def add(server: grpc.Server) -> None:
        cluster_service_pb2_grpc.add_ClusterServiceServicer_to_server(fake.Clusters(cloud), server)
        job_service_pb2_grpc.add_JobServiceServicer_to_server(fake.Jobs(cloud), server)
        operation_service_pb2_grpc.add_OperationServiceServicer_to_server(fake.Operations(cloud), server)

    door = front_door(add, "dataproc")
    cloud.environment = {**door.environment, "ENDPOINT": door.address}
    yield cloud
    cloud.stop()


def run(cloud, tmp_path: Path, oauth: str = OAUTH) -> tuple[dict, str]:
    """What the program told, and all it printed."""
    (tmp_path / "prices.toml").write_text('monthly_limit = 1000\n[host_hour]\n"s3-c2-m8" = 20\n')
    extra = {"endpoint": cloud.environment["ENDPOINT"], "oauth": oauth, "folder_id": "f1"}
    connection = json.dumps({"conn_type": "yandexcloud", "extra": extra})
    environment = {
        **os.environ,
        **cloud.environment,
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW_CONN_YANDEXCLOUD_DEFAULT": connection,
        "PYTHONPATH": str(REPOSITORY),
    }
    argv = [sys.executable, "-c", PROGRAM, str(tmp_path / "storage"), str(tmp_path / "prices.toml")]
    result = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1]), result.stdout + result.stderr


def test_the_dag_s_way_by_connection_provider_and_sdk(cloud, tmp_path):
    told, printed = run(cloud, tmp_path)
    assert told["name"].startswith("horoscope-2026-11-23-"), printed
    assert (told["gone"], cloud.made, cloud.clusters) == (1, 1, {})
    (job,) = cloud.jobs.values()
    assert (job.name, job.status) == ("clean-2026-11-23", fake.Job.DONE)
    assert (tmp_path / "storage" / told["package"]).exists()
    (entry,) = (tmp_path / "storage" / "ledger").rglob("*.json")
    assert json.loads(entry.read_text())["open"] is False
    assert [secret for secret in (OAUTH, IAM) if secret in printed] == []


def test_a_wrong_secret_is_refused_and_not_told(cloud, tmp_path):
    told, printed = run(cloud, tmp_path, oauth="wrong-secret-31c7")
    assert told["error"] in ("AirflowException", "AirflowFailException"), printed
    assert cloud.made == 0
    assert "wrong-secret-31c7" not in printed
