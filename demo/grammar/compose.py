"""Texts of one site, day and topic: a key comes in, twelve different horoscopes go out, always the same.

A text follows one thread of its topic from opening to close; of several drafts in the wanted length the one
that repeats itself least is taken.
"""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha256
from random import Random

from demo.grammar.fragments import Thread, elements, synonyms, topic
from demo.grammar.markup import Piece, choose, fill, parse
from demo.grammar.signs import SIGNS, Sign

Band = tuple[int, int]
"""Shortest and longest length wanted, in characters."""
SHORT: Band = (120, 299)
MIDDLE: Band = (300, 500)
LONG: Band = (501, 700)
ORDINARY = {SHORT: 12, MIDDLE: 74, LONG: 14}
BRIEF = {SHORT: 48, MIDDLE: 47, LONG: 5}

_IMPERSONAL = {"anti", "cook", "mobile", "beauty", "en/general"}
"""Topics where a line about the temperament would break the thought."""
_STEM = re.compile(r"[а-яё]{6,}")
_DRAFTS = 3
_TRIES = 12
_SENTENCE_CHARS = 70
"""About as long as an opening, a line or a piece of advice is."""


def seeded(*key: str) -> Random:
    """Return a generator that depends on `key` alone, on any machine and Python."""
    return Random(int.from_bytes(sha256("\x1f".join(key).encode()).digest()[:8], "big"))


def compose_page(day: str, topic_name: str, site: str, lengths: dict[Band, int]) -> dict[str, str]:
    """Return sign -> text, all different; neighbours in the zodiac follow different threads."""
    threads = list(topic(topic_name).threads)
    seeded("threads", day, topic_name, site).shuffle(threads)
    page: dict[str, str] = {}
    for index, sign in enumerate(SIGNS.values()):
        rng = seeded("text", day, sign.slug, topic_name, site)
        band = rng.choices(list(lengths), weights=list(lengths.values()))[0]
        text = _text(threads[index % len(threads)], sign, topic_name, band, rng)
        while text in page.values():
            text = _text(threads[index % len(threads)], sign, topic_name, band, rng)
        page[sign.slug] = text
    return page


def _text(thread: Thread, sign: Sign, topic_name: str, band: Band, rng: Random) -> str:
    drafts: list[str] = []
    for _ in range(_TRIES):
        draft = _draft(thread, sign, topic_name, band, rng)
        if band[0] <= len(draft) <= band[1]:
            drafts.append(draft)
        if len(drafts) == _DRAFTS:
            break
    return min(drafts or [draft], key=repeats)


def repeats(text: str) -> int:
    """How many long words of `text` come again in it, in any form."""
    stems = [word[:5] for word in _STEM.findall(text.lower())] + re.findall("сегодня", text.lower())
    return len(stems) - len(set(stems))


def _draft(thread: Thread, sign: Sign, topic_name: str, band: Band, rng: Random) -> str:
    target = rng.randint(*band)
    has_close = target > MIDDLE[1] or rng.random() < 0.4
    wanted = max(1, round(target / _SENTENCE_CHARS) - 2 - has_close)
    kept = sorted(rng.sample(range(len(thread.body)), min(wanted, len(thread.body))))
    advice = rng.sample(thread.advice, 2 if target > MIDDLE[1] else 1)
    plan = [rng.choice(thread.open), *(thread.body[index] for index in kept), *advice]
    if topic_name not in _IMPERSONAL and target > MIDDLE[0] and rng.random() < 0.2:
        plan[1] = rng.choice(elements()[sign.element][thread.tone])
    if has_close:
        plan.append(rng.choice(topic(topic_name).close[thread.tone]))
    return fill(" ".join(choose(_pieces(line), rng) for line in plan), sign, rng)


@cache
def _pieces(line: str) -> tuple[Piece, ...]:
    """Return the parsed line with each word that has synonyms, outside of slots, turned into a choice."""
    words = "|".join(sorted(synonyms(), key=len, reverse=True))
    return parse(re.sub(rf"\{{[^{{}}]*\}}|\b(?:{words})\b", _choice_of_synonyms, line, flags=re.IGNORECASE))


def _choice_of_synonyms(match: re.Match[str]) -> str:
    word = match[0].lower()
    return f"{{{'|'.join([word, *synonyms()[word]])}}}" if word in synonyms() else match[0]
