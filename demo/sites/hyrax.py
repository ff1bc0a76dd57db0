"""hyrax.ru: an RSS feed a topic in windows-1251; the general feed opens with the day of the moon."""

from __future__ import annotations

from demo.grammar.signs import SIGNS
from demo.sites.templates import render
from demo.sites.visit import Page, Visit
from demo.sites.words import long_date

HOST = "hyrax.ru"
TOPICS = {"bn": "general", "love": "love", "mob": "mobile", "cook": "cook"}
"""Feed -> topic."""
PATHS = tuple(f"/cgi-bin/{feed}_xml.cgi" for feed in TOPICS)
_WINDOWS = "windows-1251"


def answer(visit: Visit) -> Page | None:
    """Return the feed at `visit.path`, or None where the site has none."""
    feed = visit.path.removeprefix("/cgi-bin/").removesuffix("_xml.cgi")
    if visit.path not in PATHS:
        return None
    texts = visit.texts(TOPICS[feed], visit.day)
    return render(
        "hyrax.xml",
        f"text/xml; charset={_WINDOWS}",
        _WINDOWS,
        printed=long_date(visit.printed(visit.day)),
        moon=visit.day.toordinal() % 29 + 1 if feed == "bn" else None,
        items=[(SIGNS[slug].words["sg"], text) for slug, text in texts.items()],
    )
