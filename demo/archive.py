"""The snapshot archive: `/{YYYY-MM-DD}/{host}/{path}?query` comes in, that host's page of that day goes out.

Days are days in Moscow. Every host has a robots.txt; an unknown host or day is a 404 that says what is known.
"""

from __future__ import annotations

import html
from datetime import date

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from demo.sites import SITES
from demo.sites.visit import Page, Visit

ROBOTS = "User-agent: *\nAllow: /\nDisallow: /search\nDisallow: /admin/\nCrawl-delay: 1\n"


def application() -> Starlette:
    """Return the archive as an ASGI application."""
    routes = [
        Route("/", index),
        Route("/{day}/{host}", snapshot),
        Route("/{day}/{host}/{path:path}", snapshot),
    ]
    return Starlette(routes=routes)


async def snapshot(request: Request) -> Response:
    """Answer with the page of a host as it stood on a day."""
    params = request.path_params
    try:
        day = date.fromisoformat(params["day"])
    except ValueError:
        return PlainTextResponse(f"expected a day such as 2026-11-23, found {params['day']!r}\n", 404)
    host = params["host"].removeprefix("www.")
    visit = Visit(day, host, "/" + params.get("path", ""), dict(request.query_params))
    if host not in SITES:
        return PlainTextResponse(f"expected one of {', '.join(SITES)}, found host {host!r}\n", 404)
    return _response(answer(visit))


def answer(visit: Visit) -> Page:
    """Return what the host of `visit` answers: a page, its robots.txt, or its 404."""
    if visit.path == "/robots.txt":
        return Page(ROBOTS, "text/plain; charset=utf-8")
    page = SITES[visit.host].answer(visit)
    return page or Page(
        "<!DOCTYPE html><html lang='ru'><h1>404</h1><p>Страница не найдена</p></html>", status=404
    )


async def index(request: Request) -> Response:
    """List the sites and their pages of a day (`?day=`, else 2026-11-23) for a person."""
    day = html.escape(request.query_params.get("day", "2026-11-23"))
    items = "".join(
        f"<li>{host}<ul>"
        + "".join(f"<li><a href='/{day}/{host}{path}'>{path}</a></li>" for path in module.PATHS)
        + "</ul></li>"
        for host, module in SITES.items()
    )
    return HTMLResponse(
        f"<!DOCTYPE html><html lang='en'><title>Demo sites</title><h1>Demo sites as of {day}</h1>"
        f"<p>Addresses are /YYYY-MM-DD/host/path. A grammar wrote all texts.</p><ul>{items}</ul></html>"
    )


def _response(page: Page) -> Response:
    headers = {"content-type": page.content_type, **page.headers}
    return Response(page.encoded(), page.status, headers)
