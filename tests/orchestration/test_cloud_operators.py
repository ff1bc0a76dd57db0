"""The cloud operators by way of Airflow's connection, the real provider and SDK, over TLS to services
in this process."""

from __future__ import annotations

import datetime
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from yandex.cloud.dataproc.v1 import cluster_service_pb2_grpc, job_service_pb2_grpc
from yandex.cloud.endpoint import api_endpoint_pb2, api_endpoint_service_pb2, api_endpoint_service_pb2_grpc
from yandex.cloud.iam.v1 import iam_token_service_pb2, iam_token_service_pb2_grpc
from yandex.cloud.operation import operation_service_pb2_grpc

REPOSITORY = Path(__file__).resolve().parents[2]
NAME = "orchestration_dataproc_server_tls"
loaded = importlib.util.spec_from_file_location(NAME, Path(__file__).with_name("dataproc_server.py"))
fake = importlib.util.module_from_spec(loaded)
sys.modules[NAME] = fake
loaded.loader.exec_module(fake)

OAUTH = "oauth-secret-5d1f"
IAM = "t1.iam-token-77aa"

PROGRAM = """
import json, sys
from types import SimpleNamespace
from datetime import datetime, timezone
from orchestration.operators import cluster
from orchestration.patience import Patience

folder, prices = sys.argv[1:3]
values = {"folder": "f1", "bucket": "b", "account": "a", "subnet": "s"}
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


class Endpoints(api_endpoint_service_pb2_grpc.ApiEndpointServiceServicer):
    def __init__(self, address: str) -> None:
        self.address = address

    def List(self, request, context):
        served = [
            api_endpoint_pb2.ApiEndpoint(id=name, address=self.address)
            for name in ("iam", "dataproc", "operation")
        ]
        return api_endpoint_service_pb2.ListApiEndpointsResponse(endpoints=served)


class Tokens(iam_token_service_pb2_grpc.IamTokenServiceServicer):
    def Create(self, request, context):
        if request.yandex_passport_oauth_token != OAUTH:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "wrong token")
        return iam_token_service_pb2.CreateIamTokenResponse(iam_token=IAM)


class NeedsToken(grpc.ServerInterceptor):
    """Refuses calls of the services that a token opens when they come without it."""

    def intercept_service(self, continuation, details):
        metadata = dict(details.invocation_metadata)
        if "dataproc" in details.method and metadata.get("authorization") != f"Bearer {IAM}":
            return grpc.unary_unary_rpc_method_handler(
                lambda request, context: context.abort(grpc.StatusCode.PERMISSION_DENIED, "no token")
            )
        return continuation(details)


def certificate(folder: Path) -> tuple[bytes, bytes]:
    """Key and certificate for localhost, good for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    return key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain), made.public_bytes(pem)


@pytest.fixture
def cloud(tmp_path):
    """A cloud behind TLS that wants a token: its state, and the environment of a program that reaches it."""
    cloud = fake.Cloud()
    key, made = certificate(tmp_path)
    (tmp_path / "root.pem").write_bytes(made)
    server = grpc.server(fake.futures.ThreadPoolExecutor(4), interceptors=[NeedsToken()])
    port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([(key, made)]))
    address = f"localhost:{port}"
    api_endpoint_service_pb2_grpc.add_ApiEndpointServiceServicer_to_server(Endpoints(address), server)
    iam_token_service_pb2_grpc.add_IamTokenServiceServicer_to_server(Tokens(), server)
    cluster_service_pb2_grpc.add_ClusterServiceServicer_to_server(fake.Clusters(cloud), server)
    job_service_pb2_grpc.add_JobServiceServicer_to_server(fake.Jobs(cloud), server)
    operation_service_pb2_grpc.add_OperationServiceServicer_to_server(fake.Operations(cloud), server)
    server.start()
    cloud.environment = {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(tmp_path / "root.pem"), "ENDPOINT": address}
    yield cloud
    server.stop(None)
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
