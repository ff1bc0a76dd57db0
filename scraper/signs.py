"""Which zodiac sign a heading or label names: any case, number and spelling in Russian, English, or the
emoji.
"""

from __future__ import annotations

import re

from scraper.items import SIGNS

_NOUN = "//а/у/ом/е/ы/и/ов/ам/ами/ах"
_RUSSIAN = {
    "aries": ("овен", "овн/а/у/ом/е/ы/ов/ам/ами/ах"),
    "taurus": ("телец", "тельц/а/у/ом/е/ы/ов/ам/ами/ах"),
    "gemini": ("близнец" + _NOUN,),
    "cancer": ("рак" + _NOUN,),
    "leo": ("лев", "льв/а/у/ом/е/ы/ов/ам/ами/ах"),
    "virgo": ("дев//а/ы/е/у/ой/ою/ам/ами/ах",),
    "libra": ("вес/ы/ов/ам/ами/ах",),
    "scorpio": ("скорпион" + _NOUN,),
    "sagittarius": ("стрелец", "стрельц/а/у/ом/е/ы/ов/ам/ами/ах"),
    "capricorn": ("козерог" + _NOUN,),
    "aquarius": ("водоле/й/я/ю/ем/е/и/ев/ям/ями/ях",),
    "pisces": ("рыб//а/ы/е/у/ой/ам/ами/ах",),
}
"""Stem and its endings; an empty ending is the bare stem."""
_LATIN = {"scorpio": ("scorpios", "scorpius"), "leo": ("leos",), "capricorn": ("capricorns", "capricornus")}
_EMOJI = dict(zip("♈♉♊♋♌♍♎♏♐♑♒♓", SIGNS, strict=True))
_WORD = re.compile(r"\w+|[♈-♓]")


def _forms() -> dict[str, str]:
    """Every written form, lower case → sign."""
    forms = dict(_EMOJI)
    for sign in SIGNS:
        for declined in _RUSSIAN[sign]:
            stem, *endings = declined.split("/")
            forms |= dict.fromkeys([stem + ending for ending in endings] or [stem], sign)
        forms |= dict.fromkeys((sign, *_LATIN.get(sign, ())), sign)
    return forms


_SIGN_BY_FORM = _forms()


def signs_in(text: str) -> set[str]:
    """All signs that a short text names. For labels: in prose «рак» and «весы» are ordinary words too."""
    words = map(_SIGN_BY_FORM.get, _WORD.findall(text.lower()))
    return {sign for sign in words if sign}


def sign_in(text: str) -> str | None:
    """The only sign that a label names, None if it names none or several."""
    named = signs_in(text)
    return named.pop() if len(named) == 1 else None
