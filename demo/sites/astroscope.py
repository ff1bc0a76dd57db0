"""astroscope.ru: an index with protocol-relative links, one page a sign, two days; no charset declared."""

from __future__ import annotations

import re

from demo.grammar.signs import SIGNS
from demo.sites.templates import render
from demo.sites.visit import Page, Visit
from demo.sites.words import SPANS, dotted

HOST = "astroscope.ru"
_INDEXES = ("/horoskop/ejednevniy_goroskop/", "/horoskop/ejednevniy_goroskop/zavtra.html")
PATHS = (*_INDEXES, "/horoskop/ejednevniy_goroskop/leo.html", "/horoskop/ejednevniy_goroskop/zavtra_leo.html")
_SIGN_PAGE = re.compile(r"/horoskop/ejednevniy_goroskop/(zavtra_)?([a-z]+)\.html")
_COLOURS = ["лазурный", "янтарный", "изумрудный", "сиреневый", "коралловый", "серебристый"]
_NO_CHARSET = "text/html"


def answer(visit: Visit) -> Page | None:
    """Return the page at `visit.path`, or None where the site has none."""
    if visit.path in _INDEXES:
        return _index(visit.path == _INDEXES[1])
    match = _SIGN_PAGE.fullmatch(visit.path)
    return _sign_page(visit, match[2], bool(match[1])) if match and match[2] in SIGNS else None


def _index(is_tomorrow: bool) -> Page:
    when = "завтра" if is_tomorrow else "сегодня"
    title = f"Ежедневный гороскоп на {when}"
    return render(
        "astroscope_index.html", _NO_CHARSET, signs=_signs(), title=title, prefix=_prefix(is_tomorrow)
    )


def _sign_page(visit: Visit, slug: str, is_tomorrow: bool) -> Page | None:
    day = visit.tomorrow if is_tomorrow else visit.day
    text = visit.texts("general", day).get(slug)
    if text is None:
        return None
    number = day.toordinal() + list(SIGNS).index(slug)
    return render(
        "astroscope_sign.html",
        _NO_CHARSET,
        text=text,
        name=SIGNS[slug].words["sg"],
        dative=SIGNS[slug].words["dat"],
        when="завтра" if is_tomorrow else "сегодня",
        printed=dotted(visit.printed(day)),
        numbers=f"{number % 31 + 1}, {number % 17 + 3}",
        colour=_COLOURS[number % len(_COLOURS)],
        signs=_signs(),
        prefix=_prefix(is_tomorrow),
    )


def _signs() -> list[dict[str, str]]:
    return [{"slug": slug, "name": sign.words["sg"], "span": SPANS[slug]} for slug, sign in SIGNS.items()]


def _prefix(is_tomorrow: bool) -> str:
    return "zavtra_" if is_tomorrow else ""
