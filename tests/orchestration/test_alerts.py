"""Failures reach people by every way that is set, and a way that fails tells no secret."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiosmtpd.controller import Controller

from orchestration import alerts

REPOSITORY = Path(__file__).resolve().parents[2]
FAILED = {
    "task_instance": SimpleNamespace(dag_id="horoscope_train", task_id="train", run_id="r1"),
    "exception": ValueError("no texts"),
}
TOKEN = "12345:secret-token-value"


@pytest.fixture
def telegram(monkeypatch):
    """A server in Telegram's place: what it was sent, and the status it answers."""
    received, answer = [], SimpleNamespace(status=200)

    class Server(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, json.loads(body)))
            self.send_response(answer.status)
            self.end_headers()

        def log_message(self, *arguments):
            return

    server = HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    monkeypatch.setenv("HOROSCOPE_TELEGRAM_API", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HOROSCOPE_ALERT_TELEGRAM_TOKEN", TOKEN)
    monkeypatch.setenv("HOROSCOPE_ALERT_TELEGRAM_CHAT", "42")
    yield SimpleNamespace(received=received, answer=answer)
    server.shutdown()
    server.server_close()


def test_a_failure_names_task_run_and_reason(telegram, monkeypatch):
    monkeypatch.setenv("HOROSCOPE_ALERTS", "telegram")
    alerts.report_failure(FAILED)
    text = "horoscope_train.train failed in run r1: no texts"
    assert telegram.received == [(f"/bot{TOKEN}/sendMessage", {"chat_id": "42", "text": text})]


def test_a_way_that_fails_leaves_the_others_and_tells_no_secret(telegram, monkeypatch, caplog):
    telegram.answer.status = 500
    monkeypatch.setenv("HOROSCOPE_ALERTS", "pigeon, telegram, log")
    asyncio.run(alerts.report_late(what="horoscope_publish is not over"))
    assert "ALERT late: horoscope_publish is not over" in caplog.text
    assert "alert not sent by telegram" in caplog.text
    assert "pigeon" in caplog.text
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"HOROSCOPE_ALERT_TELEGRAM_TOKEN": f"{TOKEN}\n"},  # as a secret's file ends
        {"HOROSCOPE_TELEGRAM_API": "telegram.example"},
        {"HOROSCOPE_ALERT_EMAIL": "on-call@example.com", "HOROSCOPE_SMTP": "mail:smtp"},
    ],
    ids=lambda wrong: [*wrong][-1],
)
def test_a_wrong_setting_of_one_way_leaves_the_others_and_tells_no_token(
    telegram, monkeypatch, caplog, wrong
):
    monkeypatch.setenv("HOROSCOPE_ALERTS", "telegram, email, log")
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    alerts.report_failure(FAILED)
    assert "ALERT horoscope_train.train failed" in caplog.text
    assert TOKEN not in caplog.text


def test_a_server_that_answers_nonsense_leaves_the_other_ways(monkeypatch, caplog):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HOROSCOPE_ALERTS", "telegram, log")
        monkeypatch.setenv("HOROSCOPE_TELEGRAM_API", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setenv("HOROSCOPE_ALERT_TELEGRAM_TOKEN", TOKEN)
        monkeypatch.setenv("HOROSCOPE_ALERT_TELEGRAM_CHAT", "42")
        threading.Thread(target=answer_nonsense, args=[server], daemon=True).start()
        alerts.report_failure(FAILED)
    assert "alert not sent by telegram: BadStatusLine" in caplog.text
    assert "ALERT horoscope_train.train failed" in caplog.text


def answer_nonsense(server: socket.socket) -> None:
    line, _ = server.accept()
    with line:
        line.recv(65536)
        line.sendall(b"nonsense\r\n\r\n")


def test_without_settings_alerts_go_to_the_log(monkeypatch, caplog):
    monkeypatch.delenv("HOROSCOPE_ALERTS", raising=False)
    alerts.report_failure(FAILED)
    assert "ALERT horoscope_train.train failed" in caplog.text


LATE = """
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

from orchestration.daily import daily

with DAG(**daily("Too slow for its deadline. ", "late", hours=0.001), schedule=None) as late:
    BashOperator(task_id="sleep", bash_command="sleep 20")
with DAG(**daily("Fails. ", "broken", hours=1), schedule=None) as broken:
    BashOperator(task_id="fail", bash_command="exit 3", retries=0)
"""


@pytest.mark.slow
def test_a_real_airflow_reports_a_late_run_and_a_failed_task(beside, telegram, tmp_path):
    real = beside("real_airflow")
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "late.py").write_text(LATE)
    ours = {name: value for name, value in os.environ.items() if name.startswith("HOROSCOPE_")}
    environment = real.environment_of() | ours | {"HOROSCOPE_ALERTS": "telegram"}
    options = ("--paused", "--dags", str(dags))
    with real.RealAirflow(tmp_path, REPOSITORY, str(tmp_path / "data"), environment, *options) as airflow:
        for name in ("late", "broken"):
            airflow.wait_for_dag(name)
            airflow.command("dags", "unpause", name)
            airflow.command("dags", "trigger", name, "--run-id", "r1")
        airflow.until(lambda: len(telegram.received) >= 2, red=True)
    texts = sorted(message["text"] for _, message in telegram.received)
    assert texts[0].startswith("broken.fail failed in run r1: ")
    assert texts[1] == "late: late is not over 0.001 h after its start"


class Mailbox:
    """What a mail server was given."""

    def __init__(self) -> None:
        self.received = []

    async def handle_DATA(self, server, session, envelope):
        self.received.append(message_from_bytes(envelope.content, policy=default))
        return "250 taken"


def test_a_failure_by_email_names_the_task_and_keeps_the_reason_whole(monkeypatch):
    mailbox = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        monkeypatch.setenv("HOROSCOPE_ALERTS", "email")
        monkeypatch.setenv("HOROSCOPE_ALERT_EMAIL", "team@example.org")
        monkeypatch.setenv("HOROSCOPE_SMTP", f"127.0.0.1:{port}")
        alerts.report_failure(FAILED | {"exception": ValueError("нет текстов\nsecond line")})
    finally:
        server.stop()
    (mail,) = mailbox.received
    assert mail["To"] == "team@example.org"
    assert mail["Subject"] == "horoscope_train.train failed in run r1: нет текстов"
    assert mail.get_content().strip().endswith("second line")


def test_a_mail_server_that_is_away_is_logged_and_stops_nothing(monkeypatch, caplog):
    monkeypatch.setenv("HOROSCOPE_ALERTS", "email,log")
    monkeypatch.setenv("HOROSCOPE_ALERT_EMAIL", "team@example.org")
    monkeypatch.setenv("HOROSCOPE_SMTP", "127.0.0.1:9")
    alerts.report_failure(FAILED)
    assert "alert not sent by email" in caplog.text
    assert "ALERT horoscope_train.train failed" in caplog.text
