"""Peers that several packages' tests talk to. All of them listen on loopback and end with the tests."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

START_S = 60


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory):
    """A real S3 server. Yields the environment that reaches it: AWS_ENDPOINT_URL, keys, region."""
    folder = tmp_path_factory.mktemp("seaweedfs")
    key, secret = uuid.uuid4().hex[:16], uuid.uuid4().hex
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": key, "secretKey": secret}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "identities.json").write_text(json.dumps({"identities": [identity]}))
    ports = free_ports(4)
    program = Path(sys.executable).with_name("weed")
    command = [
        program, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3",
        "-master.telemetry=false", f"-s3.config={folder / 'identities.json'}",
        f"-master.port={ports[0]}", f"-volume.port={ports[1]}",
        f"-filer.port={ports[2]}", f"-s3.port={ports[3]}", "-s3.port.iceberg=0", "-s3.port.lance=0",
        "-volume.max=2000", "-master.volumeSizeLimitMB=64",
    ]  # fmt: skip
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports[3]}",
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_until_it_stores(environment, server, folder / "log")
        yield environment
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # asked nicely it takes 26 s
        server.wait()


@pytest.fixture
def bucket(seaweedfs, monkeypatch):
    """The address of a new bucket, `s3://…`, in an environment where every tool reaches it."""
    for name, value in seaweedfs.items():
        monkeypatch.setenv(name, value)
    name = f"horoscopes-{uuid.uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(Bucket=name)
    return f"s3://{name}"


def free_ports(count):
    """Ports whose gRPC twins (+10000) exist too: below 55535."""
    ports = []
    while len(ports) < count:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = 10_000 + probe.getsockname()[1] % 22_000
        with socket.socket() as probe, socket.socket() as twin:
            try:
                probe.bind(("127.0.0.1", port))
                twin.bind(("127.0.0.1", port + 10_000))
                ports.append(port)
            except OSError:
                continue
    return ports


def wait_until_it_stores(environment, server, log):
    names = ("endpoint_url", "aws_access_key_id", "aws_secret_access_key", "region_name")
    quick = Config(connect_timeout=1, read_timeout=5, retries={"max_attempts": 0})
    client = boto3.client("s3", config=quick, **dict(zip(names, environment.values(), strict=True)))
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if "ready" not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
                client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="ready", Body=b"ready")
            return
        except (BotoCoreError, ClientError):
            time.sleep(0.3)
    raise RuntimeError(f"weed did not start in {START_S} s: {log.read_text()[-2000:]}")
