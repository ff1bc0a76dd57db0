import asyncio
import contextlib
import datetime as dt
import json
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake_model import publish
from hypothesis import given
from hypothesis import strategies as st
from telegram_server import TOKEN, TelegramServer, message

from serving.bot.__main__ import BotSettings, main, make_bot, run_bot
from serving.bot.broadcast import IN_FLIGHT, Broadcast
from serving.bot.handlers import find_zone
from serving.bot.pace import Pace
from serving.bot.subscribers import LATEST_MINUTES, Chat, Subscribers
from serving.days import MOSCOW, PublishedDays, moscow_today, read_day

ROOT = Path(__file__).resolve().parents[2]
EIGHT = dt.datetime(2026, 11, 23, 8, 0, tzinfo=MOSCOW)


@pytest.fixture
def telegram():
    with TelegramServer() as server:
        yield server


@pytest.fixture
def subscribers(tmp_path):
    with contextlib.closing(Subscribers(tmp_path / "bot.db")) as opened:
        yield opened


@pytest.fixture
def days(storage):
    days = PublishedDays(str(storage))
    days.refresh()
    return days


def deliver(telegram, days, subscribers, now=EIGHT, per_s=1000.0):
    """One round of delivery; its outcomes."""

    async def round_of_delivery():
        bot = make_bot(BotSettings(TOKEN, telegram.url), None)
        bot.session.timeout = 1.0
        try:
            return await Broadcast(bot, days, subscribers, Pace(per_s, 0.0)).deliver(now)
        finally:
            await bot.session.close()

    return dict(asyncio.run(round_of_delivery()))


class TestDelivery:
    def test_a_subscriber_gets_his_signs_text_of_the_day_once(
        self, telegram, days, subscribers, storage, day
    ):
        subscribers.save(Chat(1, "leo", deliver_minute=8 * 60))
        assert deliver(telegram, days, subscribers) == {"sent": 1}
        assert deliver(telegram, days, subscribers) == {}
        assert len(telegram.messages[1]) == 1
        assert read_day(str(storage), day).find("leo", "general").text in telegram.messages[1][0]
        assert "23 ноября" in telegram.messages[1][0]
        assert "нейросетью" in telegram.messages[1][0]

    def test_the_hour_is_of_the_chats_own_time_zone(self, telegram, days, subscribers):
        subscribers.save(Chat(1, "leo", zone="Asia/Vladivostok", deliver_minute=15 * 60))
        subscribers.save(Chat(2, "leo", zone="Europe/Kaliningrad", deliver_minute=8 * 60))
        assert deliver(telegram, days, subscribers) == {"sent": 1}  # 15:00 there, 07:00 in Kaliningrad
        assert list(telegram.messages) == [1]

    def test_a_delivery_late_by_hours_is_left_out(self, telegram, days, subscribers):
        subscribers.save(Chat(1, "leo", deliver_minute=60))
        assert deliver(telegram, days, subscribers, EIGHT) == {}
        assert LATEST_MINUTES < 7 * 60

    def test_a_day_not_yet_published_is_waited_for_and_never_replaced(
        self, telegram, days, subscribers, storage, day
    ):
        shutil.rmtree(storage / "published" / f"date={day}")
        days.refresh()
        subscribers.save(Chat(1, "leo", deliver_minute=8 * 60))
        assert deliver(telegram, days, subscribers) == {}
        publish(storage, day)
        days.refresh()
        assert deliver(telegram, days, subscribers) == {"sent": 1}

    def test_who_blocked_the_bot_is_not_written_to_again(self, telegram, days, subscribers):
        subscribers.save(Chat(1, "leo", deliver_minute=8 * 60))
        telegram.faults[1] = [(403, {})]
        assert deliver(telegram, days, subscribers) == {"refused": 1}
        assert deliver(telegram, days, subscribers, EIGHT + dt.timedelta(days=1)) == {}
        assert subscribers.get(1).active is False

    def test_too_many_requests_is_waited_out_and_sent_once(self, telegram, days, subscribers):
        subscribers.save(Chat(1, "leo", deliver_minute=8 * 60))
        telegram.faults[1] = [(429, {"retry_after": 1})]
        started = time.monotonic()
        assert deliver(telegram, days, subscribers) == {"sent": 1}
        assert time.monotonic() - started >= 1.0
        assert len(telegram.messages[1]) == 1

    def test_a_message_whose_answer_was_lost_is_not_sent_again(self, telegram, days, subscribers, day):
        subscribers.save(Chat(1, "leo", deliver_minute=8 * 60))
        telegram.faults[1] = ["lose"]
        assert deliver(telegram, days, subscribers) == {"unknown": 1}
        assert deliver(telegram, days, subscribers) == {}
        assert len(telegram.messages[1]) == 1
        assert subscribers.count_deliveries(day) == {"unknown": 1}

    def test_while_telegram_is_down_nothing_is_lost(self, telegram, days, subscribers):
        subscribers.save(Chat(1, "leo", deliver_minute=8 * 60))
        telegram.faults[1] = [(502, {})]
        assert deliver(telegram, days, subscribers) == {"released": 1}
        nobody = TelegramServer()
        nobody.url = "http://127.0.0.1:9"
        assert deliver(nobody, days, subscribers) == {"released": 1}
        assert deliver(telegram, days, subscribers) == {"sent": 1}

    def test_two_bots_at_once_deliver_once(self, telegram, days, subscribers, tmp_path):
        for chat_id in range(1, 41):
            subscribers.save(Chat(chat_id, "leo", deliver_minute=8 * 60))

        async def both():
            bots = [make_bot(BotSettings(TOKEN, telegram.url), None) for _ in range(2)]
            with contextlib.closing(Subscribers(tmp_path / "bot.db")) as other:
                rounds = [
                    Broadcast(bot, days, known, Pace(500.0, 0.0)).deliver(EIGHT)
                    for bot, known in zip(bots, (subscribers, other), strict=True)
                ]
                await asyncio.gather(*rounds)
            for bot in bots:
                await bot.session.close()

        asyncio.run(both())
        assert [len(telegram.messages[chat_id]) for chat_id in range(1, 41)] == [1] * 40

    def test_messages_keep_the_pace(self, telegram, days, subscribers):
        for chat_id in range(1, 31):
            subscribers.save(Chat(chat_id, "leo", deliver_minute=8 * 60))
        assert deliver(telegram, days, subscribers, per_s=25.0) == {"sent": 30}
        times = sorted(at for method, _, at in telegram.calls if method == "sendMessage")
        assert times[-1] - times[0] >= 29 / 25 - 0.1


class BotProcess:
    """`python -m serving.bot` against the loopback server."""

    def __init__(self, telegram, storage, state, *options):
        command = [sys.executable, "-m", "serving.bot", "--storage", storage, "--state", state]
        command += ["--api-url", telegram.url, "--every-s", "0.1", *options]
        environment = {"TELEGRAM_BOT_TOKEN": TOKEN, "PATH": ""}
        self.process = subprocess.Popen(
            list(map(str, command)),
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def wait_until(happened, timeout_s=120):
    until = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


def subscribe_all(path, count):
    """All of `count` chats are due since a minute of today's Moscow day that is not too late; the date."""
    now = dt.datetime.now(MOSCOW)
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        rows = (
            (chat, "leo", "ru", "Europe/Moscow", max(0, now.hour * 60 + now.minute - 5), 1)
            for chat in range(1, count + 1)
        )
        db.executemany("insert into chats values (?, ?, ?, ?, ?, ?)", rows)


def killed_broadcast(telegram, tmp_path, count, kills):
    """Deliver to `count` chats while the bot is killed as random messages arrive; the states in the end."""
    today = moscow_today(dt.datetime.now(dt.UTC))
    for offset in (0, 1):
        publish(tmp_path, today + dt.timedelta(days=offset), topics=["general"])
    state = tmp_path / "bot.db"
    Subscribers(state).close()
    subscribe_all(state, count)
    dice = random.Random(7)
    arrived = 0
    for number in range(kills + 1):
        last = number == kills
        fatal = arrived + dice.randint(1, max(1, (count - arrived) // 2))
        with BotProcess(telegram, tmp_path, state, "--per-s", "2000") as bot:

            def kill(_, bot=bot, fatal=fatal, last=last):
                if not last and sum(map(len, telegram.messages.values())) >= fatal:
                    bot.process.send_signal(signal.SIGKILL)

            telegram.on_message = kill
            if last:
                wait_until(lambda: settled(state) == count, 900)
                bot.process.terminate()
                out, err = bot.process.communicate(timeout=60)
                assert bot.process.returncode == 0
                assert json.loads(out.splitlines()[-1])["step"] == "bot"
                assert TOKEN.split(":")[1] not in out + err
            else:
                bot.process.wait(900)
        arrived = sum(map(len, telegram.messages.values()))
    with contextlib.closing(sqlite3.connect(state)) as db:
        return dict(db.execute("select state, count(*) from deliveries group by state").fetchall())


def settled(state):
    with contextlib.closing(sqlite3.connect(state, timeout=30)) as db:
        return db.execute("select count(*) from deliveries where state in ('sent', 'unknown')").fetchone()[0]


def assert_at_most_one_each_and_every_gap_is_known(telegram, states, count, kills):
    got = [len(telegram.messages[chat]) for chat in range(1, count + 1)]
    assert max(got) == 1
    assert got.count(0) <= states.get("unknown", 0) <= kills * IN_FLIGHT
    assert states["sent"] + states.get("unknown", 0) == count


def test_killed_in_mid_broadcast_nobody_gets_two(telegram, tmp_path):
    states = killed_broadcast(telegram, tmp_path, 300, kills=1)
    assert_at_most_one_each_and_every_gap_is_known(telegram, states, 300, 1)


@pytest.mark.slow
def test_killed_in_mid_broadcast_of_ten_thousand_nobody_gets_two(telegram, tmp_path):
    states = killed_broadcast(telegram, tmp_path, 10_000, kills=8)
    assert_at_most_one_each_and_every_gap_is_known(telegram, states, 10_000, 8)


@pytest.fixture
def talk(telegram, storage, tmp_path, monkeypatch):
    """A bot in this process at eight in the morning of a known day; say something, get what it answered."""
    monkeypatch.setattr("serving.bot.__main__.utc_now", lambda: EIGHT)
    days = PublishedDays(str(storage))
    days.refresh()
    settings = BotSettings(TOKEN, telegram.url, per_s=1000.0, chat_interval_s=0.0, every_s=3600.0)

    def say(*pushes):
        with contextlib.closing(Subscribers(tmp_path / "talk.db")) as subscribers:

            async def conversation():
                bot = asyncio.create_task(run_bot(settings, days, subscribers))
                for push in pushes:
                    before = len(telegram.calls_that_answer())
                    push()
                    for _ in range(300):
                        await asyncio.sleep(0.02)
                        if len(telegram.calls_that_answer()) > before:
                            break
                    else:
                        raise AssertionError("the bot did not answer")
                await asyncio.sleep(0.1)
                bot.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await bot

            asyncio.run(conversation())
            return subscribers.get(1)

    answering = {"sendMessage", "answerCallbackQuery", "editMessageText", "answerInlineQuery"}
    telegram.calls_that_answer = lambda: [name for name, _, _ in telegram.calls if name in answering]
    return say


def test_start_then_element_then_sign_then_the_text(telegram, talk, storage, day):
    chat = talk(
        lambda: telegram.push_text(1, "/start"),
        lambda: telegram.push_button(1, "element:fire"),
        lambda: telegram.push_button(1, "sign:leo"),
    )
    assert "Здравствуйте" in telegram.messages[1][0]
    assert "sign:leo" in telegram.called("editMessageReplyMarkup")[0]["reply_markup"]
    assert read_day(str(storage), day).find("leo", "general").text in telegram.messages[1][1]
    assert chat.sign == "leo"


def test_the_sign_is_remembered_for_today_and_tomorrow(telegram, talk, storage, day):
    talk(
        lambda: telegram.push_text(1, "25 июля"),
        lambda: telegram.push_text(1, "/tomorrow"),
        lambda: telegram.push_button(1, f"topic:{day}:leo:love"),
    )
    tomorrow = read_day(str(storage), day + dt.timedelta(days=1)).find("leo", "general").text
    love = read_day(str(storage), day).find("leo", "love").text
    assert tomorrow in telegram.messages[1][1]
    assert love in telegram.messages[1][2]


def test_subscribing_and_forgetting(telegram, talk):
    chat = talk(
        lambda: telegram.push_text(1, "лев"),
        lambda: telegram.push_text(1, "/zone +5"),
        lambda: telegram.push_text(1, "/subscribe 9:30"),
    )
    assert (chat.zone, chat.deliver_minute) == ("Etc/GMT-5", 570)
    assert "09:30" in telegram.messages[1][-1]
    assert talk(lambda: telegram.push_text(1, "/forget_me")) is None


def test_no_forecast_is_said_and_no_other_days_text_given(telegram, talk, storage, monkeypatch):
    monkeypatch.setattr("serving.bot.__main__.utc_now", lambda: EIGHT + dt.timedelta(days=1))
    talk(lambda: telegram.push_text(1, "лев"), lambda: telegram.push_text(1, "/tomorrow"))
    assert "24 ноября" in telegram.messages[1][0]
    assert telegram.messages[1][1].startswith("На 25 ноября прогноза пока нет")


def test_unknown_words_get_help_in_the_writers_language(telegram, talk):
    talk(lambda: telegram.push_text(1, "hello there", "en"), lambda: telegram.push_text(2, "привет", "ru"))
    assert "Or just send a sign" in telegram.messages[1][0]
    assert "Или просто пришлите знак" in telegram.messages[2][0]


def test_inline_mode_offers_all_signs_or_the_topics_of_one(telegram, talk):
    def inline(words):
        sender = {"id": 1, "is_bot": False, "first_name": "К", "language_code": "ru"}
        return lambda: telegram.push(
            {"inline_query": {"id": "1", "from": sender, "query": words, "offset": ""}}
        )

    talk(inline(""), inline("льву"), inline("???"))
    offered = [json.loads(call["results"]) for call in telegram.called("answerInlineQuery")]
    assert [len(results) for results in offered] == [12, 2, 0]


def test_strange_buttons_are_answered_and_do_nothing(telegram, talk):
    talk(
        lambda: telegram.push_button(1, "topic:2020-01-01:leo:love"),
        lambda: telegram.push_button(1, "sign:ophiuchus"),
        lambda: telegram.push_button(1, "topic"),
        lambda: telegram.push_text(1, "/help"),
    )
    assert len(telegram.messages[1]) == 1


@pytest.mark.parametrize(
    ("words", "zone"),
    [
        ("+5", "Etc/GMT-5"),
        ("-3", "Etc/GMT+3"),
        ("Asia/Omsk", "Asia/Omsk"),
        ("UTC+3", "Etc/GMT-3"),
        ("+99", None),
        ("", None),
        ("../../etc/passwd", None),
    ],
)
def test_a_zone_is_a_name_or_hours_from_utc(words, zone):
    assert find_zone(words) == zone


@given(st.text())
def test_any_words_for_a_zone_are_a_zone_or_none(words):
    found = find_zone(words)
    assert found is None or isinstance(found, str)


def test_without_a_token_it_says_where_to_put_one(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("TELEGRAM_BOT_TOKEN", raising=False)
    assert main(["--storage", str(tmp_path), "--state", str(tmp_path / "bot.db")]) == 2
    assert "TELEGRAM_BOT_TOKEN" in capsys.readouterr().err


def test_a_webhook_call_without_the_secret_is_refused(telegram, storage, tmp_path):
    import aiohttp

    days = PublishedDays(str(storage))
    days.refresh()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = BotSettings(
        TOKEN, telegram.url, webhook="https://bot.example/telegram", webhook_secret="s3cret", port=port
    )
    header = "X-Telegram-Bot-Api-Secret-Token"

    async def calls():
        with contextlib.closing(Subscribers(tmp_path / "bot.db")) as subscribers:
            bot = asyncio.create_task(run_bot(settings, days, subscribers))
            while not telegram.called("setWebhook"):
                await asyncio.sleep(0.02)
            update = {"update_id": 1, "message": message(1, "лев", 1, "ru", [])}
            async with aiohttp.ClientSession() as client:
                address = f"http://127.0.0.1:{port}/telegram"
                statuses = []
                for secret in ("guessed", "s3cret"):
                    async with client.post(address, json=update, headers={header: secret}) as answer:
                        statuses.append(answer.status)
            while not telegram.messages[1]:
                await asyncio.sleep(0.02)
            bot.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await bot
            return statuses

    assert asyncio.run(asyncio.wait_for(calls(), 60)) == [401, 200]
    assert telegram.called("setWebhook")[0]["secret_token"] == "s3cret"
    assert len(telegram.messages[1]) == 1
