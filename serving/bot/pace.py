"""Telegram's limits: so many messages a second in all, one a second in a chat, and a pause when it asks
for one.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiogram.client.session.middlewares.base import BaseRequestMiddleware, NextRequestMiddlewareType
from aiogram.exceptions import TelegramRetryAfter
from aiogram.methods import SendMessage, TelegramMethod
from aiogram.methods.base import Response

MAX_CHATS = 10_000
RETRIES = 5


class Pace:
    """Gives turns to send; everyone who sends in one process shares one."""

    def __init__(self, per_s: float = 25.0, chat_interval_s: float = 1.0) -> None:
        self.interval_s, self.chat_interval_s = 1 / per_s, chat_interval_s
        self._next_s = 0.0
        self._chats: dict[int, float] = {}

    async def turn(self, chat_id: int | None = None) -> None:
        """Wait until a message to this chat may be sent; without a chat, until any request may."""
        now_s = time.monotonic()
        start_s = max(now_s, self._next_s, self._chats.get(chat_id, 0.0) if chat_id else 0.0)
        self._next_s = max(self._next_s, now_s) + self.interval_s
        if len(self._chats) > MAX_CHATS:
            self._chats = {chat: at_s for chat, at_s in self._chats.items() if at_s > now_s}
        if chat_id:
            self._chats[chat_id] = start_s + self.chat_interval_s
        if start_s > now_s:
            await asyncio.sleep(start_s - now_s)

    def pause(self, seconds: float) -> None:
        """Nobody's turn comes for a while."""
        self._next_s = max(self._next_s, time.monotonic() + seconds)


class PacedRequests(BaseRequestMiddleware):
    """Every answer of a handler takes its turn, and is repeated when Telegram says it came too early."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace

    async def __call__(
        self, make_request: NextRequestMiddlewareType, bot: Any, method: TelegramMethod[Any]
    ) -> Response[Any]:
        for _ in range(RETRIES):
            if isinstance(method, SendMessage):
                await self.pace.turn(int(method.chat_id))
            try:
                return await make_request(bot, method)
            except TelegramRetryAfter as error:
                self.pace.pause(error.retry_after)
                await asyncio.sleep(error.retry_after)
        return await make_request(bot, method)
