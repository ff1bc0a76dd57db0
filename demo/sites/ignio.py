"""ignio.com: an XML export a topic, four days in one file, in two encodings; newsler.ru reprints it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from demo.grammar.signs import SIGNS
from demo.sites import newsler
from demo.sites.templates import render
from demo.sites.visit import Page, Visit
from demo.sites.words import dotted

HOST = "ignio.com"
MIRRORS = ("img.ignio.com",)
TOPICS = {
    "com": "general",
    "ero": "erotic",
    "anti": "anti",
    "bus": "business",
    "hea": "health",
    "cook": "cook",
    "lov": "love",
    "mob": "mobile",
}
"""File -> topic."""
DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1, "tomorrow02": 2}
_ENCODINGS = {"utf": "utf-8", "win": "windows-1251"}
_PAGE = re.compile(rf"/r/export/(utf|win)/xml/daily/({'|'.join(TOPICS)})\.xml")
PATHS = ("/r/export/utf/xml/daily/com.xml", "/r/export/win/xml/daily/cook.xml")


def answer(visit: Visit) -> Page | None:
    """Return the file at `visit.path`, or None where the site has none."""
    match = _PAGE.fullmatch(visit.path)
    if not match:
        return None
    encoding, topic = _ENCODINGS[match[1]], TOPICS[match[2]]
    days = {name: visit.day + timedelta(shift) for name, shift in DAYS.items()}
    reprinted = replace(visit, host=newsler.HOST)
    texts = {name: reprinted.texts(topic, day) for name, day in days.items()}
    return render(
        "ignio.xml",
        f"text/xml; charset={encoding}",
        encoding,
        declared=encoding,
        dates={name: dotted(visit.printed(day)) for name, day in days.items()},
        signs=[
            (slug, [(name, by_sign[slug]) for name, by_sign in texts.items()])
            for slug in SIGNS
            if slug in texts["today"]
        ],
    )
