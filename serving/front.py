"""The first thing a request meets: an ASGI layer that counts, limits, names and remembers.

An answer is a pure function of the address, the published days and Moscow's date. So it is made once by
the application behind, kept whole (also gzipped, with its ETag) until a day is published or midnight
strikes, and sent again without running anything. What may not be kept says `no-store`.
"""

from __future__ import annotations

import gzip
import hashlib
import itertools
import re
import secrets
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from email.utils import formatdate
from math import ceil
from typing import Any

import structlog

from serving.metrics import Metrics

Header = tuple[bytes, bytes]
MIN_GZIP_BYTES = 600
OVERHEAD_BYTES = 2_000
"""About what an answer takes beside its body: headers, key, objects."""
SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
TOO_MANY = (
    b'{"type": "about:blank", "title": "Too many requests", "status": 429, '
    b'"detail": "expected a slower pace from one address; ask again later", "instance": ""}'
)
log = structlog.get_logger("serving")


class RateLimit:
    """So many requests of one client in a window of time; 0 admits all. The windows are everyone's: nothing
    to sweep."""

    def __init__(self, max_requests: int, window_s: float) -> None:
        self.max_requests, self.window_s = max_requests, window_s
        self._counts: dict[str, int] = {}
        self._ends_s = 0.0

    def admits(self, client: str, now_s: float) -> bool:
        if now_s >= self._ends_s:
            self._counts, self._ends_s = {}, now_s + self.window_s
        count = self._counts[client] = self._counts.get(client, 0) + 1
        return count <= self.max_requests or not self.max_requests


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer, ready to send."""

    headers: list[Header]
    body: bytes
    etag: bytes
    route: str


class Front:
    """Wraps an ASGI application; `epoch()` changes whenever a kept answer may no longer be right."""

    def __init__(
        self,
        app: Any,
        epoch: Callable[[], Hashable],
        expires_s: Callable[[], float],
        limit: RateLimit,
        metrics: Metrics,
        max_bytes: int = 32 << 20,
        log_all: bool = False,
    ) -> None:
        self.app, self.epoch, self.expires_s, self.limit, self.metrics = app, epoch, expires_s, limit, metrics
        self.max_bytes, self.log_all = max_bytes, log_all
        self._kept_bytes = 0
        self._answers: dict[tuple[str, bytes, bool], Answer] = {}
        self._epoch: Hashable = None
        self._prefix = secrets.token_hex(4)
        self._number = itertools.count(1)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started_s = time.perf_counter()
        asked_id, known_etag, gzipped = b"", b"", False
        for name, value in scope["headers"]:
            if name == b"if-none-match":
                known_etag = value
            elif name == b"accept-encoding":
                gzipped = b"gzip" in value
            elif name == b"x-request-id":
                asked_id = value
        sane = asked_id and SANE_REQUEST_ID.fullmatch(asked_id)
        request_id = asked_id if sane else f"{self._prefix}-{next(self._number)}".encode()
        client = scope["client"][0] if scope["client"] else ""
        if not self.limit.admits(client, started_s):
            await self._refuse(send, request_id, started_s)
            return
        head = scope["method"] == "HEAD"
        if not head and scope["method"] != "GET":
            await self._run(scope, receive, send, request_id, started_s)
            return
        epoch = self.epoch()
        if epoch != self._epoch:
            self._forget()
            self._epoch = epoch
        key = (scope["path"], scope["query_string"], gzipped)
        answer = self._answers.get(key)
        if answer is None:
            answer = await self._make(scope, receive, send, request_id, started_s, epoch, key)
            if answer is None:
                return
        elif self.log_all:
            self._log(scope, request_id, 200, started_s)
        await self._send(send, answer, request_id, known_etag, head, started_s)

    async def _send(
        self, send: Any, answer: Answer, request_id: bytes, known_etag: bytes, head: bool, started_s: float
    ) -> None:
        fresh = bool(known_etag) and (answer.etag in known_etag or known_etag == b"*")
        headers = [*answer.headers, (b"x-request-id", request_id)]
        if fresh:
            headers = [header for header in headers if header[0] not in (b"content-length", b"content-type")]
        status = 304 if fresh else 200
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if head or fresh else answer.body})
        self.metrics.count(answer.route, status, time.perf_counter() - started_s)

    async def _make(
        self,
        scope: Any,
        receive: Any,
        send: Any,
        request_id: bytes,
        started_s: float,
        epoch: Hashable,
        key: tuple[str, bytes, bool],
    ) -> Answer | None:
        """Run the application; the answer to keep and send, or None if it may not be kept and was sent."""
        start: dict[str, Any] = {}
        chunks: list[bytes] = []

        async def collect(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                chunks.append(message.get("body", b""))

        await self._guard({**scope, "method": "GET"}, scope, receive, collect, request_id)
        body = b"".join(chunks)
        route = self._log(scope, request_id, start["status"], started_s)
        headers = dict(start["headers"])
        if start["status"] != 200 or b"no-store" in headers.get(b"cache-control", b""):
            sent = [*start["headers"], (b"x-request-id", request_id)]
            await send({**start, "headers": sent})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
            self.metrics.count(route, start["status"], time.perf_counter() - started_s)
            return None
        answer = self._answer(headers, body, route, gzipped=key[2])
        if self.epoch() == epoch == self._epoch:
            size = len(answer.body) + len(key[0]) + len(key[1]) + OVERHEAD_BYTES
            if self._kept_bytes + size > self.max_bytes:
                self._forget()  # endless query strings must not eat the memory
            self._answers[key] = answer
            self._kept_bytes += size
        return answer

    def _forget(self) -> None:
        self._answers.clear()
        self._kept_bytes = 0

    def _answer(self, headers: dict[bytes, bytes], body: bytes, route: str, gzipped: bool) -> Answer:
        etag = f'"{hashlib.sha256(body).hexdigest()[:20]}{"-gz" if gzipped else ""}"'.encode()
        if gzipped and len(body) >= MIN_GZIP_BYTES:
            body = gzip.compress(body, mtime=0)
            headers[b"content-encoding"] = b"gzip"
        headers[b"content-length"] = str(len(body)).encode()
        headers[b"etag"] = etag
        headers[b"vary"] = b"Accept-Encoding"
        if headers.get(b"cache-control") == b"public":
            headers[b"expires"] = formatdate(self.expires_s(), usegmt=True).encode()
        return Answer(list(headers.items()), body, etag, route)

    async def _run(self, scope: Any, receive: Any, send: Any, request_id: bytes, started_s: float) -> None:
        """A method other than GET and HEAD: straight through."""
        statuses: list[int] = []

        async def named(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
                message = {**message, "headers": [*message["headers"], (b"x-request-id", request_id)]}
            await send(message)

        await self._guard(scope, scope, receive, named, request_id)
        route = self._log(scope, request_id, statuses[0], started_s)
        self.metrics.count(route, statuses[0], time.perf_counter() - started_s)

    async def _guard(self, asked: Any, scope: Any, receive: Any, send: Any, request_id: bytes) -> None:
        """Run the application; a bug has been answered with a 500 by then and is only logged here."""
        try:
            await self.app(asked, receive, send)
        except Exception:
            log.exception("bug", request_id=request_id.decode(), path=scope["path"])
        scope["route"] = asked.get("route")

    async def _refuse(self, send: Any, request_id: bytes, started_s: float) -> None:
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(TOO_MANY)).encode()),
            (b"cache-control", b"no-store"),
            (b"retry-after", str(ceil(self.limit.window_s)).encode()),
            (b"x-request-id", request_id),
        ]
        await send({"type": "http.response.start", "status": 429, "headers": headers})
        await send({"type": "http.response.body", "body": TOO_MANY})
        self.metrics.count("limit", 429, time.perf_counter() - started_s)

    def _log(self, scope: Any, request_id: bytes, status: int, started_s: float) -> str:
        """One structured line without the client's address; the route's template."""
        route = getattr(scope.get("route"), "path", "other")
        took_ms = round((time.perf_counter() - started_s) * 1000, 2)
        named = request_id.decode()
        log.info(
            "request", request_id=named, method=scope["method"], path=scope["path"], status=status, ms=took_ms
        )
        return route
