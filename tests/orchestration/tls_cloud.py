"""A cloud's front door on loopback: TLS, a list of endpoints, and IAM tokens that every other call must
carry."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from concurrent import futures
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from yandex.cloud.endpoint import api_endpoint_pb2, api_endpoint_service_pb2, api_endpoint_service_pb2_grpc
from yandex.cloud.iam.v1 import iam_token_service_pb2, iam_token_service_pb2_grpc

OAUTH = "oauth-secret-5d1f"
IAM = "t1.iam-token-77aa"
OPEN = ("/yandex.cloud.endpoint.", "/yandex.cloud.iam.")


class Endpoints(api_endpoint_service_pb2_grpc.ApiEndpointServiceServicer):
    def __init__(self, address: str, names: tuple[str, ...]) -> None:
        self.address, self.names = address, names

    def List(self, request, context):
        served = [
            api_endpoint_pb2.ApiEndpoint(id=name, address=self.address)
            for name in ("iam", "operation", *self.names)
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
        if not details.method.startswith(OPEN) and metadata.get("authorization") != f"Bearer {IAM}":
            return grpc.unary_unary_rpc_method_handler(
                lambda request, context: context.abort(grpc.StatusCode.PERMISSION_DENIED, "no token")
            )
        return continuation(details)


def certificate() -> tuple[bytes, bytes]:
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
    plain, pem = serialization.NoEncryption(), serialization.Encoding.PEM
    return key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain), made.public_bytes(pem)


class FrontDoor:
    """Serves what `add` registers under the given endpoint names; `environment` lets a program in."""

    def __init__(self, folder: Path, add: Callable[[grpc.Server], None], *names: str) -> None:
        key, made = certificate()
        (folder / "root.pem").write_bytes(made)
        self.server = grpc.server(futures.ThreadPoolExecutor(4), interceptors=[NeedsToken()])
        port = self.server.add_secure_port("localhost:0", grpc.ssl_server_credentials([(key, made)]))
        self.address = f"localhost:{port}"
        endpoints = Endpoints(self.address, names)
        api_endpoint_service_pb2_grpc.add_ApiEndpointServiceServicer_to_server(endpoints, self.server)
        iam_token_service_pb2_grpc.add_IamTokenServiceServicer_to_server(Tokens(), self.server)
        add(self.server)
        self.server.start()
        self.environment = {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(folder / "root.pem")}

    def stop(self) -> None:
        self.server.stop(None)
