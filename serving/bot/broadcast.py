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
    AiogramError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramRetryAfter,
)
from aiohttp import ClientConnectorError

from serving.bot.doubts import Doubts
from serving.bot.messages import horoscope_message, topic_keyboard
from serving.bot.pace import Pace
from serving.bot.subscribers import Due, Subscribers
from serving.days import PublishedDays

IN_FLIGHT = 8
"""Messages on their way at once: 25 a second at up to 0.3 s each."""
ROUND = 500
"""Deliveries in one round: twenty seconds' worth, then doubts are looked at."""
GIVE_UP_PAUSE_S = 5.0
log = structlog.get_logger("serving.bot")


class Broadcast:
    """Delivers what is due; `bot` must not pace by itself: a claim follows the turn, then the send."""

    def __init__(
        self, bot: Bot, days: PublishedDays, subscribers: Subscribers, pace: Pace, doubt_after_s: float = 60.0
    ) -> None:
        self.bot, self.days, self.subscribers, self.pace = bot, days, subscribers, pace
        self.doubts = Doubts(bot, days, subscribers, pace, doubt_after_s)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End `run` after what is on its way, so that nothing is left in doubt."""
        self._stopping.set()

    async def run(self, now: Callable[[], dt.datetime], every_s: float = 5.0) -> None:
        """Until stopped: deliver what is due, find out about what is in doubt."""
        pruned = None
        while not self._stopping.is_set():
            outcomes: Counter[str] = Counter()
            try:
                if pruned != now().date():
                    pruned = now().date()
                    self.subscribers.prune(pruned)
                outcomes = await self.deliver(now())
                outcomes.update(await self.doubts.resolve())
            except* Exception as errors:  # noqa: BLE001 - say a database that does not answer; the next round tries
                log.error("a round failed", fault=repr(errors.exceptions[0])[:300])
            if outcomes:
                log.info("delivered", **outcomes)
            if outcomes.total() < ROUND:
                await self._sleep(every_s)

    async def _sleep(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def deliver(self, now: dt.datetime) -> Counter[str]:
        """One round over what is due; outcome → deliveries. A day not published yet is left for later."""
        waiting = iter(self.subscribers.due(now, self.days.dates, ROUND))
        outcomes: Counter[str] = Counter()
        async with asyncio.TaskGroup() as workers:
            for _ in range(IN_FLIGHT):
                workers.create_task(self._work(waiting, outcomes))
        return outcomes

    async def _work(self, waiting: Iterator[Due], outcomes: Counter[str]) -> None:
        for due in waiting:
            outcome = await self._deliver_one(due)
            outcomes[outcome] += 1
            if outcome in ("released", "in doubt"):  # no way to Telegram now: the next round will try
                return
            if self._stopping.is_set():
                return

    async def _deliver_one(self, due: Due) -> str:
        day = self.days.get(due.date)
        chat = due.chat
        if day is None or chat.sign is None:
            return "released"
        text = horoscope_message(day, chat.sign, "general", chat.language)
        keyboard = topic_keyboard(day, chat.sign, "general", chat.language)
        while True:
            await self.pace.turn(chat.chat_id)
            if not self.subscribers.claim(chat.chat_id, due.date):
                return "claimed by another"
            try:
                sent = await self.bot.send_message(chat.chat_id, text, reply_markup=keyboard)
            except TelegramRetryAfter as error:  # surely not sent; nobody waits with a claim in hand
                self.subscribers.release(chat.chat_id, due.date)
                self.pace.pause(error.retry_after)
            except AiogramError as error:
                return self._settle_failure(due, error)
            else:
                self.subscribers.settle(chat.chat_id, due.date, "sent", sent.message_id)
                return "sent"

    def _settle_failure(self, due: Due, error: AiogramError) -> str:
        """What Telegram refuses is settled, what never left is given back, all else is in doubt."""
        chat_id = due.chat.chat_id
        if isinstance(error, TelegramMigrateToChat):
            self.subscribers.move(chat_id, error.migrate_to_chat_id)
            return "moved"
        gone = isinstance(error, TelegramBadRequest) and "chat not found" in error.message.lower()
        if gone or isinstance(error, TelegramForbiddenError):
            self.subscribers.deactivate(chat_id)
        if isinstance(error, TelegramForbiddenError | TelegramBadRequest):
            log.warning("refused", told=error.message)
            self.subscribers.settle(chat_id, due.date, "refused")
            return "refused"
        self.pace.pause(GIVE_UP_PAUSE_S)
        if isinstance(error, TelegramNetworkError) and isinstance(error.__cause__, ClientConnectorError):
            self.subscribers.release(chat_id, due.date)
            return "released"
        return "in doubt"
