"""Which language a text is written in, by its letters and its smallest words: a string in, a code out.

No library of the cluster's image identifies languages, and Russian has letters enough to be told from its
neighbours.
"""

from __future__ import annotations

import re

_CYRILLIC = re.compile("[\u0400-\u04ff]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
_FOREIGN_LETTERS = {"be": "ў", "kk": "әңөұү", "sr": "јљњћђџѓќѕ", "uk": "іїєґ"}
"""In this order: Belarusian and Kazakh have the Ukrainian і too."""
_NOT_RUSSIAN = re.compile("[\u0450\u0452-\u04ff]")
_VOWEL = re.compile("ъ(?![еёюя])")
_ENGLISH = re.compile(
    r"\b(?:the|and|you|your|to|of|a|is|in|will|that|it|with|for|be|this|are|on)\b", re.IGNORECASE
)


def language_of(text: str) -> str:
    """`ru`, `en`, another code that the letters give away, or `unknown`.

    Letters decide: Russian is the Cyrillic text without its neighbours' letters; Bulgarian, which has none of
    its own, uses ъ as a vowel, before any letter, where Russian has it before е, ё, ю and я only.
    """
    cyrillic, latin = len(_CYRILLIC.findall(text)), len(_LATIN.findall(text))
    if cyrillic and cyrillic >= 2 * latin:
        return _cyrillic_language(text.lower(), cyrillic)
    if latin > cyrillic:
        return "en" if len(_ENGLISH.findall(text)) * 8 >= len(text.split()) else "latin"
    return "mixed" if cyrillic else "unknown"


def _cyrillic_language(lower: str, letters: int) -> str:
    foreign = _NOT_RUSSIAN.findall(lower)
    if len(foreign) * 100 > letters:
        named = (code for code, own in _FOREIGN_LETTERS.items() if not set(own).isdisjoint(foreign))
        return next(named, "cyrillic")
    is_bulgarian = len(_VOWEL.findall(lower)) * 100 > letters and not any(letter in lower for letter in "ыэё")
    return "bg" if is_bulgarian else "ru"
