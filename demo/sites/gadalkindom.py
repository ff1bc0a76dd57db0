"""gadalkindom.ru: one sign and topic a page, seven dated days from the visit on."""

from __future__ import annotations

import re
from datetime import date, timedelta

from demo.grammar.signs import SIGNS
from demo.sites.templates import render
from demo.sites.visit import Page, Visit
from demo.sites.words import day_month, dotted, long_date, weekday

HOST = "gadalkindom.ru"
SLUGS = dict(
    zip(
        SIGNS,
        "oven telets bliznetsy rak lev deva vesy skorpion strelets kozerog vodolej ryby".split(),  # noqa: SIM905
        strict=True,
    )
)
"""Sign -> its name in this site's addresses."""
TOPICS = {
    "": ("general", "Oбщий гороскоп"),
    "-lyubovnyj": ("love", "Любовный гороскоп"),
    "-finansovyj": ("finance", "Финансовый гороскоп"),
    "-muzhchina": ("man", "Мужской гороскоп"),
    "-zhenshchina": ("woman", "Женский гороскоп"),
}
"""Part of the address after the sign -> topic and its name; the site writes `Oбщий` with a Latin O."""
_SIGN = "|".join(SLUGS.values())
_WEEK = re.compile(rf"/goroskop/nedelya/({_SIGN})({'|'.join(TOPICS)})-nedelya\.html")
_TOMORROW = re.compile(rf"/goroskop/zavtra/({_SIGN})-zavtra\.html")
PATHS = (
    *(f"/goroskop/nedelya/lev{topic}-nedelya.html" for topic in TOPICS),
    "/goroskop/zavtra/lev-zavtra.html",
)


def answer(visit: Visit) -> Page | None:
    """Return the page at `visit.path`, or None where the site has none."""
    if match := _WEEK.fullmatch(visit.path):
        days = [visit.day + timedelta(index) for index in range(7)]
        return _page(visit, match[1], match[2], days, "Гороскоп на неделю")
    match = _TOMORROW.fullmatch(visit.path)
    return _page(visit, match[1], "", [visit.tomorrow], "Гороскоп на завтра") if match else None


def _page(visit: Visit, russian: str, part: str, days: list[date], period: str) -> Page | None:
    sign = next(slug for slug, name in SLUGS.items() if name == russian)
    topic, label = TOPICS[part]
    entries = [
        {"date": f"{weekday(visit.printed(day))}, {day_month(visit.printed(day))}", "text": texts[sign]}
        for day in days
        if sign in (texts := visit.texts(topic, day))
    ]
    if not entries:
        return None
    first, last = visit.printed(days[0]), visit.printed(days[-1])
    name = SIGNS[sign].words["sg"]
    span = f"{period.removeprefix('Гороскоп ')} с {dotted(first)} по {dotted(last)}"
    return render(
        "gadalkindom.html",
        heading=f"{period} {name}",
        name=name,
        slug=russian,
        period=period,
        span=f"{_full(first)} - {_full(last)}" if len(days) > 1 else _full(first),
        signature=f"{label} {span} для знака {name} от сайта Гадалкин дом.",
        entries=entries,
        tabs=[
            ("На завтра", f"/goroskop/zavtra/{russian}-zavtra.html"),
            ("На неделю", _address(russian, part)),
        ],
        topics=[(title, _address(russian, other)) for other, (_, title) in TOPICS.items() if other != part],
        signs=[{"slug": SLUGS[slug], "name": other.words["sg"]} for slug, other in SIGNS.items()],
        path=visit.path,
    )


def _full(day: date) -> str:
    return f"{weekday(day)}, {long_date(day)} года"


def _address(russian: str, part: str) -> str:
    return f"/goroskop/nedelya/{russian}{part}-nedelya.html"
