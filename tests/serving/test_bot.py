import asyncio
import contextlib
import datetime as dt
import json
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram_server import TOKEN, message

from serving.bot.__main__ import BotSettings, main, run_bot
from serving.bot.handlers import find_zone
from serving.bot.subscribers import Subscribers
from serving.days import MOSCOW, PublishedDays, read_day

ROOT = Path(__file__).resolve().parents[2]
EIGHT = dt.datetime(2026, 11, 23, 8, 0, tzinfo=MOSCOW)


@pytest.fixture
def talk(telegram, storage, tmp_path, monkeypatch):
    """A bot in this process at eight in the morning of a known day; say something, get what it answered."""
    monkeypatch.setattr("serving.bot.__main__.utc_now", lambda: EIGHT)
    days = PublishedDays(str(storage))
    days.refresh()
    settings = BotSettings(TOKEN, telegram.url, per_s=1000.0, chat_interval_s=0.0, every_s=3600.0)

    def say(*pushes):
        with contextlib.closing(Subscribers(str(tmp_path / "talk.db"))) as subscribers:

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


def test_a_time_and_a_zone_may_be_chosen_by_button(telegram, talk):
    chat = talk(
        lambda: telegram.push_text(1, "лев"),
        lambda: telegram.push_text(1, "/zone"),
        lambda: telegram.push_button(1, "zone:Asia/Vladivostok"),
        lambda: telegram.push_text(1, "/subscribe"),
        lambda: telegram.push_button(1, "at:07:30"),
        lambda: telegram.push_button(1, "at:31:30"),
        lambda: telegram.push_button(1, "zone:Mars/Olympus"),
    )
    assert (chat.zone, chat.deliver_minute) == ("Asia/Vladivostok", 450)
    zones, hours = [json.loads(call["reply_markup"]) for call in telegram.called("sendMessage")[1:]]
    offered = [button for rows in (zones, hours) for row in rows["inline_keyboard"] for button in row]
    assert {"text": "Владивосток 15:00", "callback_data": "zone:Asia/Vladivostok"} in offered
    assert {"text": "08:00", "callback_data": "at:08:00"} in offered
    assert telegram.messages[1][-1].startswith("Буду писать каждый день в 07:30, время: Владивосток")


def test_todays_delivery_waits_for_a_later_hour_but_not_for_one_that_has_struck(
    telegram, talk, tmp_path, day
):
    def claimed():
        with contextlib.closing(Subscribers(str(tmp_path / "talk.db"))) as opened:
            return opened.count_deliveries(day)

    talk(lambda: telegram.push_text(1, "лев"), lambda: telegram.push_text(1, "/subscribe 07:59"))
    assert claimed() == {"skipped": 1}
    talk(lambda: telegram.push_text(1, "/subscribe 08:01"))
    assert claimed() == {}


def test_the_menu_of_commands_is_told_in_both_languages(telegram, talk):
    talk(lambda: telegram.push_text(1, "/help"))
    menus = {
        call.get("language_code"): json.loads(call["commands"]) for call in telegram.called("setMyCommands")
    }
    assert menus["ru"][0] == {"command": "today", "description": "гороскоп на сегодня"}
    assert menus[None][0]["description"] == "today's horoscope"
    assert telegram.called("deleteWebhook")  # else polling would be refused


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


def test_a_database_that_does_not_answer_is_one_clear_line_without_the_password(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
    state = "postgresql://bot:s3cret@127.0.0.1:9/bot"
    assert main(["--storage", str(tmp_path), "--state", state]) == 2
    told = capsys.readouterr()
    assert "check --state or BOT_STATE" in told.err
    assert "s3cret" not in told.out + told.err


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
        with contextlib.closing(Subscribers(str(tmp_path / "bot.db"))) as subscribers:
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
