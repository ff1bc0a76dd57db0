"""horo.mail.ru: one sign a page in two paragraphs, three days, and a forecast that belongs to no sign."""

from __future__ import annotations

import re
from datetime import date, timedelta

from markupsafe import Markup, escape

from demo import grammar
from demo.grammar.signs import SIGNS
from demo.sites.templates import render
from demo.sites.visit import Page, Visit
from demo.sites.words import day_month

HOST = "horo.mail.ru"
PERIODS = {"yesterday": (-1, "вчера"), "today": (0, "сегодня"), "tomorrow": (1, "завтра")}
PATHS = (
    "/prediction/leo/today/",
    "/prediction/leo/tomorrow/",
    "/prediction/leo/yesterday/",
    "/prediction/today/",
)
_PAGE = re.compile(rf"/prediction/(?:({'|'.join(SIGNS)})/)?({'|'.join(PERIODS)})/")
_SENTENCE_END = re.compile(r"(?<=[.!?…]) ")


def answer(visit: Visit) -> Page | None:
    """Return the page at `visit.path`, or None where the site has none."""
    match = _PAGE.fullmatch(visit.path)
    if not match:
        return None
    slug, (shift, when) = match[1], PERIODS[match[2]]
    day = visit.day + timedelta(shift)
    text = visit.texts("general", day).get(slug) if slug else _for_everyone(visit, day)
    if text is None:
        return None
    name = SIGNS[slug].words["sg"] if slug else "для всех знаков"
    scores = [(label, (day.toordinal() + len(text) * n) % 4 + 2) for n, label in enumerate(_LABELS)]
    return render(
        "mail.html",
        name=name,
        heading=f"{name}. Гороскоп на {when}" if slug else f"Гороскоп для всех знаков на {when}",
        when=when,
        teaser=text[:140],
        paragraphs=[_typeset(half) for half in _halves(text)],
        printed=day_month(visit.printed(day)),
        periods=[(period, label.capitalize()) for period, (_, label) in PERIODS.items()],
        slug_path=f"{slug}/" if slug else "",
        ratings=scores,
        signs=[{"slug": other, "name": sign.words["sg"]} for other, sign in SIGNS.items()],
        path=visit.path,
    )


def _for_everyone(visit: Visit, day: date) -> str:
    """A general forecast: a text nobody else has on that day, which names no sign."""
    names = {word for sign in SIGNS.values() for word in sign.words.values()}
    texts = grammar.page(day, "general", f"{visit.host}/everyone").values()
    return next((text for text in texts if not any(name in text for name in names)), "")


_LABELS = ("Финансы", "Здоровье", "Любовь")


def _halves(text: str) -> list[str]:
    sentences = _SENTENCE_END.split(text)
    middle = (len(sentences) + 1) // 2
    return [" ".join(half) for half in (sentences[:middle], sentences[middle:]) if half]


def _typeset(text: str) -> Markup:
    """Dashes and the spaces before them as the named references this site's editor leaves."""
    return Markup(str(escape(text)).replace(" — ", "&nbsp;&ndash; "))
