"""Horoscopes nobody has published: a day, a sign, a topic and a site come in, a Russian text goes out.

The same arguments always give the same text. As in life, sites copy one another now and then, and a site
sometimes reprints what it published weeks ago. `python -m demo.grammar --days 30` dumps texts.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

from demo.grammar.compose import BRIEF, ORDINARY, compose_page, seeded
from demo.grammar.fragments import topics

__all__ = ["SITES", "page", "topics", "write"]

SITES: dict[str, tuple[str, ...]] = {
    "74.ru": ("general",),
    "retrofm.ru": ("general",),
    "newsler.ru": ("general", "erotic", "anti", "business", "health", "cook", "love", "mobile"),
    "astroscope.ru": ("general",),
    "horoscopes.rambler.ru": ("general", "love", "erotic", "career", "woman", "man"),
    "horo.mail.ru": ("general",),
    "1001goroskop.ru": ("general",),
    "gadalkindom.ru": ("general", "love", "finance", "man", "woman"),
    "goroskop365.ru": ("general", "love", "business"),
    "orakul.com": ("general", "love", "family", "career", "health", "teen", "flirt", "friends"),
    "thevoicemag.ru": ("general",),
    "my-calend.ru": ("general",),
    "astrostar.ru": ("general",),
    "globalmsk.ru": ("general", "business"),
    "7days.ru": ("general",),
    "hyrax.ru": ("general", "love", "mobile", "cook"),
}
"""Which topics each Russian site publishes every day; `en/general` is the one English topic."""
_BRIEF_SITES = {"newsler.ru", "hyrax.ru"}
_COPIED = 0.04
_REPRINTED = 0.02


def write(day: date, sign: str, topic: str, site: str) -> str:
    """Return the text of `site` for `sign` and `topic` on `day`; KeyError for an unknown sign or topic."""
    return page(day, topic, site)[sign]


@lru_cache(maxsize=4096)
def page(day: date, topic: str, site: str) -> dict[str, str]:
    """Return sign -> text as `site` publishes them on `day`: mostly its own, some copied, some reprinted."""
    texts = dict(_own(day, topic, site))
    for sign in texts:
        foreign = _foreign(day, sign, topic, site)
        # No two signs of a page may show one text: that would be an accident, not a habit.
        if foreign and foreign not in texts.values():
            texts[sign] = foreign
    return texts


def _foreign(day: date, sign: str, topic: str, site: str) -> str | None:
    """Return the text copied or reprinted for a cell, None where the site writes its own."""
    rng = seeded("fate", day.isoformat(), sign, topic, site)
    fate = rng.random()
    donors = [other for other in SITES if other != site and topic in SITES[other]]
    if fate < _COPIED and donors:
        return _own(day, topic, rng.choice(donors))[sign]
    if fate > 1 - _REPRINTED:
        return _own(day - timedelta(days=rng.randint(3, 40)), topic, site)[sign]
    return None


@lru_cache(maxsize=4096)
def _own(day: date, topic: str, site: str) -> dict[str, str]:
    lengths = BRIEF if site in _BRIEF_SITES else ORDINARY
    return compose_page(day.isoformat(), topic, site, lengths)
