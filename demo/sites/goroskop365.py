"""goroskop365.ru: one sign a page in three topics, today at the root and tomorrow under `/zavtra`."""

from __future__ import annotations

import re

from demo.grammar.signs import SIGNS
from demo.sites.templates import render
from demo.sites.visit import Page, Visit
from demo.sites.words import long_date, weekday

HOST = "goroskop365.ru"
TOPICS = {
    "": ("general", "Гороскоп"),
    "lyubov/": ("love", "Любовный гороскоп"),
    "biznes/": ("business", "Бизнес-гороскоп"),
}
"""Folder -> topic and how headings call it."""
PATHS = ("/leo/", "/lyubov/leo/", "/biznes/leo/", "/zavtra/leo/", "/zavtra/lyubov/leo/")
_PAGE = re.compile(rf"/(zavtra/)?({'|'.join(TOPICS)})({'|'.join(SIGNS)})/")


def answer(visit: Visit) -> Page | None:
    """Return the page at `visit.path`, or None where the site has none."""
    match = _PAGE.fullmatch(visit.path)
    if not match:
        return None
    tomorrow, folder, slug = match.groups()
    day = visit.tomorrow if tomorrow else visit.day
    topic, label = TOPICS[folder]
    text = visit.texts(topic, day).get(slug)
    if text is None:
        return None
    printed = visit.printed(day)
    name = SIGNS[slug].words["sg"]
    return render(
        "goroskop365.html",
        heading=f"{label} на {'завтра' if tomorrow else 'сегодня'} — {name}",
        printed=f"{long_date(printed)}, {weekday(printed)}",
        text=text,
        name=name,
        love=len(text) % 60 + 40,
        work=day.toordinal() % 60 + 40,
        menu=[(SIGNS[other].words["sg"], f"/{tomorrow or ''}{folder}{other}/") for other in SIGNS],
    )
