"""The snapshot archive: `/{YYYY-MM-DD}/{host}/{path}?query` comes in, that host's page of that day goes out.

Days are days in Moscow. Every host has a robots.txt; an unknown host or day is a 404 that says what is known.
Hosts may suffer faults, set when the archive starts or asked for in the address (`?FAULTS=missing-sign`).
"""

from __future__ import annotations

import asyncio
import html
from collections.abc import Mapping
from datetime import date

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from demo import faults
from demo.sites import SITES
from demo.sites.visit import Page, Visit

ROBOTS = "User-agent: *\nAllow: /\nDisallow: /search\nDisallow: /admin/\nCrawl-delay: 1\n"
FIRST_SHOWN = date(2026, 11, 23)
"""The day the index links to where nobody names another."""
_INDEX = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Demo sites</title>
<style>body {{ font: 16px/1.5 system-ui; max-width: 50em; margin: 2em auto; padding: 0 1em }}
dt {{ font-weight: bold; margin-top: 1em }} dd {{ margin: 0 0 0 1em }}</style>
<h1>Demo sites as of {day}</h1>
<form>Another day: <input type="date" name="day" value="{day}"> <button>Show</button></form>
<p>An address is /YYYY-MM-DD/host/path. The pages have the structure of real sites, a grammar wrote the texts.
Append <code>FAULTS=NAME</code> to the query to see an accident: {faults}.</p>
<dl>{items}</dl></html>
"""
_NOT_FOUND = "<!DOCTYPE html><html lang='ru'><h1>404</h1><p>Страница не найдена</p></html>"


def application(
    sick: Mapping[str, str] | None = None, sick_day: date | None = None, shown_day: date = FIRST_SHOWN
) -> Starlette:
    """Return the archive as an ASGI application.

    `sick` maps hosts to faults, on `sick_day` or always; the index links to the pages of `shown_day`.
    """
    snapshots = [Route("/{day}/{host}", _snapshot), Route("/{day}/{host}/{path:path}", _snapshot)]
    app = Starlette(routes=[Route("/", _index), *snapshots])
    app.state.sick = dict(sick or {})
    app.state.sick_day = sick_day
    app.state.shown_day = shown_day
    return app


def answer(visit: Visit, fault: str | None = None) -> Page:
    """Return what the host of `visit` answers, under `fault` if one is named."""
    if visit.path == "/robots.txt":
        return Page(ROBOTS, "text/plain; charset=utf-8")
    page = SITES[visit.host].answer(faults.disturbed(visit, fault)) or Page(_NOT_FOUND, status=404)
    return faults.damaged(page, visit.host, fault)


async def _snapshot(request: Request) -> Response:
    params = request.path_params
    try:
        day = date.fromisoformat(params["day"])
    except ValueError:
        return PlainTextResponse(f"expected a day such as 2026-11-23, found {params['day']!r}\n", 404)
    host = params["host"].removeprefix("www.")
    if host not in SITES:
        return PlainTextResponse(f"expected one of {', '.join(SITES)}, found host {host!r}\n", 404)
    query = dict(request.query_params)
    fault = query.pop("FAULTS", None) or _fault(request, host, day)
    if fault and fault not in faults.NAMES:
        return PlainTextResponse(f"expected one of {', '.join(faults.NAMES)}, found fault {fault!r}\n", 400)
    if fault == "slow":
        await asyncio.sleep(faults.SLOW_S)
    page = answer(Visit(day, host, "/" + params.get("path", ""), query), fault)
    return Response(page.encoded(), page.status, {"content-type": page.content_type, **page.headers})


def _fault(request: Request, host: str, day: date) -> str | None:
    state = request.app.state
    return state.sick.get(host) if state.sick_day in (None, day) else None


async def _index(request: Request) -> Response:
    """List the sites and their pages of a day (`?day=`) for a person."""
    day = html.escape(request.query_params.get("day", request.app.state.shown_day.isoformat()))
    items = "".join(
        f"<dt>{host}</dt>"
        + "".join(f"<dd><a href='/{day}/{host}{path}'>{html.escape(path)}</a></dd>" for path in module.PATHS)
        for host, module in SITES.items()
    )
    return HTMLResponse(_INDEX.format(day=day, faults=", ".join(faults.NAMES), items=items))
