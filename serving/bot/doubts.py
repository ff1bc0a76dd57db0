"""Did it arrive? A delivery cut off between claim and answer in, `found sent`, `found unsent`, `unknown` out.

The Bot API has no key that would make a repeated send harmless, and no question "what did I send". An edit,
though, may be repeated, and says whether its message is there: asked to make a message what it already is,
Telegram answers "message is not modified"; of one that is not in the chat, "message to edit not found".
Which messages to ask about is known too. An account counts the messages of all its private chats in one
rising row, so the doubtful one lies between the newest id known when it was claimed and the first one given
after it was surely done with. In groups, which count for themselves, and where ids do not rise,
a doubt stays `unknown` and is not repeated.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog
from aiogram import Bot
from aiogram.exceptions import AiogramError, TelegramBadRequest, TelegramForbiddenError, TelegramRetryAfter

from serving.bot.messages import horoscope_message, topic_keyboard
from serving.bot.pace import Pace
from serving.bot.subscribers import Doubt, Subscribers
from serving.days import Day, PublishedDays

HERE = "message is not modified"
ELSEWHERE = (
    "message to edit not found",
    "message can't be edited",
    "message_id_invalid",
    "no text in the message",
)
log = structlog.get_logger("serving.bot")


class Doubts:
    """Resolves what a kill, a lost answer or a failing Telegram left in the middle."""

    def __init__(
        self, bot: Bot, days: PublishedDays, subscribers: Subscribers, pace: Pace, after_s: float
    ) -> None:
        self.bot, self.days, self.subscribers, self.pace = bot, days, subscribers, pace
        self.after_s = after_s
        """A claim this old and not settled is in doubt; well above the time a request may take."""

    async def resolve(self) -> list[str]:
        """Outcomes of the doubts that could be resolved now; what Telegram did not answer stays for later."""
        outcomes = []
        for doubt in self.subscribers.doubts(self.after_s):
            try:
                outcome = await self._resolve(doubt)
            except AiogramError as error:
                log.warning("a doubt stays", fault=type(error).__name__)
                break
            if outcome:
                outcomes.append(outcome)
        return outcomes

    async def _resolve(self, doubt: Doubt) -> str | None:
        day, chat_id = self.days.get(doubt.date), doubt.chat.chat_id
        claim: dict[str, Any] = {"chat_id": chat_id, "date": doubt.date, "claimed_s": doubt.claimed_s}
        askable = day and doubt.chat.sign and chat_id > 0 and self.subscribers.ids_rise()
        ids: list[int] = []
        all_of_them = False
        if askable and (possible := self.subscribers.possible_ids(doubt, self.after_s)):
            ids, all_of_them = possible
        elif askable and self.subscribers.is_fresh(doubt):
            return None  # the next delivery will give an id to reckon from
        try:
            found = await self._find(doubt, day, ids) if day else None
        except TelegramForbiddenError:
            self.subscribers.deactivate(chat_id)
            self.subscribers.settle(state="refused", **claim)
            return "refused"
        except TelegramBadRequest as error:
            log.error("expected to be told whether a message is there", told=error.message)
            found, all_of_them = None, False
        if found:
            self.subscribers.settle(state="sent", message_id=found, **claim)
            return "found sent"
        if all_of_them:
            self.subscribers.release(**claim)
            return "found unsent"
        self.subscribers.settle(state="unknown", **claim)
        return "unknown"

    async def _find(self, doubt: Doubt, day: Day, ids: Iterable[int]) -> int | None:
        """The id of the delivery's message, None if no id of these is it."""
        for message_id in ids:
            if await self._is_there(doubt, day, message_id):
                return message_id
        return None

    async def _is_there(self, doubt: Doubt, day: Day, message_id: int) -> bool:
        """Whether the chat has this message of ours; if it had another text, it has the delivery's now."""
        sign, language = str(doubt.chat.sign), doubt.chat.language
        while True:
            await self.pace.turn()
            try:
                await self.bot.edit_message_text(
                    horoscope_message(day, sign, "general", language),
                    chat_id=doubt.chat.chat_id,
                    message_id=message_id,
                    reply_markup=topic_keyboard(day, sign, "general", language),
                )
                return True
            except TelegramRetryAfter as error:
                self.pace.pause(error.retry_after)
            except TelegramBadRequest as error:
                told = error.message.lower()
                if HERE in told:
                    return True
                if not any(words in told for words in ELSEWHERE):
                    raise
                return False
