"""1001goroskop.ru: one sign a page by query (`?znak=leo`): today, tomorrow, the week by days; no year."""

from __future__ import annotations

from datetime import date, timedelta

from demo.grammar.signs import SIGNS
from demo.sites.templates import render
from demo.sites.visit import Page, Visit
from demo.sites.words import day_month, weekday

HOST = "1001goroskop.ru"
PATHS = ("/?kn=week", "/?znak=leo", "/?znak=leo&kn=tomorrow", "/?znak=leo&kn=week")
_WHEN = {"today": "на сегодня", "tomorrow": "на завтра", "week": "на неделю"}


def answer(visit: Visit) -> Page | None:
    """Return the page for the query of `visit`, or None where the site has none."""
    kind, slug = visit.query.get("kn", "today"), visit.query.get("znak")
    if visit.path != "/" or kind not in _WHEN or (slug is not None and slug not in SIGNS):
        return None
    if slug is None:
        signs = [{"slug": other, "name": sign.words["sg"]} for other, sign in SIGNS.items()]
        query = f"&kn={kind}" if "kn" in visit.query else ""
        return render("goroskop1001.html", title=f"Гороскоп {_WHEN[kind]}", signs=signs, kn=query)
    entries = [
        {"date": _day_of_week(visit.printed(day)) if kind == "week" else "", "text": texts[slug]}
        for day in _days(visit, kind)
        if slug in (texts := visit.texts("general", day))
    ]
    title = f"Гороскоп {_WHEN[kind]} {SIGNS[slug].words['sg']}"
    if kind != "week":
        title += f", {day_month(visit.printed(_days(visit, kind)[0]))}"
    return render("goroskop1001.html", title=title, entries=entries, signs=None) if entries else None


def _days(visit: Visit, kind: str) -> list[date]:
    if kind == "week":
        monday = visit.day - timedelta(visit.day.weekday())
        return [monday + timedelta(index) for index in range(7)]
    return [visit.tomorrow if kind == "tomorrow" else visit.day]


def _day_of_week(day: date) -> str:
    return f"{weekday(day).capitalize()}, {day_month(day)}"
