"""Which zodiac sign a heading or label names: any case, number and spelling in Russian, English, or the
emoji.
"""

from __future__ import annotations

import re

from scraper.items import SIGNS

_NOUN = "(?:а|у|ом|е|ы|и|ов|ам|ами|ах)?"
_RUSSIAN = {
    "aries": "ов(?:ен|н(?:а|у|ом|е|ы|ов|ам|ами|ах))",
    "taurus": "тел(?:ец|ьц(?:а|у|ом|е|ы|ов|ам|ами|ах))",
    "gemini": "близнец" + _NOUN,
    "cancer": "рак" + _NOUN,
    "leo": "(?:лев|льв(?:а|у|ом|е|ы|ов|ам|ами|ах))",
    "virgo": "дев(?:а|ы|е|у|ой|ою|ам|ами|ах)?",
    "libra": "вес(?:ы|ов|ам|ами|ах)",
    "scorpio": "скорпион" + _NOUN,
    "sagittarius": "стрел(?:ец|ьц(?:а|у|ом|е|ы|ов|ам|ами|ах))",
    "capricorn": "козерог" + _NOUN,
    "aquarius": "водоле(?:й|я|ю|ем|е|и|ев|ям|ями|ях)",
    "pisces": "рыб(?:а|ы|е|у|ой|ам|ами|ах)?",
}
_LATIN = {"scorpio": "scorpios?|scorpius", "leo": "leos?", "capricorn": "capricorns?|capricornus"}
_EMOJI = dict(zip(SIGNS, "♈♉♊♋♌♍♎♏♐♑♒♓", strict=True))

_NAMES = re.compile(
    "|".join(
        rf"(?P<{sign}>\b(?:{_RUSSIAN[sign]}|{_LATIN.get(sign, sign)})\b|{_EMOJI[sign]})" for sign in SIGNS
    ),
    re.IGNORECASE,
)


def signs_in(text: str) -> set[str]:
    """All signs that a short text names. For labels: in prose «рак» and «весы» are ordinary words too."""
    return {match.lastgroup for match in _NAMES.finditer(text) if match.lastgroup}


def sign_in(text: str) -> str | None:
    """The only sign that a label names, None if it names none or several."""
    named = signs_in(text)
    return named.pop() if len(named) == 1 else None
