"""globalmsk.ru and its sisters in other cities: one sign a page, numbered in their own order, two days."""

from __future__ import annotations

import re
from dataclasses import replace

from demo.grammar.signs import SIGNS
from demo.sites.templates import render
from demo.sites.visit import Page, Visit
from demo.sites.words import long_date

HOST = "globalmsk.ru"
MIRRORS = ("global38.ru", "global71.ru")
NUMBERS = dict(zip((3, 5, 7, 8, 1, 2, 6, 4, 12, 9, 10, 11), SIGNS, strict=True))
"""Number in the address -> sign."""
PATHS = ("/horoscope/today/1", "/horoscope/tomorrow/1")
_PAGE = re.compile(r"/horoscope/(today|tomorrow)/(\d{1,2})")


def answer(visit: Visit) -> Page | None:
    """Return the page at `visit.path`, or None where the site has none."""
    match = _PAGE.fullmatch(visit.path)
    slug = NUMBERS.get(int(match[2])) if match else None
    if match is None or slug is None:
        return None
    day = visit.day if match[1] == "today" else visit.tomorrow
    network = replace(visit, host=HOST)
    texts, business = network.texts("general", day), network.texts("business", day)
    if slug not in texts:
        return None
    return render(
        "globalmsk.html",
        name=SIGNS[slug].words["sg"],
        today=long_date(visit.printed(visit.day)).upper(),
        when="сегодня" if match[1] == "today" else "завтра",
        text=texts[slug],
        business=business[slug].partition(". ")[0],
        moon=visit.day.toordinal() % 29 + 1,
    )
