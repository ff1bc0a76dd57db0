"""retrofm.ru: one page, thirteen boxes; the first box greets the listeners and belongs to no sign."""

from __future__ import annotations

from demo.grammar.signs import SIGNS
from demo.sites.templates import render
from demo.sites.visit import Page, Visit
from demo.sites.words import day_month

HOST = "retrofm.ru"
PATHS = ("/goroskop",)


def answer(visit: Visit) -> Page | None:
    """Return the page at `visit.path`, or None where the site has none."""
    if visit.path.rstrip("/") not in PATHS:
        return None
    texts = visit.texts("general", visit.day)
    signs = [{"slug": slug, "name": SIGNS[slug].words["sg"], "text": text} for slug, text in texts.items()]
    return render("retrofm.html", signs=signs, printed=day_month(visit.printed(visit.day)))
