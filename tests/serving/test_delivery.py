"""The morning's delivery through a loopback Bot API server: exactly one message a subscriber a day."""

import asyncio
import contextlib
import datetime as dt
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy
from fake_model import publish
from telegram_server import TOKEN, TelegramServer

from serving.bot import broadcast
from serving.bot.__main__ import BotSettings, make_bot
from serving.bot.broadcast import Broadcast
from serving.bot.pace import Pace
from serving.bot.subscribers import LATEST_MINUTES, Chat, Subscribers
from serving.days import MOSCOW, moscow_today, read_day

ROOT = Path(__file__).resolve().parents[2]
EIGHT = dt.datetime(2026, 11, 23, 8, 0, tzinfo=MOSCOW)


@pytest.fixture
def subscribers(state):
    with contextlib.closing(Subscribers(str(state))) as opened:
        yield opened


def deliver(telegram, days, subscribers, now=EIGHT, per_s=1000.0, resolve=False, request_s=1.0):
    """One round of delivery, or of finding out about what is in doubt; its outcomes."""

    async def one_round():
        bot = make_bot(BotSettings(TOKEN, telegram.url), None)
        bot.session.timeout = request_s
        morning = Broadcast(bot, days, subscribers, Pace(per_s, 0.0), doubt_after_s=0.0)
        try:
            return Counter(await morning.doubts.resolve()) if resolve else await morning.deliver(now)
        finally:
            await bot.session.close()

    return dict(asyncio.run(one_round()))


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

    def test_many_who_wait_for_a_day_not_published_do_not_keep_the_others_from_theirs(
        self, telegram, days, subscribers, storage, day, monkeypatch
    ):
        """At 23:00 in Moscow it is tomorrow's morning on Kamchatka."""
        monkeypatch.setattr(broadcast, "ROUND", 2)
        shutil.rmtree(storage / "published" / f"date={day + dt.timedelta(days=1)}")
        days.refresh()
        for chat in (1, 2, 3):
            subscribers.save(Chat(chat, "leo", zone="Asia/Kamchatka", deliver_minute=8 * 60))
        subscribers.save(Chat(4, "leo", deliver_minute=22 * 60))
        assert deliver(telegram, days, subscribers, EIGHT.replace(hour=23)) == {"sent": 1}
        assert list(telegram.messages) == [4]

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

    def test_while_telegram_is_away_nothing_is_lost(self, days, subscribers, telegram):
        subscribers.save(Chat(1, "leo", deliver_minute=8 * 60))
        nobody = TelegramServer()
        nobody.url = "http://127.0.0.1:9"
        assert deliver(nobody, days, subscribers) == {"released": 1}
        assert deliver(telegram, days, subscribers) == {"sent": 1}

    def test_a_text_that_telegram_refuses_costs_no_subscription(self, telegram, days, subscribers, day):
        subscribers.save(Chat(1, "leo", deliver_minute=8 * 60))
        telegram.faults[1] = [(400, {}, "Bad Request: can't parse entities")]
        assert deliver(telegram, days, subscribers) == {"refused": 1}
        assert subscribers.get(1).active is True
        assert subscribers.count_deliveries(day) == {"refused": 1}

    def test_a_chat_that_is_gone_is_not_written_to_again(self, telegram, days, subscribers):
        subscribers.save(Chat(1, "leo", deliver_minute=8 * 60))
        telegram.faults[1] = [(400, {}, "Bad Request: chat not found")]
        assert deliver(telegram, days, subscribers) == {"refused": 1}
        assert subscribers.get(1).active is False

    @pytest.mark.parametrize("status", [401, 404])
    def test_a_revoked_token_loses_no_subscriber(self, telegram, days, subscribers, status):
        subscribers.save(Chat(1, "leo", deliver_minute=8 * 60))
        telegram.faults[1] = [(status, {})]
        assert deliver(telegram, days, subscribers) == {"in doubt": 1}
        assert subscribers.get(1).active is True

    def test_a_group_that_moved_gets_its_delivery_under_its_new_id(self, telegram, days, subscribers):
        subscribers.save(Chat(-5, "leo", deliver_minute=8 * 60))
        telegram.faults[-5] = [(400, {"migrate_to_chat_id": -100777}, "Bad Request: group chat was upgraded")]
        assert deliver(telegram, days, subscribers) == {"moved": 1}
        assert deliver(telegram, days, subscribers) == {"sent": 1}
        assert list(telegram.messages) == [-100777]

    def test_two_bots_at_once_deliver_once(self, telegram, days, subscribers, state):
        for chat_id in range(1, 41):
            subscribers.save(Chat(chat_id, "leo", deliver_minute=8 * 60))

        async def both():
            bots = [make_bot(BotSettings(TOKEN, telegram.url), None) for _ in range(2)]
            with contextlib.closing(Subscribers(state)) as other:
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


class TestDoubt:
    """A delivery without an outcome: whether it arrived is found out; it is made again only if it did not."""

    def test_what_arrived_without_an_answer_is_found_and_not_sent_again(
        self, telegram, days, subscribers, day
    ):
        subscribers.save(Chat(1, "leo", deliver_minute=7 * 60))
        subscribers.save(Chat(2, "leo", deliver_minute=8 * 60))
        assert deliver(telegram, days, subscribers, EIGHT - dt.timedelta(hours=1)) == {"sent": 1}
        telegram.faults[2] = ["lose"]
        assert deliver(telegram, days, subscribers) == {"in doubt": 1}
        assert deliver(telegram, days, subscribers, resolve=True) == {"found sent": 1}
        assert deliver(telegram, days, subscribers) == {}
        assert len(telegram.messages[2]) == 1
        assert subscribers.count_deliveries(day) == {"sent": 2}

    @pytest.mark.parametrize("fault", ["hang", "garbage", (502, {}), (500, {})])
    def test_what_did_not_arrive_is_found_out_and_sent(self, telegram, days, subscribers, day, fault):
        subscribers.save(Chat(1, "leo", deliver_minute=7 * 60))
        subscribers.save(Chat(2, "leo", deliver_minute=8 * 60))
        deliver(telegram, days, subscribers, EIGHT - dt.timedelta(hours=1))
        telegram.faults[2] = [fault]
        assert deliver(telegram, days, subscribers) == {"in doubt": 1}
        assert deliver(telegram, days, subscribers) == {}  # nobody sends what is in doubt
        assert deliver(telegram, days, subscribers, resolve=True) == {"found unsent": 1}
        assert deliver(telegram, days, subscribers) == {"sent": 1}
        assert len(telegram.sent[2]) == 1
        assert subscribers.count_deliveries(day) == {"sent": 2}

    def test_the_very_first_delivery_waits_for_an_id_to_reckon_from(self, telegram, days, subscribers):
        subscribers.save(Chat(1, "leo", deliver_minute=7 * 60))
        telegram.faults[1] = ["lose"]
        assert deliver(telegram, days, subscribers, EIGHT - dt.timedelta(hours=1)) == {"in doubt": 1}
        assert deliver(telegram, days, subscribers, resolve=True) == {}
        subscribers.save(Chat(2, "virgo", deliver_minute=8 * 60))
        assert deliver(telegram, days, subscribers) == {"sent": 1}
        assert deliver(telegram, days, subscribers, resolve=True) == {"found sent": 1}

    def test_a_reader_who_changed_the_topic_meanwhile_is_found_and_has_the_days_text(
        self, telegram, days, subscribers
    ):
        for chat_id, fault in ((1, []), (2, ["lose"])):
            subscribers.save(Chat(chat_id, "leo", deliver_minute=8 * 60))
            telegram.faults[chat_id] = fault
            deliver(telegram, days, subscribers)
        (message_id,) = telegram.sent[2]
        delivered = telegram.kept[message_id]
        telegram.kept[message_id] = (2, "the text of another topic", None)
        assert deliver(telegram, days, subscribers, resolve=True) == {"found sent": 1}
        assert telegram.kept[message_id] == delivered

    def test_messages_of_other_chats_are_not_mistaken_for_it(self, telegram, days, subscribers):
        for chat_id, fault in ((1, []), (2, ["hang"])):
            subscribers.save(Chat(chat_id, "leo", deliver_minute=8 * 60))
            telegram.faults[chat_id] = fault
            deliver(telegram, days, subscribers)
        before = dict(telegram.kept)
        for _ in range(20):  # answers to other people in the same seconds
            telegram.push_button(3, "elements")
        strangers = {key: kept for key, kept in telegram.kept.items() if key not in before}
        assert deliver(telegram, days, subscribers, resolve=True) == {"found unsent": 1}
        assert {key: telegram.kept[key] for key in strangers} == strangers

    @pytest.mark.parametrize(
        ("chat_id", "ids"),
        [(-100777, "rise"), (2, "fall")],
        ids=["a group counts for itself", "ids that do not rise say nothing"],
    )
    def test_where_nothing_can_be_found_out_it_stays_unknown_and_is_not_repeated(
        self, telegram, days, subscribers, day, chat_id, ids
    ):
        for known in (11, 12):
            subscribers.save(Chat(known, "leo", deliver_minute=8 * 60))
            deliver(telegram, days, subscribers)
        if ids == "fall":
            subscribers.settle(12, day, "sent", 1)
        subscribers.save(Chat(chat_id, "leo", deliver_minute=8 * 60))
        telegram.faults[chat_id] = ["hang"]
        assert deliver(telegram, days, subscribers) == {"in doubt": 1}
        assert deliver(telegram, days, subscribers, resolve=True) == {"unknown": 1}
        assert deliver(telegram, days, subscribers) == {}
        assert telegram.sent[chat_id] == []

    def test_who_blocked_the_bot_meanwhile_leaves_no_doubt(self, telegram, days, subscribers):
        for chat_id, fault in ((1, []), (2, ["hang"])):
            subscribers.save(Chat(chat_id, "leo", deliver_minute=8 * 60))
            telegram.faults[chat_id] = fault
            deliver(telegram, days, subscribers)
        telegram.edit_fault = (403, {}, "Forbidden: bot was blocked by the user")
        assert deliver(telegram, days, subscribers, resolve=True) == {"refused": 1}
        assert subscribers.get(2).active is False

    def test_words_of_telegram_that_nobody_knows_repeat_nothing(self, telegram, days, subscribers):
        for chat_id, fault in ((1, []), (2, ["hang"])):
            subscribers.save(Chat(chat_id, "leo", deliver_minute=8 * 60))
            telegram.faults[chat_id] = fault
            deliver(telegram, days, subscribers)
        telegram.edit_fault = (400, {}, "Bad Request: something new")
        assert deliver(telegram, days, subscribers, resolve=True) == {"unknown": 1}

    def test_while_telegram_does_not_answer_a_doubt_stays(self, telegram, days, subscribers):
        for chat_id, fault in ((1, []), (2, ["hang"])):
            subscribers.save(Chat(chat_id, "leo", deliver_minute=8 * 60))
            telegram.faults[chat_id] = fault
            deliver(telegram, days, subscribers)
        telegram.edit_fault = (502, {})
        assert deliver(telegram, days, subscribers, resolve=True) == {}
        telegram.edit_fault = None
        assert deliver(telegram, days, subscribers, resolve=True) == {"found unsent": 1}

    def test_a_doubt_resolved_by_one_process_is_not_resolved_again_by_another(self, subscribers, day):
        subscribers.save(Chat(1, "leo", deliver_minute=8 * 60))
        subscribers.claim(1, day)
        (doubt,) = subscribers.doubts(-1.0)
        subscribers.release(1, day, claimed_s=doubt.claimed_s)
        assert subscribers.claim(1, day)  # another process is sending it now
        subscribers.release(1, day, claimed_s=doubt.claimed_s)
        subscribers.settle(1, day, "unknown", claimed_s=doubt.claimed_s)
        assert subscribers.count_deliveries(day) == {"sending": 1}


class BotProcess:
    """`python -m serving.bot` against the loopback server."""

    def __init__(self, telegram, storage, state, *options):
        command = [sys.executable, "-m", "serving.bot", "--storage", storage]
        command += ["--api-url", telegram.url, "--every-s", "0.1", "--doubt-after-s", "3", *options]
        environment = {"TELEGRAM_BOT_TOKEN": TOKEN, "PATH": "", "BOT_STATE": str(state)}
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


def subscribe_all(state, count):
    """All of `count` chats are due since a minute of today's Moscow day that is not too late."""
    now = dt.datetime.now(MOSCOW)
    minute = max(0, now.hour * 60 + now.minute - 5)
    rows = [{"chat_id": chat, "minute": minute} for chat in range(1, count + 1)]
    with contextlib.closing(Subscribers(str(state))) as opened, opened._engine.begin() as db:
        wanted = "insert into chats (chat_id, sign, deliver_minute) values (:chat_id, 'leo', :minute)"
        db.execute(sqlalchemy.text(wanted), rows)


def killed_broadcast(telegram, tmp_path, state, count, kills):
    """Deliver to `count` chats while the bot is killed as random messages arrive; the states in the end.

    At a kill some of what is on its way has arrived, some still will, and some never does.
    """
    today = moscow_today(dt.datetime.now(dt.UTC))
    for offset in (0, 1):
        publish(tmp_path, today + dt.timedelta(days=offset), topics=["general"])
    subscribe_all(state, count)
    dice = random.Random(7)
    for number in range(kills + 1):
        last = number == kills
        arrived = sum(map(len, telegram.sent.values()))
        fatal = arrived + dice.randint(1, max(1, (count - arrived) // 2))
        with BotProcess(telegram, tmp_path, state, "--per-s", "2000") as bot:

            def kill(_, bot=bot, fatal=fatal, last=last):
                if not last and sum(map(len, telegram.sent.values())) >= fatal:
                    telegram.lost_on_the_way = lambda: dice.random() < 0.5
                    bot.process.send_signal(signal.SIGKILL)

            telegram.on_message = kill
            if last:
                wait_until(lambda: settled(state, today) == count, 900)
                bot.process.terminate()
                out, err = bot.process.communicate(timeout=60)
                assert bot.process.returncode == 0
                assert json.loads(out.splitlines()[-1])["step"] == "bot"
                assert TOKEN.split(":")[1] not in out + err
            else:
                bot.process.wait(900)
                time.sleep(0.2)  # what is still on its way arrives, or not
                telegram.lost_on_the_way = lambda: False
    with contextlib.closing(Subscribers(str(state))) as opened:
        return opened.count_deliveries(today)


def settled(state, today):
    with contextlib.closing(Subscribers(str(state))) as opened:
        made = opened.count_deliveries(today)
    return sum(count for name, count in made.items() if name != "sending")


def assert_exactly_one_each(telegram, states, count):
    got = Counter(len(telegram.sent[chat]) for chat in range(1, count + 1))
    assert (got, states) == ({1: count}, {"sent": count})


def test_killed_in_mid_broadcast_each_gets_exactly_one(telegram, tmp_path, state):
    states = killed_broadcast(telegram, tmp_path, state, 200, kills=1)
    assert_exactly_one_each(telegram, states, 200)


@pytest.mark.slow
def test_killed_in_mid_broadcast_of_ten_thousand_each_gets_exactly_one(telegram, tmp_path, state):
    states = killed_broadcast(telegram, tmp_path, state, 10_000, kills=8)
    assert_exactly_one_each(telegram, states, 10_000)


def test_stopped_in_mid_broadcast_nothing_is_left_in_doubt(telegram, tmp_path):
    state = tmp_path / "bot.db"
    today = moscow_today(dt.datetime.now(dt.UTC))
    for offset in (0, 1):
        publish(tmp_path, today + dt.timedelta(days=offset), topics=["general"])
    subscribe_all(state, 300)
    with BotProcess(telegram, tmp_path, state, "--per-s", "200") as bot:
        wait_until(lambda: sum(map(len, telegram.sent.values())) >= 20)
        bot.process.terminate()
        bot.process.communicate(timeout=60)
        assert bot.process.returncode == 0
    with contextlib.closing(Subscribers(str(state))) as opened:
        made = opened.count_deliveries(today)
    assert made == {"sent": sum(map(len, telegram.sent.values()))}
    assert made["sent"] < 300


def test_connections_that_break_in_mid_broadcast_costs_no_delivery(
    telegram, tmp_path, postgres, postgres_server
):
    today = moscow_today(dt.datetime.now(dt.UTC))
    publish(tmp_path, today, topics=["general"])
    publish(tmp_path, today + dt.timedelta(days=1), topics=["general"])
    subscribe_all(postgres, 200)
    engine, _ = postgres_server
    with BotProcess(telegram, tmp_path, postgres, "--per-s", "200"):
        for arrived in (30, 90):
            wait_until(lambda arrived=arrived: sum(map(len, telegram.sent.values())) >= arrived)
            with engine.connect() as db:
                cut = "select pg_terminate_backend(pid) from pg_stat_activity where datname = :name"
                db.execute(sqlalchemy.text(cut), {"name": postgres.rpartition("/")[2].partition("?")[0]})
        wait_until(lambda: settled(postgres, today) == 200)
    with contextlib.closing(Subscribers(postgres)) as opened:
        assert_exactly_one_each(telegram, opened.count_deliveries(today), 200)
