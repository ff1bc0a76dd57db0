"""The morning's delivery: subscribers whose time has come and published days in, one message a chat a day
out.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator

import structlog
from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiohttp import ClientConnectorError

from serving.bot.messages import horoscope_message, topic_keyboard
from serving.bot.pace import Pace
from serving.bot.subscribers import Due, Subscribers
from serving.days import PublishedDays

IN_FLIGHT = 8
"""Messages on their way at once: 25 a second at up to 0.3 s each."""
GIVE_UP_PAUSE_S = 5.0
log = structlog.get_logger("serving.bot")


class Broadcast:
    """Delivers what is due; `bot` must not pace by itself: a claim follows the turn, then the send."""

    def __init__(self, bot: Bot, days: PublishedDays, subscribers: Subscribers, pace: Pace) -> None:
        self.bot, self.days, self.subscribers, self.pace = bot, days, subscribers, pace

    async def run(self, now: Callable[[], dt.datetime], every_s: float = 5.0) -> None:
        """For ever: look for what is due, deliver it."""
        if unknown := self.subscribers.settle_interrupted():
            log.warning("interrupted deliveries are not repeated", unknown=unknown)
        while True:
            if outcomes := await self.deliver(now()):
                log.info("delivered", **outcomes)
            await asyncio.sleep(every_s)

    async def deliver(self, now: dt.datetime) -> Counter[str]:
        """One round over all that is due; outcome → deliveries. A day not published yet is left for later."""
        waiting = (due for due in list(self.subscribers.due(now)) if self.days.get(due.date))
        outcomes: Counter[str] = Counter()
        async with asyncio.TaskGroup() as workers:
            for _ in range(IN_FLIGHT):
                workers.create_task(self._work(waiting, outcomes))
        return outcomes

    async def _work(self, waiting: Iterator[Due], outcomes: Counter[str]) -> None:
        for due in waiting:
            outcome = await self._deliver_one(due)
            outcomes[outcome] += 1
            if outcome == "released":  # no way to Telegram now: the next round will try
                return

    async def _deliver_one(self, due: Due) -> str:
        day = self.days.get(due.date)
        chat = due.chat
        if day is None or chat.sign is None:
            return "released"
        text = horoscope_message(day, chat.sign, "general", chat.language)
        keyboard = topic_keyboard(day, chat.sign, "general", chat.language)
        await self.pace.turn(chat.chat_id)
        if not self.subscribers.claim(chat.chat_id, due.date):
            return "claimed by another"
        while True:
            try:
                sent = await self.bot.send_message(chat.chat_id, text, reply_markup=keyboard)
            except TelegramRetryAfter as error:  # surely not sent
                self.pace.pause(error.retry_after)
                await self.pace.turn(chat.chat_id)
                continue
            except TelegramAPIError as error:
                return self._settle_failure(due, error)
            self.subscribers.settle(chat.chat_id, due.date, "sent", sent.message_id)
            return "sent"

    def _settle_failure(self, due: Due, error: TelegramAPIError) -> str:
        chat_id = due.chat.chat_id
        if isinstance(error, TelegramForbiddenError | TelegramNotFound | TelegramBadRequest):
            self.subscribers.deactivate(chat_id)
            self.subscribers.settle(chat_id, due.date, "refused")
            return "refused"
        self.pace.pause(GIVE_UP_PAUSE_S)
        never_left = isinstance(error, TelegramNetworkError) and isinstance(
            error.__cause__, ClientConnectorError
        )
        if never_left or isinstance(error, TelegramServerError):
            self.subscribers.release(chat_id, due.date)
            return "released"
        self.subscribers.settle(chat_id, due.date, "unknown")  # it may have arrived: never twice
        return "unknown"
