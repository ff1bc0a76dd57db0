"""The web page: a published day in, Russian HTML out; the same templates make the static files.

Addresses: `/` (all signs today), `/leo`, `/leo/love`, and the same after a date: `/2026-11-22/leo/love`.
Without scripts everything works; scripts add sharing, the remembered sign and the offline copy.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from serving import feeds, texts
from serving.clock import MoscowClock
from serving.days import Day, PublishedDays
from serving.signs import BY_SLUG, ELEMENTS, SIGNS, Sign, UnknownSignError, birthdays, find_sign

HERE = Path(__file__).parent
MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
REVALIDATE = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
LEAD_CHARS = 130
SHORT_WORD = re.compile(r"(?<![\w-])(\w{1,2}) (?=\w)|(?<=\w) (?=[—–] )")


def shown_date(day: dt.date, today: dt.date) -> str:
    """`23 ноября, понедельник`; of another year `23 ноября 2020 года`."""
    same_year = day.year == today.year
    return texts.spell_date(day) if same_year else f"{texts.spell_day(day)} {day.year} года"


@dataclass(frozen=True)
class Place:
    """What a page shows: a day, a sign or all of them, a topic."""

    date: dt.date
    today: dt.date
    sign: Sign | None = None
    topic: str = "general"

    def address(self, **changes: Any) -> str:
        """The page's path after `changes`; today and the general topic are left out."""
        place = Place(**{**self.__dict__, **changes})
        parts = [] if place.date == place.today else [place.date.isoformat()]
        parts += [place.sign.slug] if place.sign else []
        parts += [place.topic] if place.sign and place.topic != "general" else []
        return "/" + "/".join(parts)


@cache
def static_files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((HERE / "static").iterdir())}


@cache
def static_version() -> str:
    """Changes with any static file, so that browsers may keep them for ever."""
    return hashlib.sha256(b"".join(static_files().values())).hexdigest()[:10]


@cache
def templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals.update(
        signs=SIGNS,
        elements=ELEMENTS,
        words=texts,
        birthdays=birthdays,
        spell_day=texts.spell_day,
        shown_date=shown_date,
        lead=lead,
        typeset=typeset,
        version=static_version,
    )
    return environment


def lead(text: str) -> str:
    """The first words of a text, whole sentences if they fit, for a card."""
    if len(text) <= LEAD_CHARS:
        return text
    head = text[:LEAD_CHARS]
    ends = [head.rfind(mark) for mark in (". ", "! ", "? ", "… ")]
    if max(ends) >= LEAD_CHARS // 3:
        return head[: max(ends) + 1]
    return head[: head.rfind(" ")].rstrip(" ,;:—") + "…"


def typeset(text: str) -> str:
    """As Russian is set: a short word does not end a line, a dash does not begin one. Only spaces change."""
    return SHORT_WORD.sub(lambda found: f"{found[1] or ''}\N{NO-BREAK SPACE}", text)


def day_links(place: Place, published: set[dt.date]) -> list[dict[str, Any]]:
    """Yesterday, today and tomorrow; none is current when another day is shown."""
    named = {
        place.today + dt.timedelta(days=n): name for n, name in ((-1, "Вчера"), (0, "Сегодня"), (1, "Завтра"))
    }
    return [
        {
            "name": name,
            "date": day,
            "href": place.address(date=day) if day in published else None,
            "current": day == place.date,
        }
        for day, name in named.items()
    ]


def render_page(place: Place, day: Day | None, published: set[dt.date], live: bool = True) -> str:
    """The page of a place; without a day it says so. `live`: a server will answer its form."""
    name = "sign.html" if place.sign else "home.html"
    return (
        templates()
        .get_template(name)
        .render(
            place=place,
            day=day,
            topics=day.topics if day else ("general",),
            links=day_links(place, published),
            live=live,
        )
    )


def render_not_found(words: str, live: bool = True) -> str:
    return templates().get_template("not_found.html").render(asked=words, live=live)


router = APIRouter(include_in_schema=False)


def page(request: Request, date: dt.date, sign: Sign | None = None, topic: str = "general") -> Response:
    clock: MoscowClock = request.app.state.clock
    days: PublishedDays = request.app.state.days
    place = Place(date, clock.today(), sign, topic)
    day = days.get(date)
    if day and sign and not day.find(sign.slug, topic):
        return not_found(topic)
    body = render_page(place, day, set(days.dates))
    if day:
        return HTMLResponse(body, 200, REVALIDATE)
    status = 503 if date == place.today else 404
    return HTMLResponse(body, status, {**REVALIDATE, "Cache-Control": "no-store", "Retry-After": "60"})


def not_found(words: str) -> Response:
    return HTMLResponse(render_not_found(words), 404, {**REVALIDATE, "Cache-Control": "no-store"})


@router.get("/")
async def home(request: Request) -> Response:
    return page(request, request.app.state.clock.today())


@router.get("/find")
async def find(request: Request, who: str = "") -> Response:
    """The form: a birthday or a sign in, that sign's page out."""
    try:
        return RedirectResponse(f"/{find_sign(who).slug}", 303, {"Cache-Control": "no-store"})
    except UnknownSignError:
        return not_found(who)


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The OpenAPI document for people, with nothing loaded from elsewhere."""
    page = templates().get_template("docs.html").render(document=request.app.openapi(), live=True)
    return HTMLResponse(page, 200, REVALIDATE)


@router.get("/static/{name}")
async def static(name: str) -> Response:
    content = static_files().get(name)
    if content is None:
        return not_found(name)
    kept = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(content, 200, kept, MEDIA_TYPES[Path(name).suffix])


@router.get("/sw.js")
async def service_worker() -> Response:
    """Served from the root, so that its scope is the whole site."""
    return Response(static_files()["sw.js"], 200, {"Cache-Control": "no-cache"}, "text/javascript")


@router.get("/favicon.ico")
async def favicon() -> Response:
    return RedirectResponse("/static/icon.svg", 308)


@router.get("/{sign}/rss.xml")
async def rss(request: Request, sign: str) -> Response:
    return feed(request, sign, feeds.render_rss, "application/rss+xml")


@router.get("/{sign}/calendar.ics")
async def calendar(request: Request, sign: str) -> Response:
    return feed(request, sign, feeds.render_calendar, "text/calendar; charset=utf-8")


def feed(request: Request, sign: str, render: Callable[..., bytes], media_type: str) -> Response:
    if sign not in BY_SLUG:
        return not_found(sign)
    days: PublishedDays = request.app.state.days
    held = [day for date in days.dates if (day := days.get(date))]
    return Response(render(held, BY_SLUG[sign], request.app.state.base_url), 200, REVALIDATE, media_type)


@router.get("/{path:path}")
async def place(request: Request, path: str) -> Response:
    """`[date/][sign[/topic]]`; another spelling of a sign leads to its own page."""
    parts = path.strip("/").split("/")
    date = request.app.state.clock.today()
    try:
        date = dt.date.fromisoformat(parts[0]) if len(parts[0]) == len("2026-11-23") else date
        given = parts[1:] if len(parts[0]) == len("2026-11-23") else parts
    except ValueError:
        given = parts
    if not given:
        return page(request, date)
    try:
        sign = find_sign(given[0])
    except UnknownSignError:
        return not_found(path)
    topic = given[1] if len(given) == 2 else "general"
    if len(given) > 2 or topic not in texts.TOPICS:
        return not_found(path)
    if given[0] != sign.slug or path.endswith("/"):
        return RedirectResponse(Place(date, request.app.state.clock.today(), sign, topic).address(), 308)
    return page(request, date, sign, topic)
