"""One round of deliveries by a program that ends: for schedulers, against a Bot API on loopback."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from pathlib import Path

import pytest
from telegram_server import TOKEN, TelegramServer

from serving.bot import once
from serving.bot.subscribers import Chat, Subscribers
from serving.days import MOSCOW, PublishedDays

EIGHT = dt.datetime(2026, 11, 23, 8, 0, tzinfo=MOSCOW)


@pytest.fixture
def telegram():
    with TelegramServer() as server:
        yield server


@pytest.fixture
def deliver(telegram, storage, tmp_path, monkeypatch, capsys):
    """The program at eight in the morning: its exit code, JSON line and errors."""
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
    monkeypatch.setattr(once, "utc_now", lambda: EIGHT)

    def run() -> tuple[int, dict, str]:
        argv = ["--storage", str(storage), "--state", str(tmp_path / "bot.db"), "--api-url", telegram.url]
        code = once.main(argv)
        out, err = capsys.readouterr()
        return code, json.loads(out.splitlines()[-1]), err

    with contextlib.closing(Subscribers(str(tmp_path / "bot.db"))) as subscribers:
        for chat in range(1, 31):
            subscribers.save(Chat(chat, "leo", deliver_minute=8 * 60))
    return run


def test_everyone_due_gets_one_message_and_a_second_call_sends_none(telegram, deliver):
    assert deliver()[1]["rows_out"] == 30
    assert deliver()[1]["rows_out"] == 0
    assert {chat: len(sent) for chat, sent in telegram.messages.items()} == dict.fromkeys(range(1, 31), 1)


def test_while_telegram_is_away_the_call_fails_and_the_next_one_sends_everything(telegram, deliver):
    address, telegram.url = telegram.url, "http://127.0.0.1:9"
    code, line, err = deliver()
    assert (code, line["outcome"]) == (1, "failed")
    expected = "error: expected the Bot API to take every message, found {'released'"
    assert err.splitlines()[-1].startswith(expected)
    assert TOKEN not in err
    telegram.url = address
    assert deliver()[0] == 0
    assert {chat: len(sent) for chat, sent in telegram.messages.items()} == dict.fromkeys(range(1, 31), 1)


def test_days_that_cannot_be_read_fail_the_call_and_the_next_one_sends_everything(
    telegram, deliver, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(PublishedDays, "_list_days", lambda days: Path("/gone/bucket").stat())
        code, line, err = deliver()
    assert (code, line["outcome"]) == (1, "failed")
    assert err.startswith("error: expected readable published days, found {'storage': ")
    assert deliver()[1]["rows_out"] == 30


def test_a_damaged_database_is_one_clear_line(deliver, tmp_path):
    (tmp_path / "bot.db").write_text("this was a database before the disk was full")
    code, line, err = deliver()
    assert (code, line["outcome"], err.count("\n")) == (2, "failed", 1)
    assert err.startswith("error: expected a database for what the bot remembers, found DatabaseError")


def test_without_a_token_one_clear_line(deliver, monkeypatch):
    monkeypatch.delenv("TELEGRAM_BOT_TOKEN")
    code, _, err = deliver()
    assert (code, err.startswith("error: expected a bot's token")) == (2, True)
