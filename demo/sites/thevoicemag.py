"""thevoicemag.ru: one sign a page with its date, an archive of dated pages, and an index with links."""

from __future__ import annotations

import re
from datetime import date

from demo.grammar.signs import SIGNS
from demo.sites.templates import render
from demo.sites.visit import Page, Visit
from demo.sites.words import SPANS, long_date, parsed, weekday, with_nbsp

HOST = "thevoicemag.ru"
_FIRST_DAY = date(2019, 1, 1)
_PAGE = re.compile(rf"/horoscope/daily/(?:({'|'.join(SIGNS)})/(?:(\d\d-\d\d-\d{{4}})/)?)?")
PATHS = ("/horoscope/daily/", "/horoscope/daily/leo/", "/horoscope/daily/leo/20-11-2026/")


def answer(visit: Visit) -> Page | None:
    """Return the page at `visit.path`, or None where the site has none."""
    match = _PAGE.fullmatch(visit.path)
    if not match:
        return None
    slug, dashed = match.groups()
    signs = [{"slug": other, "name": sign.words["sg"]} for other, sign in SIGNS.items()]
    if slug is None:
        return render("thevoicemag.html", signs=signs, text=None)
    day = parsed(dashed, "%d-%m-%Y") if dashed else visit.day
    if day is None or not _FIRST_DAY <= day <= visit.tomorrow:
        return None
    text = visit.texts("general", day).get(slug)
    if text is None:
        return None
    printed = visit.printed(day)
    return render(
        "thevoicemag.html",
        signs=signs,
        text=with_nbsp(text),
        name=SIGNS[slug].words["sg"],
        span=SPANS[slug],
        printed=long_date(printed),
        weekday=weekday(printed),
    )
