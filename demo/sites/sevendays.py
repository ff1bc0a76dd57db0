"""7days.ru: one sign a page for today; the magazine prints no date."""

from __future__ import annotations

import re

from demo.grammar.signs import SIGNS
from demo.sites.templates import render
from demo.sites.visit import Page, Visit
from demo.sites.words import with_nbsp

HOST = "7days.ru"
PATHS = ("/astro/horoscope/leo/today",)
_PAGE = re.compile(rf"/astro/horoscope/({'|'.join(SIGNS)})/today/?")


def answer(visit: Visit) -> Page | None:
    """Return the page at `visit.path`, or None where the site has none."""
    match = _PAGE.fullmatch(visit.path)
    text = visit.texts("general", visit.day).get(match[1]) if match else None
    if match is None or text is None:
        return None
    return render("sevendays.html", name=SIGNS[match[1]].words["sg"], text=with_nbsp(text))
