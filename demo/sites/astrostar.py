"""astrostar.ru: one sign a page under a Russian name, today and tomorrow; no date is printed."""

from __future__ import annotations

import re

from demo.grammar.signs import SIGNS
from demo.sites.templates import render
from demo.sites.visit import Page, Visit

HOST = "astrostar.ru"
SLUGS = dict(
    zip(
        "oven telets bliznetsi rac lev deva vesy scorpion strelets kozerog vodoley riby".split(),  # noqa: SIM905
        SIGNS,
        strict=True,
    )
)
"""Sign's name in this site's addresses -> sign."""
PATHS = ("/horoscopes/main/lev/day.html", "/horoscopes/main/lev/tomorrow.html")
_PAGE = re.compile(rf"/horoscopes/main/({'|'.join(SLUGS)})/(day|tomorrow)\.html")


def answer(visit: Visit) -> Page | None:
    """Return the page at `visit.path`, or None where the site has none."""
    match = _PAGE.fullmatch(visit.path)
    if not match:
        return None
    slug, is_tomorrow = SLUGS[match[1]], match[2] == "tomorrow"
    text = visit.texts("general", visit.tomorrow if is_tomorrow else visit.day).get(slug)
    if text is None:
        return None
    when = "завтра" if is_tomorrow else "сегодня"
    return render("astrostar.html", name=SIGNS[slug].words["sg"], when=when, text=text)
