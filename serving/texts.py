"""Every word a reader sees that no model wrote: page, API and command line; Russian and English in one
place.
"""

from __future__ import annotations

import datetime as dt

DISCLAIMER = "Написано нейросетью, для развлечения."
NO_FORECAST = "Прогноза пока нет"

TOPICS = {
    "general": "Общий",
    "love": "Любовь",
    "business": "Дела",
    "health": "Здоровье",
    "career": "Карьера",
    "finance": "Деньги",
    "erotic": "Страсть",
    "anti": "Антигороскоп",
    "cook": "Кухня",
    "mobile": "Связь",
    "family": "Семья",
    "beauty": "Красота",
    "man": "Мужчинам",
    "woman": "Женщинам",
    "teen": "Подросткам",
    "flirt": "Флирт",
    "friends": "Друзья",
}
ELEMENTS = {"fire": "Огонь", "earth": "Земля", "air": "Воздух", "water": "Вода"}
MONTHS = ("января февраля марта апреля мая июня июля августа сентября октября ноября декабря").split()  # noqa: SIM905
WEEKDAYS = ["понедельник", "вторник", "среда", "четверг", "пятница", "суббота", "воскресенье"]
STATUS_NOTES = {
    "champion": "",
    "previous_champion": "Сегодняшний текст написала предыдущая модель: новая не прошла проверку.",
}


def spell_date(day: dt.date) -> str:
    """`23 ноября, понедельник`."""
    return f"{day.day} {MONTHS[day.month - 1]}, {WEEKDAYS[day.weekday()]}"


def spell_day(day: dt.date) -> str:
    """`23 ноября`."""
    return f"{day.day} {MONTHS[day.month - 1]}"
