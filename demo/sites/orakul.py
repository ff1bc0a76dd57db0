"""orakul.com: one sign and topic a page, three days; Leo is `lion` in its addresses."""

from __future__ import annotations

import re
from datetime import timedelta

from demo.grammar.signs import SIGNS
from demo.sites.templates import render
from demo.sites.visit import Page, Visit
from demo.sites.words import long_date

HOST = "orakul.com"
TOPICS = {
    "general": ("general", "Общий"),
    "love": ("love", "Любовный"),
    "family": ("family", "Семейный"),
    "career": ("career", "Карьера"),
    "health": ("health", "Здоровье"),
    "tinager": ("teen", "Тинейджер"),
    "flirt": ("flirt", "Флирт"),
    "amigos": ("friends", "Друзья"),
}
"""The site's name of a topic -> topic and heading."""
PERIODS = {"yesterday": -1, "today": 0, "tomorrow": 1}
PATHS = ("/horoscope/astrologic/general/lion/today.html", "/horoscope/astrologic/amigos/lion/tomorrow.html")
_PAGE = re.compile(rf"/horoscope/astrologic/({'|'.join(TOPICS)})/([a-z]+)/({'|'.join(PERIODS)})\.html")


def answer(visit: Visit) -> Page | None:
    """Return the page at `visit.path`, or None where the site has none."""
    match = _PAGE.fullmatch(visit.path)
    if not match or match[2] == "leo":
        return None
    slug = "leo" if match[2] == "lion" else match[2]
    topic, label = TOPICS[match[1]]
    day = visit.day + timedelta(PERIODS[match[3]])
    text = visit.texts(topic, day).get(slug)
    if text is None:
        return None
    return render(
        "orakul.html",
        name=SIGNS[slug].words["sg"],
        label=label,
        printed=long_date(visit.printed(day)),
        text=text,
        topics=[
            (title, f"/horoscope/astrologic/{name}/{match[2]}/today.html")
            for name, (_, title) in TOPICS.items()
        ],
    )
