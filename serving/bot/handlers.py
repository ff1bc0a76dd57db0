"""Commands, buttons and inline queries: an update and what the bot remembers in, an answer out.

Each handler is given `days`, `subscribers` and `now` by name, as `serving.bot.__main__` put them into the
dispatcher.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import replace
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from aiogram import F, Router
from aiogram.filters import Command, CommandObject, CommandStart
from aiogram.types import (
    CallbackQuery,
    InaccessibleMessage,
    InlineQuery,
    InlineQueryResultArticle,
    InlineQueryResultUnion,
    InputTextMessageContent,
    Message,
    User,
)

from serving import texts
from serving.bot.messages import (
    element_keyboard,
    horoscope_message,
    hour_keyboard,
    no_forecast_message,
    say,
    sign_keyboard,
    topic_keyboard,
    zone_keyboard,
    zone_name,
)
from serving.bot.subscribers import Chat, Subscribers
from serving.days import PublishedDays
from serving.signs import BY_SLUG, SIGNS, UnknownSignError, find_sign

Now = Callable[[], dt.datetime]
CLOCK = re.compile(r"([01]?\d|2[0-3])[:.]([0-5]\d)")
OFFSET = re.compile(r"(?:UTC|GMT|МСК)?([+-]\d{1,2})", re.IGNORECASE)


def make_router() -> Router:
    """All handlers; a dispatcher may include a router once, so each bot makes its own."""
    router = Router(name="horoscopes")
    router.message.register(start, CommandStart())
    router.message.register(today, Command("today"))
    router.message.register(tomorrow, Command("tomorrow"))
    router.message.register(choose_sign, Command("sign"))
    router.message.register(subscribe, Command("subscribe"))
    router.message.register(unsubscribe, Command("unsubscribe"))
    router.message.register(set_zone, Command("zone"))
    router.message.register(forget_me, Command("forget_me"))
    router.message.register(help_me, Command("help"))
    router.message.register(words, F.text)
    router.callback_query.register(show_elements, F.data == "elements")
    router.callback_query.register(show_signs, F.data.startswith("element:"))
    router.callback_query.register(remember_sign, F.data.startswith("sign:"))
    router.callback_query.register(show_topic, F.data.startswith("topic:"))
    router.callback_query.register(subscribe_by_button, F.data.startswith("at:"))
    router.callback_query.register(set_zone_by_button, F.data.startswith("zone:"))
    router.callback_query.register(strange_button)
    router.inline_query.register(offer_inline)
    return router


def chat_of(message: Message, subscribers: Subscribers) -> Chat:
    """What is remembered of the chat, or a fresh one in the language of who writes."""
    known = subscribers.get(message.chat.id)
    return known or Chat(message.chat.id, language=language_of(message.from_user))


def language_of(user: User | None) -> str:
    code = (user.language_code if user else None) or "ru"
    return "ru" if code.split("-")[0] in ("ru", "be", "uk", "kk") else "en"


async def answer_day(message: Message, chat: Chat, date: dt.date, days: PublishedDays) -> None:
    """The chat's own sign for a day, or an honest word that there is nothing for it."""
    day = days.get(date)
    if chat.sign is None:
        await message.answer(say(chat.language, "which_sign"), reply_markup=element_keyboard())
    elif day is None:
        await message.answer(no_forecast_message(date, chat.language))
    else:
        text = horoscope_message(day, chat.sign, "general", chat.language)
        await message.answer(text, reply_markup=topic_keyboard(day, chat.sign, "general", chat.language))


async def start(message: Message, subscribers: Subscribers) -> None:
    chat = chat_of(message, subscribers)
    subscribers.save(replace(chat, active=True))
    await message.answer(say(chat.language, "hello"), reply_markup=element_keyboard())


async def today(message: Message, subscribers: Subscribers, days: PublishedDays, now: Now) -> None:
    chat = chat_of(message, subscribers)
    await answer_day(message, chat, chat.today(now()), days)


async def tomorrow(message: Message, subscribers: Subscribers, days: PublishedDays, now: Now) -> None:
    chat = chat_of(message, subscribers)
    await answer_day(message, chat, chat.today(now()) + dt.timedelta(days=1), days)


async def choose_sign(message: Message, subscribers: Subscribers) -> None:
    language = chat_of(message, subscribers).language
    await message.answer(say(language, "which_sign"), reply_markup=element_keyboard())


async def subscribe(message: Message, command: CommandObject, subscribers: Subscribers, now: Now) -> None:
    """`/subscribe 08:30`: every day at that time of the chat's zone; without a time, buttons with some."""
    chat = chat_of(message, subscribers)
    if chat.sign is None:
        await message.answer(say(chat.language, "which_sign"), reply_markup=element_keyboard())
    elif told := subscribe_at(chat, command.args or "", subscribers, now()):
        await message.answer(told)
    else:
        await message.answer(say(chat.language, "subscribe_how"), reply_markup=hour_keyboard())


async def subscribe_by_button(query: CallbackQuery, subscribers: Subscribers, now: Now) -> None:
    if isinstance(query.message, Message):
        chat = chat_of(query.message, subscribers)
        told = subscribe_at(chat, (query.data or "").partition(":")[2], subscribers, now())
        if told and chat.sign:
            await query.message.edit_text(told)
    await query.answer()


def subscribe_at(chat: Chat, words: str, subscribers: Subscribers, now: dt.datetime) -> str | None:
    """Remember the time of delivery, from the next time it strikes; what to say, None if it is no time."""
    asked = CLOCK.fullmatch(words.strip())
    if asked is None:
        return None
    minute = int(asked[1]) * 60 + int(asked[2])
    local = now.astimezone(ZoneInfo(chat.zone))
    if minute <= local.hour * 60 + local.minute:
        subscribers.claim(chat.chat_id, local.date(), "skipped")  # today's hour has struck
    else:
        subscribers.release(chat.chat_id, local.date(), "skipped")
    subscribers.save(replace(chat, deliver_minute=minute, active=True))
    time = f"{minute // 60:02}:{minute % 60:02}"
    return say(chat.language, "subscribed", time=time, zone=zone_name(chat.zone, chat.language))


async def unsubscribe(message: Message, subscribers: Subscribers) -> None:
    chat = chat_of(message, subscribers)
    subscribers.save(replace(chat, deliver_minute=None))
    await message.answer(say(chat.language, "unsubscribed"))


async def set_zone(message: Message, command: CommandObject, subscribers: Subscribers, now: Now) -> None:
    """`/zone Asia/Omsk` or `/zone +6`, hours from UTC; without either, buttons with cities."""
    chat = chat_of(message, subscribers)
    zone = find_zone((command.args or "").strip())
    if zone is None:
        told = say(chat.language, "zone_how", zone=zone_name(chat.zone, chat.language))
        await message.answer(told, reply_markup=zone_keyboard(chat.language, now()))
        return
    subscribers.save(replace(chat, zone=zone))
    await message.answer(say(chat.language, "zone_set", zone=zone_name(zone, chat.language)))


async def set_zone_by_button(query: CallbackQuery, subscribers: Subscribers) -> None:
    zone = (query.data or "").partition(":")[2]
    if isinstance(query.message, Message) and zone in texts.ZONES:
        chat = replace(chat_of(query.message, subscribers), zone=zone)
        subscribers.save(chat)
        await query.message.edit_text(say(chat.language, "zone_set", zone=zone_name(zone, chat.language)))
    await query.answer()


def find_zone(words: str) -> str | None:
    """An IANA name from a name or an offset in hours; None if it is neither."""
    offset = OFFSET.fullmatch(words)
    name = f"Etc/GMT{-int(offset[1]):+d}" if offset else words  # POSIX counts the other way
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


async def forget_me(message: Message, subscribers: Subscribers) -> None:
    language = chat_of(message, subscribers).language
    subscribers.forget(message.chat.id)
    await message.answer(say(language, "forgotten"))


async def help_me(message: Message, subscribers: Subscribers) -> None:
    await message.answer(say(chat_of(message, subscribers).language, "help"))


async def words(message: Message, subscribers: Subscribers, days: PublishedDays, now: Now) -> None:
    """Plain words: a sign or a birthday is remembered and answered."""
    chat = chat_of(message, subscribers)
    try:
        sign = find_sign(message.text or "")
    except UnknownSignError:
        await message.answer(say(chat.language, "help"))
        return
    chat = replace(chat, sign=sign.slug)
    subscribers.save(chat)
    await answer_day(message, chat, chat.today(now()), days)


async def show_elements(query: CallbackQuery, subscribers: Subscribers) -> None:
    if isinstance(query.message, Message):
        await query.message.answer(
            say(chat_of(query.message, subscribers).language, "which_sign"), reply_markup=element_keyboard()
        )
    await query.answer()


async def show_signs(query: CallbackQuery, subscribers: Subscribers) -> None:
    element = (query.data or "").partition(":")[2]
    if isinstance(query.message, Message) and element in texts.ELEMENTS:
        await query.message.edit_reply_markup(reply_markup=sign_keyboard(element))
    await query.answer()


async def remember_sign(
    query: CallbackQuery, subscribers: Subscribers, days: PublishedDays, now: Now
) -> None:
    sign = (query.data or "").partition(":")[2]
    if isinstance(query.message, Message) and sign in BY_SLUG:
        chat = replace(chat_of(query.message, subscribers), sign=sign)
        subscribers.save(chat)
        await answer_day(query.message, chat, chat.today(now()), days)
    await query.answer()


async def show_topic(query: CallbackQuery, subscribers: Subscribers, days: PublishedDays) -> None:
    """Another topic in place of the shown one; buttons of a day no longer kept say so."""
    _, date, sign, topic = ((query.data or "").split(":") + [""] * 3)[:4]
    language = language_of(query.from_user)
    day = next((day for kept in days.dates if str(kept) == date and (day := days.get(kept))), None)
    if day is None or sign not in BY_SLUG or not day.find(sign, topic):
        await query.answer(say(language, "too_old"))
        return
    if query.message and not isinstance(query.message, InaccessibleMessage):
        text = horoscope_message(day, sign, topic, language)
        await query.message.edit_text(text, reply_markup=topic_keyboard(day, sign, topic, language))
    await query.answer()


async def strange_button(query: CallbackQuery) -> None:
    """A button of a bot long gone: without an answer it would spin."""
    await query.answer(say(language_of(query.from_user), "too_old"))


async def offer_inline(query: InlineQuery, subscribers: Subscribers, days: PublishedDays, now: Now) -> None:
    """`@bot лев` in any chat: that sign's topics; nothing typed: all signs."""
    chat = subscribers.get(query.from_user.id) or Chat(
        query.from_user.id, language=language_of(query.from_user)
    )
    day = days.get(chat.today(now()))
    results: list[InlineQueryResultUnion] = []
    if day:
        try:
            cells = [(find_sign(query.query).slug, topic) for topic in day.topics]
        except UnknownSignError:
            cells = [] if query.query.strip() else [(sign.slug, "general") for sign in SIGNS]
        for sign, topic in cells:
            content = InputTextMessageContent(
                message_text=horoscope_message(day, sign, topic, chat.language), parse_mode="HTML"
            )
            title = f"{BY_SLUG[sign].symbol} {BY_SLUG[sign].name} · {texts.TOPICS[topic]}"
            results.append(
                InlineQueryResultArticle(
                    id=f"{day.date}:{sign}:{topic}", title=title, input_message_content=content
                )
            )
    await query.answer(results, cache_time=60, is_personal=True)
