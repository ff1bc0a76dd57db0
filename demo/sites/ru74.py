"""74.ru: twelve signs on one page under headings `Гороскоп для Овнов`; today, tomorrow.

Classes carry hashes that change with each release of the portal; the headings do not.
"""

from __future__ import annotations

from dataclasses import replace

from demo.grammar.signs import SIGNS
from demo.sites.templates import render
from demo.sites.visit import Page, Visit
from demo.sites.words import SPANS, dotted, long_date, with_nbsp

HOST = "74.ru"
MIRRORS = ("e1.ru", "ngs.ru", "chita.ru")
"""Sister portals of other cities: the same engine, the same texts."""
PATHS = ("/horoscope/daily/", "/horoscope/tomorrow/")


def answer(visit: Visit) -> Page | None:
    """Return the page at `visit.path`, or None where the site has none."""
    if visit.path not in PATHS:
        return None
    is_tomorrow = visit.path == "/horoscope/tomorrow/"
    day = visit.tomorrow if is_tomorrow else visit.day
    texts = replace(visit, host=HOST).texts("general", day)
    signs = [
        {"slug": slug, "gen": SIGNS[slug].words["gen"], "span": SPANS[slug], "text": with_nbsp(text)}
        for slug, text in texts.items()
    ]
    return render(
        "ru74.html",
        signs=signs,
        when="завтра" if is_tomorrow else "сегодня",
        printed=long_date(visit.printed(day)),
        updated=dotted(visit.day),
        minute=visit.day.toordinal() % 10,
        views=1000 + visit.day.toordinal() % 700,
        path=visit.path,
    )
