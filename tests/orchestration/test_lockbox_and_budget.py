"""Secrets from Lockbox and the cloud's own budget, by the real SDK and Airflow provider over TLS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from yandex.cloud.billing.v1 import budget_pb2, budget_service_pb2, budget_service_pb2_grpc
from yandex.cloud.lockbox.v1 import (
    payload_pb2,
    payload_service_pb2_grpc,
    secret_pb2,
    secret_service_pb2,
    secret_service_pb2_grpc,
)
from yandex.cloud.operation.operation_pb2 import Operation

REPOSITORY = Path(__file__).resolve().parents[2]
OAUTH = "oauth-secret-5d1f"
VALUES = {
    "s1": {"AWS_ACCESS_KEY_ID": "key-19fe", "AWS_SECRET_ACCESS_KEY": "secret-77b0"},
    "s2": {"TELEGRAM_BOT_TOKEN": "7:telegram-40d1"},
    "s3": {"value": "s3://from-lockbox"},
}
NAMES = {"s1": "storage-key", "s2": "bot", "s3": "airflow/variables/horoscope_storage"}


class Secrets(secret_service_pb2_grpc.SecretServiceServicer):
    def List(self, request, context):
        found = [secret_pb2.Secret(id=key, name=name) for key, name in NAMES.items()]
        return secret_service_pb2.ListSecretsResponse(secrets=found)


class Payloads(payload_service_pb2_grpc.PayloadServiceServicer):
    def Get(self, request, context):
        if request.secret_id not in VALUES:
            context.abort(
                payload_service_pb2_grpc.grpc.StatusCode.PERMISSION_DENIED, "no right to that secret"
            )
        entries = [
            payload_pb2.Payload.Entry(key=key, text_value=value)
            for key, value in VALUES[request.secret_id].items()
        ]
        return payload_pb2.Payload(entries=entries)


@pytest.fixture
def lockbox(front_door):
    def add(server) -> None:
        secret_service_pb2_grpc.add_SecretServiceServicer_to_server(Secrets(), server)
        payload_service_pb2_grpc.add_PayloadServiceServicer_to_server(Payloads(), server)

    return front_door(add, "lockbox", "lockbox-payload")


def run(door, *argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "YC_"))},
        **door.environment,
        "YC_TOKEN": OAUTH,
        "YC_ENDPOINT": door.address,
        "PYTHONPATH": str(REPOSITORY),
        **variables,
    }
    return subprocess.run(
        [sys.executable, *argv], env=environment, capture_output=True, text=True, timeout=60
    )


PRINTS = "import os; print([os.environ.get(n) for n in ('AWS_SECRET_ACCESS_KEY', 'TELEGRAM_BOT_TOKEN')])"


def test_a_command_gets_the_secrets_in_its_environment_and_nothing_prints_them(lockbox):
    done = run(lockbox, "-m", "orchestration.lockbox", "s1", "s2", "--", sys.executable, "-c", PRINTS)
    assert done.stdout == "['secret-77b0', '7:telegram-40d1']\n", done.stderr
    assert "AWS_SECRET_ACCESS_KEY" in done.stderr
    assert [value for secret in VALUES.values() for value in secret.values() if value in done.stderr] == []


def test_what_the_environment_has_goes_before_lockbox(lockbox):
    own = {"TELEGRAM_BOT_TOKEN": "own"}
    done = run(lockbox, "-m", "orchestration.lockbox", "s2", "--", sys.executable, "-c", PRINTS, **own)
    assert done.stdout == "[None, 'own']\n"


def test_a_secret_without_the_right_to_it_starts_nothing(lockbox):
    done = run(lockbox, "-m", "orchestration.lockbox", "s9", "--", sys.executable, "-c", "print('started')")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: expected the secrets of Lockbox, found PERMISSION_DENIED")


def test_airflow_reads_its_variables_from_lockbox_by_the_settings_of_the_machine(lockbox, tmp_path):
    settings = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__SECRETS__BACKEND": "airflow.providers.yandex.secrets.lockbox.LockboxSecretBackend",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(
            {"folder_id": "f1", "yc_oauth_token": OAUTH, "endpoint": lockbox.address}
        ),
    }
    program = (
        "from airflow.secrets.base_secrets import BaseSecretsBackend\n"
        "from airflow.configuration import ensure_secrets_loaded\n"
        "backend = ensure_secrets_loaded()[0]\n"
        "print(type(backend).__name__, backend.get_variable('horoscope_storage'))"
    )
    done = run(lockbox, "-c", program, **settings)
    assert done.stdout.splitlines()[-1:] == ["LockboxSecretBackend s3://from-lockbox"], done.stderr


class Budgets(budget_service_pb2_grpc.BudgetServiceServicer):
    def __init__(self) -> None:
        self.made = []

    def List(self, request, context):
        budgets = [budget_pb2.Budget(name=made.name) for made in self.made]
        return budget_service_pb2.ListBudgetsResponse(budgets=budgets)

    def Create(self, request, context):
        self.made.append(request)
        return Operation(id="o1", done=True)


def test_a_budget_is_made_once_and_tells_at_half_at_nine_tenths_and_at_all(front_door):
    budgets = Budgets()
    door = front_door(
        lambda server: budget_service_pb2_grpc.add_BudgetServiceServicer_to_server(budgets, server), "billing"
    )
    where = ["--billing-account", "dn2", "--cloud", "c1", "--folder", "f1"]
    argv = ["-m", "orchestration.budget", *where, "--amount", "5000", "--notify", "u1"]
    told = [json.loads(run(door, *argv).stdout)["budget"] for _ in range(2)]
    assert told == ["created", "found"]
    (made,) = budgets.made
    spec = made.cost_budget_spec
    assert [(rule.type, rule.amount) for rule in spec.threshold_rules] == [
        (budget_pb2.PERCENT, share) for share in ("50", "90", "100")
    ]
    assert (spec.amount, list(spec.notification_user_account_ids)) == ("5000", ["u1"])
    assert spec.filter.cloud_folders_filters[0].folder_ids == ["f1"]
