"""What the bot says: a day, a sign and a topic in, message text and keyboards out; the words are in
`serving.texts`.
"""

from __future__ import annotations

import datetime as dt
import re
from html import escape
from zoneinfo import ZoneInfo

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from serving import texts
from serving.days import Day
from serving.signs import BY_SLUG, ELEMENTS, SIGNS

ELEMENT_SYMBOLS = {"fire": "🔥", "earth": "🌿", "air": "💨", "water": "💧"}
BUTTONS_IN_ROW = 4
DELIVERY_TIMES = ("06:00", "07:00", "07:30", "08:00", "08:30", "09:00", "10:00", "20:00")


def say(language: str, key: str, **values: object) -> str:
    """A phrase of the bot in the chat's language, values filled in."""
    return texts.BOT[language][key].format(**values)


def horoscope_message(day: Day, sign: str, topic: str, language: str) -> str:
    """One horoscope as HTML, with its own date; every published topic has every sign."""
    shown = BY_SLUG[sign]
    horoscope = day.find(sign, topic)
    if horoscope is None:
        return say(language, "no_topic", topics=", ".join(texts.TOPICS[known] for known in day.topics))
    head = (
        f"{shown.symbol} <b>{shown.name}</b> · {texts.spell_date(day.date)} · {texts.TOPICS[topic].lower()}"
    )
    note = " ".join(part for part in (day.disclaimer, texts.STATUS_NOTES[day.status]) if part)
    return f"{head}\n\n{escape(horoscope.text)}\n\n<i>{escape(note)}</i>"


def no_forecast_message(date: dt.date, language: str) -> str:
    return say(language, "no_forecast", date=texts.spell_day(date))


def element_keyboard() -> InlineKeyboardMarkup:
    buttons = [
        InlineKeyboardButton(text=f"{ELEMENT_SYMBOLS[e]} {texts.ELEMENTS[e]}", callback_data=f"element:{e}")
        for e in ELEMENTS
    ]
    return _rows(buttons, 2)


def sign_keyboard(element: str) -> InlineKeyboardMarkup:
    """The three signs of an element."""
    signs = [sign for sign in SIGNS if sign.element == element]
    buttons = [
        InlineKeyboardButton(text=f"{s.symbol} {s.name}", callback_data=f"sign:{s.slug}") for s in signs
    ]
    return _rows(buttons, 3)


def hour_keyboard() -> InlineKeyboardMarkup:
    """Times at which people like to be written to."""
    buttons = [InlineKeyboardButton(text=time, callback_data=f"at:{time}") for time in DELIVERY_TIMES]
    return _rows(buttons, 4)


def zone_keyboard(language: str, now: dt.datetime) -> InlineKeyboardMarkup:
    """Cities with the time it is there."""
    buttons = [
        InlineKeyboardButton(
            text=f"{zone_name(zone, language)} {now.astimezone(ZoneInfo(zone)):%H:%M}",
            callback_data=f"zone:{zone}",
        )
        for zone in texts.ZONES
    ]
    return _rows(buttons, 2)


def zone_name(zone: str, language: str) -> str:
    """A city, or hours from UTC: `Etc/GMT-5` is UTC+5."""
    if zone in texts.ZONES:
        return texts.ZONES[zone][language == "en"]
    hours = re.fullmatch(r"Etc/GMT([+-]\d+)", zone)
    return f"UTC{-int(hours[1]):+d}" if hours else zone


def topic_keyboard(day: Day, sign: str, shown: str, language: str) -> InlineKeyboardMarkup:
    """The other topics of the same day, and the change of sign."""
    buttons = [
        InlineKeyboardButton(text=texts.TOPICS[topic], callback_data=f"topic:{day.date}:{sign}:{topic}")
        for topic in day.topics
        if topic != shown
    ]
    change = InlineKeyboardButton(text=say(language, "other_sign"), callback_data="elements")
    return InlineKeyboardMarkup(inline_keyboard=[*_rows(buttons, BUTTONS_IN_ROW).inline_keyboard, [change]])


def _rows(buttons: list[InlineKeyboardButton], width: int) -> InlineKeyboardMarkup:
    rows = [buttons[start : start + width] for start in range(0, len(buttons), width)]
    return InlineKeyboardMarkup(inline_keyboard=rows)
