"""horoscopes.rambler.ru: one sign a page, six topics, a JSON API beside the HTML, a dated archive."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta

from markupsafe import Markup

from demo.grammar.signs import SIGNS
from demo.sites.templates import render
from demo.sites.visit import Page, Visit
from demo.sites.words import long_date, parsed

HOST = "horoscopes.rambler.ru"
TOPICS = {
    "general": "general",
    "love": "love",
    "sex": "erotic",
    "career": "career",
    "woman": "woman",
    "man": "man",
}
"""Type in the API -> topic."""
_FOLDERS = {"erotic": "love", "sex-horoscope": "sex", "career": "career", "woman": "woman", "man": "man"}
"""Folder of the pages -> type; general pages lie at the root."""
PERIODS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_WHEN = {-1: "вчера", 0: "сегодня", 1: "завтра"}
_FIRST_DAY = date(2004, 1, 1)
_SIGN = "|".join(SIGNS)
_API = re.compile(rf"/api/front/v3/horoscope/(\w+)/({_SIGN})/(\w+)/?")
_HTML = re.compile(rf"/(?:({'|'.join(_FOLDERS)})/)?({_SIGN})/(?:(yesterday|tomorrow|\d{{4}}-\d\d-\d\d)/)?")
PATHS = ("/leo/", "/erotic/leo/tomorrow/", "/leo/2020-02-29/", "/api/front/v3/horoscope/career/leo/today/")


def answer(visit: Visit) -> Page | None:
    """Return the page or the API's JSON at `visit.path`, or None where the site has none."""
    if match := _API.fullmatch(visit.path):
        kind, slug, period = match.groups()
        known = kind in TOPICS and period in PERIODS
        return _json(visit, kind, slug, PERIODS[period]) if known else None
    match = _HTML.fullmatch(visit.path)
    return _html(visit, _FOLDERS.get(match[1], "general"), match[2], match[3]) if match else None


def _json(visit: Visit, kind: str, slug: str, shift: int) -> Page | None:
    day = visit.day + timedelta(shift)
    text = visit.texts(TOPICS[kind], day).get(slug)
    if text is None:
        return None
    blocks = [{"type": "paragraph", "content": f"{text}<br>"}, {"type": "advert", "content": "<div></div>"}]
    title = _title(slug, visit.printed(day))
    content = {"h1": _heading(slug, shift), "meta": {"title": title}, "text": blocks, "bubbles": {"list": []}}
    body = json.dumps({"content": content, "cards": []}, ensure_ascii=False)
    return Page(body, "application/json; charset=utf-8")


def _html(visit: Visit, kind: str, slug: str, period: str | None) -> Page | None:
    day: date | None = visit.day + timedelta(PERIODS.get(period or "today", 0))
    if period and period not in PERIODS:
        day = parsed(period, "%Y-%m-%d")
    if day is None or not _FIRST_DAY <= day <= visit.tomorrow:
        return None
    text = visit.texts(TOPICS[kind], day).get(slug)
    if text is None:
        return None
    shift = (day - visit.day).days
    printed = visit.printed(day)
    state = json.dumps([{"type": "paragraph", "content": text}], ensure_ascii=False)
    return render(
        "rambler.html",
        title=_title(slug, printed),
        heading=_heading(slug, shift)
        if shift in _WHEN
        else f"Гороскоп на {long_date(printed)} — {_name(slug)}",
        printed=long_date(printed),
        iso=printed.isoformat(),
        paragraphs=[text],
        # JSON inside a script element: only the end of the element could break out of it.
        state=Markup(state.replace("</", "<\\/")),
        links=[(SIGNS[other].words["sg"], f"/{other}/") for other in SIGNS],
        likes=day.toordinal() % 90,
        path=visit.path,
        year=visit.day.year,
    )


def _name(slug: str) -> str:
    return SIGNS[slug].words["sg"]


def _heading(slug: str, shift: int) -> str:
    return f"Гороскоп на {_WHEN[shift]} — {_name(slug)}"


def _title(slug: str, day: date) -> str:
    return f"{_name(slug)}: гороскоп на {long_date(day)} года — Рамблер/гороскопы"
