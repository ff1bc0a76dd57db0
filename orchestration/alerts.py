"""Tells people that something failed or is late: an Airflow context in, one short message out to where
settings say.

HOROSCOPE_ALERTS names the ways, comma between: `log` (default), `telegram`, `email`. Telegram takes
HOROSCOPE_ALERT_TELEGRAM_TOKEN and HOROSCOPE_ALERT_TELEGRAM_CHAT (and HOROSCOPE_TELEGRAM_API for another
server); e-mail takes HOROSCOPE_ALERT_EMAIL and HOROSCOPE_SMTP (host:port). A way that fails is logged,
without its secrets, and the others still go out.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import smtplib
import urllib.request
from collections.abc import Mapping
from email.message import EmailMessage
from typing import Any

log = logging.getLogger(__name__)
TIMEOUT_S = 10


def report_failure(context: Mapping[str, Any]) -> None:
    """Airflow's `on_failure_callback` of every task."""
    task = context["task_instance"]
    send(f"{task.dag_id}.{task.task_id} failed in run {task.run_id}: {context.get('exception', 'no reason')}")


async def report_late(what: str = "a run", **context: Any) -> None:
    """Airflow's deadline callback, run by the triggerer: `what` says what is missing and by when it was
    wanted."""
    await asyncio.to_thread(send, f"late: {what}")


def send(message: str) -> None:
    for way in map(str.strip, os.environ.get("HOROSCOPE_ALERTS", "log").split(",")):
        try:
            WAYS[way](message)
        except KeyError as error:
            log.error("alert not sent by %r: %s is not set, or no such way (%s)", way, error, ", ".join(WAYS))
        except Exception as error:  # noqa: BLE001 - a refused address or a strange answer; its words may hold the token
            log.error("alert not sent by %s: %s", way, type(error).__name__)


def to_log(message: str) -> None:
    log.error("ALERT %s", message)


def to_telegram(message: str) -> None:
    server = os.environ.get("HOROSCOPE_TELEGRAM_API", "https://api.telegram.org")
    token, chat = os.environ["HOROSCOPE_ALERT_TELEGRAM_TOKEN"], os.environ["HOROSCOPE_ALERT_TELEGRAM_CHAT"]
    body = json.dumps({"chat_id": chat, "text": message[:4000]}).encode()
    request = urllib.request.Request(
        f"{server}/bot{token}/sendMessage", body, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_S):
        return


def to_email(message: str) -> None:
    mail = EmailMessage()
    mail["To"] = mail["From"] = os.environ["HOROSCOPE_ALERT_EMAIL"]
    mail["Subject"] = message.splitlines()[0][:150]
    mail.set_content(message)
    host, _, port = os.environ.get("HOROSCOPE_SMTP", "localhost:25").partition(":")
    with smtplib.SMTP(host, int(port or 25), timeout=TIMEOUT_S) as server:
        server.send_message(mail)


WAYS = {"log": to_log, "telegram": to_telegram, "email": to_email}
