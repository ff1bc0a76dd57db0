"""Errors as RFC 9457 problem documents: what was expected, what was found, what to do; never a bare 500."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """The body of every error answer."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str = ""


class ProblemError(Exception):
    """A request that cannot be answered; becomes a problem document."""

    def __init__(self, status: int, title: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail = status, title, detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def problem_answer(status: int, title: str, detail: str, instance: str, headers: dict[str, str]) -> Response:
    body = Problem(title=title, status=status, detail=detail, instance=instance).model_dump()
    content = json.dumps(body, ensure_ascii=False)
    return Response(content, status, {"Cache-Control": "no-store", **headers}, MEDIA_TYPE)


async def on_problem(request: Request, error: Any) -> Response:
    return problem_answer(error.status, error.title, error.detail, request.url.path, error.headers)


async def on_http_error(request: Request, error: Any) -> Response:
    """Starlette's own 404 and 405."""
    known = "see /docs for what can be asked"
    headers = dict(error.headers or {})
    return problem_answer(error.status_code, str(error.detail), known, request.url.path, headers)


async def on_wrong_arguments(request: Request, error: Any) -> Response:
    told = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
    return problem_answer(422, "Wrong arguments", told, request.url.path, {})


async def on_bug(request: Request, error: Exception) -> Response:
    return problem_answer(
        500, "Internal error", "the fault is ours and has been logged", request.url.path, {}
    )


HANDLERS: dict[Any, Any] = {
    ProblemError: on_problem,
    HTTPException: on_http_error,
    RequestValidationError: on_wrong_arguments,
    Exception: on_bug,
}
