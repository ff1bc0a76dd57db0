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


BOT = {
    "ru": {
        "hello": "Здравствуйте! Каждый день здесь новый гороскоп. Его пишет нейросеть, для развлечения.\n\n"
        "Выберите стихию, потом знак, или пришлите день рождения: «17 мая».",
        "which_sign": "Какой у вас знак? Выберите стихию или пришлите день рождения.",
        "other_sign": "Другой знак",
        "no_forecast": "На {date} прогноза пока нет. Чужой день за этот мы не выдаём, загляните позже.",
        "no_topic": "Такой темы в этот день нет. Есть: {topics}.",
        "too_old": "Этого дня уже нет под рукой. Нажмите /today",
        "subscribe_how": "Напишите время: /subscribe 08:30",
        "subscribed": "Буду писать каждый день в {time} ({zone}). Другой часовой пояс: "
        "/zone +5. Отписаться: /unsubscribe",
        "unsubscribed": "Больше сам писать не буду. Гороскоп по просьбе: /today",
        "zone_how": "Сейчас ваш пояс {zone}. Напишите, например: /zone Asia/Yekaterinburg "
        "или /zone +5 (часы от UTC).",
        "zone_set": "Ваш пояс теперь {zone}.",
        "forgotten": "Готово: всё, что я о вас помнил, удалено. Вернуться можно через /start",
        "help": "/today — на сегодня\n/tomorrow — на завтра\n/sign — сменить "
        "знак\n/subscribe 08:30 — присылать каждый день\n"
        "/unsubscribe — не присылать\n/zone +5 — часовой пояс\n/forget_me — забыть "
        "меня\n\nИли просто пришлите знак или день рождения.",
    },
    "en": {
        "hello": "Hello! A new horoscope every day, in Russian, written by a neural "
        "network, for entertainment.\n\n"
        "Choose an element, then a sign, or send your birthday: 17.05",
        "which_sign": "What is your sign? Choose an element or send your birthday.",
        "other_sign": "Another sign",
        "no_forecast": "There is no forecast for {date} yet. We never pass another day off "
        "as this one; come back later.",
        "no_topic": "No such topic that day. There are: {topics}.",
        "too_old": "That day is no longer at hand. Press /today",
        "subscribe_how": "Send a time: /subscribe 08:30",
        "subscribed": "I will write every day at {time} ({zone}). Another time zone: /zone "
        "+5. To stop: /unsubscribe",
        "unsubscribed": "I will not write by myself any more. On demand: /today",
        "zone_how": "Your zone is {zone}. Send, for example: /zone Asia/Yekaterinburg or "
        "/zone +5 (hours from UTC).",
        "zone_set": "Your zone is now {zone}.",
        "forgotten": "Done: all I knew about you is deleted. To come back: /start",
        "help": "/today\n/tomorrow\n/sign: another sign\n/subscribe 08:30: every "
        "day\n/unsubscribe\n/zone +5: time zone\n"
        "/forget_me\n\nOr just send a sign or a birthday.",
    },
}
