"""The application: published days and a clock in, an ASGI app out (JSON API, pages, health, metrics)."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.middleware.cors import CORSMiddleware

from serving import ops, pages, v1
from serving.clock import MoscowClock
from serving.days import PublishedDays, moscow_midnight
from serving.front import Front, RateLimit
from serving.metrics import CONTENT_TYPE_LATEST, Metrics
from serving.problems import HANDLERS


@dataclass(frozen=True)
class Settings:
    """What an installation may choose."""

    refresh_s: float = 2.0
    """Seconds between looks at storage."""
    max_requests: int = 300
    """Requests of one address in a window; 0 for no limit."""
    window_s: float = 10.0
    cors_origins: Sequence[str] = ()
    """Origins whose pages may call the API; `*` for all, empty for none."""
    base_url: str = "http://127.0.0.1:8080"
    """Where readers reach the site; feeds carry whole addresses."""
    ops: bool = False
    """Whether /ops shows the operator's page to whoever asks."""
    log_all: bool = False
    """Whether answers sent from memory are logged too."""


health = APIRouter(tags=["health"])
NO_STORE = {"Cache-Control": "no-store"}


@health.get("/healthz")
async def healthz() -> Response:
    """The process answers."""
    return JSONResponse({"status": "ok"}, headers=NO_STORE)


@health.get("/readyz", responses={503: {"description": "Today is not published, or never read"}})
async def readyz(request: Request) -> Response:
    """Today's texts are in memory; faults of storage are told even while they are."""
    days: PublishedDays = request.app.state.days
    today = request.app.state.clock.today()
    ready = days.get(today) is not None
    body = {
        "ready": ready,
        "today": str(today),
        "days": [str(day) for day in days.dates],
        "faults": days.faults,
    }
    return JSONResponse(body, 200 if ready else 503, NO_STORE)


@health.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Prometheus text format."""
    state = request.app.state
    return Response(state.metrics.render(state.days, state.clock.today()), 200, NO_STORE, CONTENT_TYPE_LATEST)


def create_app(days: PublishedDays, clock: MoscowClock, settings: Settings) -> Any:
    """The whole ASGI application; `days` should have been refreshed once."""
    stop = threading.Event()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=days.follow, args=(settings.refresh_s, stop), daemon=True).start()
        yield
        stop.set()

    app = FastAPI(
        title="Гороскопы на каждый день",
        summary="Daily horoscopes in Russian, written by a language model, for entertainment",
        version="1",
        lifespan=lifespan,
        exception_handlers=HANDLERS,
        docs_url=None,  # its page loads scripts from other hosts; pages.docs loads none
        redoc_url=None,
    )
    app.state.days, app.state.clock, app.state.metrics = days, clock, Metrics()
    app.state.base_url = settings.base_url.rstrip("/")
    app.include_router(v1.router)
    app.include_router(health)
    if settings.ops:
        app.include_router(ops.router)
    app.include_router(pages.router)
    front = Front(
        app,
        epoch=lambda: (days.version, clock.today()),
        expires_s=lambda: moscow_midnight(clock.today()).timestamp(),
        limit=RateLimit(settings.max_requests, settings.window_s),
        metrics=app.state.metrics,
        log_all=settings.log_all,
    )
    if settings.cors_origins:
        return CORSMiddleware(front, allow_origins=settings.cors_origins, allow_methods=["GET", "HEAD"])
    return front
