"""The Telegram bot as a program: reads published days, answers, delivers every morning.

    TELEGRAM_BOT_TOKEN=… python -m serving.bot --storage data --state bot.db
    TELEGRAM_BOT_TOKEN=… BOT_STATE=postgresql://user:password@host/bot python -m serving.bot
    TELEGRAM_BOT_TOKEN=… TELEGRAM_WEBHOOK_SECRET=… python -m serving.bot --webhook https://bot.example/telegram

Long polling for one machine; with --webhook Telegram calls us, and every call must carry the secret. The
token and the secret come from the environment only, and so should a database's password.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import signal
import sys
import threading
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from aiogram import Bot, Dispatcher
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramAPIError
from aiogram.types import BotCommand
from aiogram.utils.token import TokenValidationError
from aiogram.webhook.aiohttp_server import SimpleRequestHandler, setup_application
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from serving.bot.broadcast import Broadcast
from serving.bot.handlers import make_router
from serving.bot.pace import Pace, PacedRequests
from serving.bot.subscribers import Subscribers
from serving.command import CommandError, parser, run_command
from serving.days import PublishedDays
from serving.logs import set_up_logs
from serving.texts import BOT_COMMANDS as COMMANDS

STEP = "bot"


@dataclass(frozen=True)
class BotSettings:
    """What an installation may choose; the token is a secret."""

    token: str
    api_url: str
    per_s: float = 25.0
    chat_interval_s: float = 1.0
    every_s: float = 5.0
    """Seconds between looks at who is due."""
    doubt_after_s: float = 60.0
    """A delivery claimed so long ago and without an outcome is asked about; a request may take a third."""
    webhook: str = ""
    webhook_secret: str = ""
    host: str = "127.0.0.1"
    port: int = 8081


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def make_bot(settings: BotSettings, pace: Pace | None) -> Bot:
    """A client of the Bot API; with a pace it waits for its turns by itself."""
    timeout_s = settings.doubt_after_s / 3
    session = AiohttpSession(api=TelegramAPIServer.from_base(settings.api_url), timeout=timeout_s)
    if pace:
        session.middleware(PacedRequests(pace))
    return Bot(settings.token, session=session, default=DefaultBotProperties(parse_mode="HTML"))


async def run_bot(settings: BotSettings, days: PublishedDays, subscribers: Subscribers) -> None:
    """Answer and deliver until cancelled; then end what is on its way."""
    pace = Pace(settings.per_s, settings.chat_interval_s)
    answering, delivering = make_bot(settings, pace), make_bot(settings, None)
    dispatcher = Dispatcher(days=days, subscribers=subscribers, now=utc_now)
    dispatcher.include_router(make_router())
    broadcast = Broadcast(delivering, days, subscribers, pace, settings.doubt_after_s)
    delivery = asyncio.create_task(broadcast.run(utc_now, settings.every_s))
    try:
        await introduce(answering)
        if settings.webhook:
            await run_webhook(settings, dispatcher, answering)
        else:
            await answering.delete_webhook()  # while there is one, polling gets a conflict
            await dispatcher.start_polling(answering, handle_signals=False, close_bot_session=False)
    finally:
        broadcast.stop()
        await delivery
        await answering.session.close()
        await delivering.session.close()


async def introduce(bot: Bot) -> None:
    """The menu of commands, in both languages."""
    for code, language in (("", "en"), ("ru", "ru")):
        commands = [BotCommand(command=name, description=told) for name, told in COMMANDS[language].items()]
        await bot.set_my_commands(commands, language_code=code or None)


async def run_webhook(settings: BotSettings, dispatcher: Dispatcher, bot: Bot) -> None:
    """Listen for what the proxy in front passes on; a call without the secret gets 401."""
    application = web.Application()
    handler = SimpleRequestHandler(dispatcher, bot, secret_token=settings.webhook_secret)
    handler.register(application, path=urlsplit(settings.webhook).path or "/")
    setup_application(application, dispatcher, bot=bot)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, settings.host, settings.port).start()
    await bot.set_webhook(settings.webhook, secret_token=settings.webhook_secret)
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


async def run_until_stopped(settings: BotSettings, days: PublishedDays, subscribers: Subscribers) -> None:
    """`run_bot`, cancelled by SIGTERM or Ctrl-C."""
    running = asyncio.ensure_future(run_bot(settings, days, subscribers))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


def work(settings: BotSettings, storage: str, state: str, refresh_s: float) -> dict[str, Any]:
    """Run until stopped; the summary's own fields."""
    set_up_logs()
    days = PublishedDays(storage)
    days.refresh_within()
    threading.Thread(target=days.follow, args=(refresh_s, threading.Event()), daemon=True).start()
    try:
        with contextlib.closing(Subscribers(state)) as subscribers:
            asyncio.run(run_until_stopped(settings, days, subscribers))
    except TokenValidationError as error:
        raise CommandError("expected a bot's token in TELEGRAM_BOT_TOKEN, found something else", 2) from error
    except TelegramAPIError as error:
        raise CommandError(
            f"expected the Bot API to answer, found {type(error).__name__}, at {settings.api_url}"
        ) from error
    except SQLAlchemyError as error:
        raise no_database(error) from error
    return {"reason": "stopped"}


def no_database(error: SQLAlchemyError) -> CommandError:
    """Without the statement and the address, which may hold a password."""
    return CommandError(
        f"expected a database for what the bot remembers, found {type(error).__name__}: {error.args[0]}; "
        "check --state or BOT_STATE",
        2,
    )


def main(argv: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument(
        "--state",
        default=os.environ.get("BOT_STATE", "bot.db"),
        help="what the bot remembers: an SQLite file or postgresql://… (default: $BOT_STATE, else bot.db)",
    )
    made.add_argument("--api-url", default="https://api.telegram.org", help="address of the Bot API")
    made.add_argument(
        "--webhook", default="", help="public https address that Telegram calls; none: long polling"
    )
    made.add_argument(
        "--host", default="127.0.0.1", help="where the webhook listens (default: this machine only)"
    )
    made.add_argument("--port", type=int, default=8081, help="where the webhook listens on this machine")
    made.add_argument(
        "--per-s", type=float, default=25.0, help="messages a second in all (Telegram allows 30)"
    )
    made.add_argument("--refresh-s", type=float, default=2.0, help="seconds between looks at storage")
    made.add_argument("--every-s", type=float, default=5.0, help="seconds between looks at who is due")
    made.add_argument(
        "--doubt-after-s",
        type=float,
        default=60.0,
        help="a delivery without an outcome for so many seconds is asked about",
    )
    args = made.parse_args(argv)
    token, secret = os.environ.get("TELEGRAM_BOT_TOKEN", ""), os.environ.get("TELEGRAM_WEBHOOK_SECRET", "")
    settings = BotSettings(
        token=token,
        api_url=args.api_url,
        per_s=args.per_s,
        every_s=args.every_s,
        doubt_after_s=args.doubt_after_s,
        webhook=args.webhook,
        webhook_secret=secret,
        host=args.host,
        port=args.port,
    )

    def guarded() -> dict[str, Any]:
        if not token:
            raise CommandError(
                "expected a bot's token, found none, in TELEGRAM_BOT_TOKEN; ask @BotFather for one", 2
            )
        if args.webhook and not secret:
            raise CommandError("expected a secret for the webhook, found none, in TELEGRAM_WEBHOOK_SECRET", 2)
        return work(settings, args.storage, args.state, args.refresh_s)

    return run_command(STEP, guarded)


if __name__ == "__main__":
    sys.exit(main())
