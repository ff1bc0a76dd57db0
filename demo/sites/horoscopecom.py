"""horoscope.com, in English: one sign a page by number, past days too; a chat widget repeats the text."""

from __future__ import annotations

import json
from datetime import date

from markupsafe import Markup

from demo.grammar.signs import SIGNS
from demo.sites.templates import render
from demo.sites.visit import Page, Visit
from demo.sites.words import parsed

HOST = "horoscope.com"
PATHS = (
    "/us/horoscopes/general/horoscope-general-daily-today.aspx?sign=5",
    "/us/horoscopes/general/horoscope-archive.aspx?sign=5&laDate=20261120",
)
_ARCHIVE = "/us/horoscopes/general/horoscope-archive.aspx"
_TODAY = "/us/horoscopes/general/horoscope-general-daily-today.aspx"
_FIRST_DAY = date(2016, 11, 25)


def answer(visit: Visit) -> Page | None:
    """Return the page at `visit.path`, or None where the site has none."""
    numbers = {str(number): slug for number, slug in enumerate(SIGNS, 1)}
    slug, day = numbers.get(visit.query.get("sign", "")), _day(visit)
    if slug is None or day is None or not _FIRST_DAY <= day <= visit.day:
        return None
    text = visit.texts("en/general", day).get(slug)
    if text is None:
        return None
    printed = visit.printed(day)
    return render(
        "horoscopecom.html",
        name=slug.capitalize(),
        printed=f"{printed:%b} {printed.day}, {printed.year}",
        compact=f"{printed:%Y%m%d}",
        text=text,
        quoted=Markup(json.dumps(text)),
    )


def _day(visit: Visit) -> date | None:
    if visit.path == _TODAY:
        return visit.day
    return parsed(visit.query.get("laDate", ""), "%Y%m%d") if visit.path == _ARCHIVE else None
