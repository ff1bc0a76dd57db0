"""Every word a reader sees that no model wrote: page, API and command line; Russian and English in one
place.
"""

from __future__ import annotations

import datetime as dt

DISCLAIMER = "Написано нейросетью, для развлечения."
NO_FORECAST = "Прогноза пока нет"
NO_OLD_FORECAST = "Прогноза нет"

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


ZONES = {
    "Europe/Kaliningrad": ("Калининград", "Kaliningrad"),
    "Europe/Moscow": ("Москва", "Moscow"),
    "Europe/Samara": ("Самара", "Samara"),
    "Asia/Yekaterinburg": ("Екатеринбург", "Yekaterinburg"),
    "Asia/Omsk": ("Омск", "Omsk"),
    "Asia/Novosibirsk": ("Новосибирск", "Novosibirsk"),
    "Asia/Irkutsk": ("Иркутск", "Irkutsk"),
    "Asia/Yakutsk": ("Якутск", "Yakutsk"),
    "Asia/Vladivostok": ("Владивосток", "Vladivostok"),
    "Asia/Magadan": ("Магадан", "Magadan"),
    "Asia/Kamchatka": ("Камчатка", "Kamchatka"),
}
"""Time zones a chat may choose with a button: Russia's eleven, Russian and English."""
BOT_COMMANDS = {
    "ru": {
        "today": "гороскоп на сегодня",
        "tomorrow": "гороскоп на завтра",
        "sign": "сменить знак",
        "subscribe": "присылать каждый день",
        "unsubscribe": "больше не присылать",
        "zone": "часовой пояс",
        "forget_me": "забыть обо мне всё",
        "help": "что я умею",
    },
    "en": {
        "today": "today's horoscope",
        "tomorrow": "tomorrow's horoscope",
        "sign": "another sign",
        "subscribe": "send it every day",
        "unsubscribe": "send no more",
        "zone": "time zone",
        "forget_me": "forget all about me",
        "help": "what I can do",
    },
}
"""The menu of the bot; Telegram shows it in the language of whoever looks."""
BOT = {
    "ru": {
        "hello": "Здравствуйте! Каждый день здесь новый гороскоп. Его пишет нейросеть, для развлечения.\n\n"
        "Выберите стихию, потом знак, или пришлите день рождения: «17 мая».",
        "which_sign": "Какой у вас знак? Выберите стихию или пришлите день рождения.",
        "other_sign": "Другой знак",
        "no_forecast": "На {date} прогноза пока нет. Чужой день за этот мы не выдаём, загляните позже.",
        "no_topic": "Такой темы в этот день нет. Есть: {topics}.",
        "too_old": "Этого дня уже нет под рукой. Нажмите /today",
        "subscribe_how": "В котором часу присылать? Нажмите на кнопку или напишите время: /subscribe 08:30",
        "subscribed": "Буду писать каждый день в {time}, время: {zone}. Другой часовой пояс: "
        "/zone. Отписаться: /unsubscribe",
        "unsubscribed": "Больше сам писать не буду. Гороскоп по просьбе: /today",
        "zone_how": "Сейчас ваше время: {zone}. Выберите город или напишите часы от UTC: /zone +5",
        "zone_set": "Готово. Ваше время теперь: {zone}.",
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
        "subscribe_how": "At what time? Press a button or send the time: /subscribe 08:30",
        "subscribed": "I will write every day at {time}, {zone} time. Another time zone: /zone. "
        "To stop: /unsubscribe",
        "unsubscribed": "I will not write by myself any more. On demand: /today",
        "zone_how": "Your time is {zone} time. Choose a city or send the hours from UTC: /zone +5",
        "zone_set": "Done: {zone} time from now on.",
        "forgotten": "Done: all I knew about you is deleted. To come back: /start",
        "help": "/today\n/tomorrow\n/sign: another sign\n/subscribe 08:30: every "
        "day\n/unsubscribe\n/zone +5: time zone\n"
        "/forget_me\n\nOr just send a sign or a birthday.",
    },
}
