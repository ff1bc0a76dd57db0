"""The characters of a text: in comes what a page sent, out come letters, digits and ordinary punctuation.

Each step is a function `str -> str` that leaves a sound text as it is.
"""

from __future__ import annotations

import html
import re
import unicodedata

_UNUSUAL = re.compile("[^А-Яа-яЁё0-9 .,!?:;—«»…()-]")
_TAG = re.compile(r"</?[a-z][a-z0-9]*\b[^<>]{0,300}>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_MOJIBAKE = re.compile(
    "[ÐÑ][\u0080-\u00bf]|(?:[ÐÑ][^А-я]){3}|\ufffd"
    "|(?:[РС][\u0080-\u00bf\u0402-\u040f\u0452-\u045f\u2010-\u20ac]){3}"
)
_INVISIBLE = dict.fromkeys(
    [0xAD, 0x300, 0x301, 0x2060, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F)]
)
_SPACES = re.compile("[\\s\u0085\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_QUOTES = {**dict.fromkeys(map(ord, "“”„‟″"), '"'), **dict.fromkeys(map(ord, "’‘‛′"), "'")}
_SYMBOL = re.compile("[^A-Za-zÀ-ÖØ-öø-ÿ\u0400-\u04ff0-9 .,!?:;—«»…()'\"%№/+@#-]")
_LOOKALIKES = str.maketrans("aceopxyABCEHKMOPTXYkmt", "асеорхуАВСЕНКМОРТХУкмт")
_MIXED_WORD = re.compile(r"[A-Za-z]*(?:[А-Яа-яЁё][A-Za-z]|[A-Za-z][А-Яа-яЁё])[A-Za-zА-Яа-яЁё]*")
_LONE_LATIN = re.compile(r"(?<=[а-яё,] )[aceoyCOBK](?= [а-яё])")


def has_unusual(text: str) -> bool:
    """The look before these steps: is there more than Russian letters, digits and plain punctuation?"""
    return _UNUSUAL.search(text) is not None


def has_mojibake(text: str) -> bool:
    """Whether bytes of one encoding were read as another, or were lost on the way."""
    return _MOJIBAKE.search(text) is not None


def mojibake_repaired(text: str) -> str:
    """UTF-8 that was read as Latin-1 or a Windows code page, read right again where no byte was lost."""
    if not has_mojibake(text):
        return text
    for codec in ("latin-1", "cp1252", "cp1251"):
        try:
            repaired = text.encode(codec).decode("utf-8")
        except UnicodeError:
            continue
        if sum("а" <= letter <= "я" for letter in repaired) > len(repaired) // 2:
            return repaired
    return text


def html_removed(text: str) -> str:
    return _TAG.sub(" ", html.unescape(text)) if "&" in text or "<" in text else text


def spaces_repaired(text: str) -> str:
    """NFC; soft hyphens, zero-width signs and stress marks out; each run of any spaces is one space."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text).translate(_INVISIBLE)).strip()


def signs_unified(text: str) -> str:
    """One sign for each purpose: a straight quote, an apostrophe, a hyphen, a long dash between spaces."""
    text = re.sub(r"(?<=\s)[‑‒–―−-](?=\s)", "—", text.translate(_QUOTES))
    return re.sub("[‐‑‒–―−]", "-", text)


def lookalikes_repaired(text: str) -> str:
    """Latin letters that stand for Cyrillic ones inside a Russian word, or as a one-letter Russian word."""

    def as_cyrillic(word: re.Match[str]) -> str:
        repaired = word.group().translate(_LOOKALIKES)
        return word.group() if re.search("[A-Za-z]", repaired) else repaired

    return _LONE_LATIN.sub(as_cyrillic, _MIXED_WORD.sub(as_cyrillic, text))


def symbols_removed(text: str) -> str:
    """Only letters, digits and punctuation stay: no emoji, no arrows, no private-use signs."""
    return _SYMBOL.sub("", text)
