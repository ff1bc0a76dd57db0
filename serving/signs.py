"""The twelve signs as readers name them: slug, Russian word in any case, English word, symbol or birthday
in, a `Sign` out.

>>> find_sign("льва").slug, find_sign("♌").slug, find_sign("17 мая").slug ('leo', 'leo', 'taurus')
"""

from __future__ import annotations

import datetime as dt
import re
from typing import NamedTuple


class Sign(NamedTuple):
    """One sign of the zodiac."""

    slug: str
    """As in every file: `leo`."""
    name: str
    """Russian, nominative: `Лев`."""
    symbol: str
    """One Unicode character without a variation selector: `♌`."""
    element: str
    """`fire`, `earth`, `air` or `water`."""
    starts: tuple[int, int]
    """(month, day) of the first birthday; the last is the day before the next sign starts."""
    forms: str
    """Russian declined forms, lower case, space between."""


SIGNS = (
    Sign("aries", "Овен", "♈", "fire", (3, 21), "овен овна овну овном овне овны овнов овнам"),
    Sign(
        "taurus", "Телец", "♉", "earth", (4, 21), "телец тельца тельцу тельцом тельце тельцы тельцов тельцам"
    ),
    Sign(
        "gemini",
        "Близнецы",
        "♊",
        "air",
        (5, 21),
        "близнецы близнецов близнецам близнецами близнецах близнец",
    ),
    Sign("cancer", "Рак", "♋", "water", (6, 22), "рак рака раку раком раке раки раков ракам"),
    Sign("leo", "Лев", "♌", "fire", (7, 23), "лев льва льву львом льве львы львов львам"),
    Sign("virgo", "Дева", "♍", "earth", (8, 24), "дева девы деве деву девой дев девам"),
    Sign("libra", "Весы", "♎", "air", (9, 24), "весы весов весам весами весах"),
    Sign(
        "scorpio",
        "Скорпион",
        "♏",
        "water",
        (10, 24),
        "скорпион скорпиона скорпиону скорпионом скорпионе скорпионы",
    ),
    Sign(
        "sagittarius",
        "Стрелец",
        "♐",
        "fire",
        (11, 23),
        "стрелец стрельца стрельцу стрельцом стрельце стрельцы",
    ),
    Sign(
        "capricorn",
        "Козерог",
        "♑",
        "earth",
        (12, 22),
        "козерог козерога козерогу козерогом козероге козероги",
    ),
    Sign("aquarius", "Водолей", "♒", "air", (1, 21), "водолей водолея водолею водолеем водолее водолеи"),
    Sign("pisces", "Рыбы", "♓", "water", (2, 20), "рыбы рыб рыбам рыбами рыбах рыба"),
)
BY_SLUG = {sign.slug: sign for sign in SIGNS}
BY_NAME = {word: sign for sign in SIGNS for word in (sign.slug, sign.symbol, *sign.forms.split())}
ELEMENTS = ("fire", "earth", "air", "water")

MONTHS = "янв фев мар апр ма июн июл авг сен окт ноя дек".split()  # noqa: SIM905
NUMERIC_BIRTHDAY = (
    re.compile(r"(?:\d{4}-)?(?P<month>\d{1,2})-(?P<day>\d{1,2})"),  # 1990-05-17, 05-17
    re.compile(r"(?P<day>\d{1,2})[./](?P<month>\d{1,2})(?:[./]\d{2,4})?"),  # 17.05.1990, 17.5, 17/05
)
WORDED_BIRTHDAY = re.compile(r"(?P<day>\d{1,2})\s+(?P<word>[а-я]{3,9})(?:\s+\d{4})?(?:\s*г\.?)?")


class UnknownSignError(LookupError):
    """The words name no sign and no birthday; the message lists what is known."""


def find_sign(words: str) -> Sign:
    """The sign that `words` name: `leo`, `ЛЬВУ`, `♌️`, `Leo`, `17.05.1990`, `1990-05-17`, `17 мая`."""
    plain = " ".join(words.replace("\ufe0f", "").replace("\ufe0e", "").lower().replace("ё", "е").split())
    found = BY_NAME.get(plain)
    if found is None:
        birthday = parse_birthday(plain)
        found = sign_of_birthday(*birthday) if birthday else None
    if found is None:
        known = ", ".join(sign.slug for sign in SIGNS)
        raise UnknownSignError(
            f"expected a sign or a birthday, found {words[:40]!r}; known signs: {known}; "
            "a Russian name (Лев), a symbol (♌) or a birthday (17.05.1990) will do too"
        )
    return found


def parse_birthday(words: str) -> tuple[int, int] | None:
    """(month, day) of a birthday as people write it, None if it is none; the year may be absent."""
    for pattern in NUMERIC_BIRTHDAY:
        if found := pattern.fullmatch(words):
            return _real_day(int(found["month"]), int(found["day"]))
    if found := WORDED_BIRTHDAY.fullmatch(words):
        month = month_of_word(found["word"])
        return _real_day(month, int(found["day"])) if month else None
    return None


def month_of_word(word: str) -> int | None:
    """1-12 for a Russian month in any case: `мая`, `ноябре`, `марта`; None for another word."""
    stems = [(number, stem) for number, stem in enumerate(MONTHS, start=1) if word.startswith(stem)]
    return max(stems, key=lambda pair: len(pair[1]))[0] if stems else None


def sign_of_birthday(month: int, day: int) -> Sign:
    started = [sign for sign in SIGNS if sign.starts <= (month, day)]
    return max(started, key=lambda sign: sign.starts) if started else BY_SLUG["capricorn"]


def birthdays(sign: Sign) -> tuple[dt.date, dt.date]:
    """First and last birthday of the sign in a leap year; capricorn's last is in January of the next."""
    next_sign = SIGNS[(SIGNS.index(sign) + 1) % len(SIGNS)]
    first = dt.date(2024, *sign.starts)
    year = 2024 if next_sign.starts > sign.starts else 2025
    return first, dt.date(year, *next_sign.starts) - dt.timedelta(days=1)


def _real_day(month: int, day: int) -> tuple[int, int] | None:
    try:
        dt.date(2024, month, day)
    except ValueError:
        return None
    return month, day
