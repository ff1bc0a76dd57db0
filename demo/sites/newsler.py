"""newsler.ru: eight topics, twelve blocks or one sign a page; it prints no date and never writes ё."""

from __future__ import annotations

from demo.grammar.signs import SIGNS
from demo.sites.templates import render
from demo.sites.visit import Page, Visit
from demo.sites.words import without_yo

HOST = "newsler.ru"
SECTIONS = {
    "": ("general", "Общий"),
    "/erotic": ("erotic", "Эротический"),
    "/anti": ("anti", "Антигороскоп"),
    "/business": ("business", "Бизнес"),
    "/health": ("health", "Здоровье"),
    "/cook": ("cook", "Кулинарный"),
    "/love": ("love", "Любовный"),
    "/mobile": ("mobile", "Мобильный"),
}
"""Path after `/horoscope` -> topic and its name in the menu."""
PATHS = tuple(f"/horoscope{section}" for section in SECTIONS)


def answer(visit: Visit) -> Page | None:
    """Return the page at `visit.path`, or None where the site has none."""
    root, *parts = visit.path.strip("/").split("/")
    wanted = [parts.pop(0)] if parts and parts[0] in SIGNS else list(SIGNS)
    section = f"/{'/'.join(parts)}" if parts else ""
    if root != "horoscope" or section not in SECTIONS:
        return None
    topic, name = SECTIONS[section]
    texts = visit.texts(topic, visit.day)
    signs = [
        {"slug": slug, "name": SIGNS[slug].words["sg"], "text": without_yo(texts[slug])}
        for slug in wanted
        if slug in texts
    ]
    title = f"{name} гороскоп на сегодня" if topic != "anti" else "Антигороскоп на сегодня"
    sections = [(path, menu) for path, (_, menu) in SECTIONS.items()]
    return render("newsler.html", signs=signs, title=title, section=section, sections=sections)
