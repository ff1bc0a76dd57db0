"""The Telegram bot as a program: reads published days, answers, delivers every morning.

    TELEGRAM_BOT_TOKEN=… python -m serving.bot --storage data --state bot.db
    TELEGRAM_BOT_TOKEN=… TELEGRAM_WEBHOOK_SECRET=… python -m serving.bot --webhook https://bot.example/telegram

Long polling for one machine; with --webhook Telegram calls us, and every call must carry the secret. The
token and the secret come from the environment only.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
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
from aiogram.utils.token import TokenValidationError
from aiogram.webhook.aiohttp_server import SimpleRequestHandler, setup_application
from aiohttp import web

from serving.bot.broadcast import Broadcast
from serving.bot.handlers import make_router
from serving.bot.pace import Pace, PacedRequests
from serving.bot.subscribers import Subscribers
from serving.command import CommandError, parser, run_command
from serving.days import PublishedDays
from serving.logs import set_up_logs

STEP = "bot"
TIMEOUT_S = 20.0


@dataclass(frozen=True)
class BotSettings:
    """What an installation may choose; the token is a secret."""

    token: str
    api_url: str
    per_s: float = 25.0
    chat_interval_s: float = 1.0
    every_s: float = 5.0
    """Seconds between looks at who is due."""
    webhook: str = ""
    webhook_secret: str = ""
    host: str = "127.0.0.1"
    port: int = 8081


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def make_bot(settings: BotSettings, pace: Pace | None) -> Bot:
    """A client of the Bot API; with a pace it waits for its turns by itself."""
    session = AiohttpSession(api=TelegramAPIServer.from_base(settings.api_url), timeout=TIMEOUT_S)
    if pace:
        session.middleware(PacedRequests(pace))
    return Bot(settings.token, session=session, default=DefaultBotProperties(parse_mode="HTML"))


async def run_bot(settings: BotSettings, days: PublishedDays, subscribers: Subscribers) -> None:
    """Answer and deliver until cancelled."""
    pace = Pace(settings.per_s, settings.chat_interval_s)
    answering, delivering = make_bot(settings, pace), make_bot(settings, None)
    dispatcher = Dispatcher(days=days, subscribers=subscribers, now=utc_now)
    dispatcher.include_router(make_router())
    broadcast = asyncio.create_task(
        Broadcast(delivering, days, subscribers, pace).run(utc_now, settings.every_s)
    )
    try:
        if settings.webhook:
            await run_webhook(settings, dispatcher, answering)
        else:
            await dispatcher.start_polling(answering, handle_signals=False, close_bot_session=False)
    finally:
        broadcast.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await broadcast
        await answering.session.close()
        await delivering.session.close()


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


def work(settings: BotSettings, storage: str, state: str, refresh_s: float) -> dict[str, Any]:
    """Run until stopped; the summary's own fields."""
    set_up_logs()
    days = PublishedDays(storage)
    days.refresh_within()
    threading.Thread(target=days.follow, args=(refresh_s, threading.Event()), daemon=True).start()
    try:
        with contextlib.closing(Subscribers(state)) as subscribers, contextlib.suppress(KeyboardInterrupt):
            asyncio.run(run_bot(settings, days, subscribers))
    except TokenValidationError as error:
        raise CommandError("expected a bot's token in TELEGRAM_BOT_TOKEN, found something else", 2) from error
    except TelegramAPIError as error:
        raise CommandError(
            f"expected the Bot API to answer, found {type(error).__name__}, at {settings.api_url}"
        ) from error
    return {"reason": "stopped"}


def main(argv: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument(
        "--state", default="bot.db", help="SQLite file with what the bot remembers (default: bot.db)"
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
    args = made.parse_args(argv)
    token, secret = os.environ.get("TELEGRAM_BOT_TOKEN", ""), os.environ.get("TELEGRAM_WEBHOOK_SECRET", "")
    settings = BotSettings(
        token=token,
        api_url=args.api_url,
        per_s=args.per_s,
        every_s=args.every_s,
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
