"""The little language of the fragments: a fragment comes in, a sentence with its choices made goes out.

`[a|b] … [x|y]` is a choice in columns: choices of as many options fall alike, a with x, b with y.
`{a|b}` is a choice by itself. `{dat}` is the sign's people in a case, `{sg_gen}` the sign itself;
`{готов/готова/готовы}` agrees with the sign itself; `{morning}`, `{noon}`, `{evening}` are times of day.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from random import Random

from demo.grammar.signs import Sign

TIMES = {
    "morning": ("с утра", "утром", "в первой половине дня", "до обеда", "в начале дня"),
    "noon": ("днём", "ближе к обеду", "в середине дня", "после обеда", "после полудня"),
    "evening": ("вечером", "ближе к вечеру", "к концу дня", "под вечер", "в конце дня"),
}
_TOKEN = re.compile(r"[\[\]|]|(?:\{[^{}]*\}|[^\[\]|{}])+")
_SLOT = re.compile(r"\{([^{}]+)\}")
_HARD_START = re.compile(r"\b([КкСс]) (?=Льв)")
_SENTENCE_START = re.compile(r"(^|[.!?…] )([а-яёa-z])")

Piece = str | tuple[tuple["Piece", ...], ...]


@cache
def parse(fragment: str) -> tuple[Piece, ...]:
    """Return a fragment as literal pieces and choices; ValueError if its brackets do not match."""
    tokens = _TOKEN.findall(fragment)
    pieces, rest = _sequence(tokens, 0)
    if rest != len(tokens):
        raise ValueError(f"expected matching brackets, found a stray {tokens[rest]!r} in {fragment!r}")
    return pieces


def _sequence(tokens: list[str], at: int) -> tuple[tuple[Piece, ...], int]:
    pieces: list[Piece] = []
    while at < len(tokens) and tokens[at] not in "|]":
        if tokens[at] == "[":
            choice, at = _choice(tokens, at + 1)
            pieces.append(choice)
        else:
            pieces.append(tokens[at])
            at += 1
    return tuple(pieces), at


def _choice(tokens: list[str], at: int) -> tuple[tuple[tuple[Piece, ...], ...], int]:
    options: list[tuple[Piece, ...]] = []
    while True:
        option, at = _sequence(tokens, at)
        options.append(option)
        if at == len(tokens):
            raise ValueError(f"expected ']', found the end in {''.join(tokens)!r}")
        at += 1
        if tokens[at - 1] == "]":
            return tuple(options), at


def choose(pieces: tuple[Piece, ...], rng: Random, picked: dict[int, int] | None = None) -> str:
    """Return the pieces joined; choices with as many options fall alike. Slots stay as they are."""
    picked = {} if picked is None else picked
    text = ""
    for piece in pieces:
        if not isinstance(piece, str):
            count = len(piece)
            if count not in picked:
                picked[count] = rng.randrange(count)
            piece = choose(piece[picked[count]], rng, picked)
        text += piece
    return text


def fill(text: str, sign: Sign, rng: Random) -> str:
    """Return `text` with slots filled for `sign`, sentences capitalised; KeyError for an unknown slot."""
    filled = _HARD_START.sub(r"\1о ", _SLOT.sub(_filler(sign, rng), text))
    return _SENTENCE_START.sub(lambda match: match[1] + match[2].upper(), filled)


def _filler(sign: Sign, rng: Random) -> Callable[[re.Match[str]], str]:
    def word(match: re.Match[str]) -> str:
        slot = match[1]
        if "|" in slot:
            return rng.choice(slot.split("|"))
        if "/" in slot:
            return slot.split("/")[sign.gender]
        key = slot.lower()
        return rng.choice(TIMES[key]) if key in TIMES else sign.words[key]

    return word
