"""The live web on loopback: a proxy behind which every demo site answers under its own address, over TLS, as
it stands today in Moscow.

`python -m demo.run --live -- CMD` points CMD's HTTP_PROXY and HTTPS_PROXY here. Pages carry an ETag and
answer 304 to who knows it. `--log FILE` gets a JSON line a request: when it came, for which host and path.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import socket
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from demo.archive import answer
from demo.serve import add_fault_options, end_with_parent, listen, sick_sites
from demo.sites import SITES
from demo.sites.visit import Page, Visit

MOSCOW = ZoneInfo("Europe/Moscow")
Headers = dict[str, str]
Site = Callable[[str, str, Headers], Page]
"""(host, path with query, the request's headers, lower case) → what the host answers."""


class Web:
    """Serves `site` on a listening socket."""

    def __init__(self, site: Site, log: IO[str] | None = None) -> None:
        self.site = site
        self.log = log
        self.tls = certificate()

    async def serve(self, listener: socket.socket) -> None:
        server = await asyncio.start_server(self._visitor, sock=listener)
        async with server:
            await server.serve_forever()

    async def _visitor(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await self._requests(reader, writer)
        writer.close()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tunnel = ""
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ", 2)
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(":") for line in head[1:] if line)
            }
            if method == "CONNECT":
                tunnel = target.rpartition(":")[0]
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await writer.drain()
                await writer.start_tls(self.tls)
                continue
            address = urlsplit(target)
            path = address.path + (f"?{address.query}" if address.query else "")
            writer.write(self._answer(tunnel or address.netloc, path, headers))
            await writer.drain()

    def _answer(self, host: str, path: str, headers: Headers) -> bytes:
        came = time.time()
        page = self.site(host, path, headers)
        body = page.encoded()
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        known = page.status == 200 and headers.get("if-none-match") == etag
        status, body = (304, b"") if known else (page.status, body)
        if self.log:
            line = {"time": came, "host": host, "path": path, "status": status, "bytes": len(body)}
            print(json.dumps(line), file=self.log, flush=True)
        told = {
            "Content-Type": page.content_type, "Content-Length": str(len(body)), "ETag": etag, **page.headers
        }  # fmt: skip
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        return f"HTTP/1.1 {status} -\r\n{lines}\r\n".encode("latin-1") + body


def demo_site(today: Callable[[], date], sick: Mapping[str, str]) -> Site:
    """The demo sites as they stand on the day that `today` tells; `sick` maps hosts to faults."""

    def site(host: str, path: str, headers: Headers) -> Page:
        known = host.removeprefix("www.")
        if known not in SITES:
            return Page(f"no such host: {host}\n", "text/plain", status=502)
        address = urlsplit(path)
        visit = Visit(today(), known, address.path, dict(parse_qsl(address.query)))
        return answer(visit, sick.get(known))

    return site


def certificate() -> ssl.SSLContext:
    """Of nobody, for every host: crawlers do not look, and on loopback there is nobody to deceive."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "demo")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder) / "demo.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pem.write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(pem)
    return context


def main(argv: list[str] | None = None) -> int:
    """Serve until interrupted; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo.web", description="The demo sites as the live web.")
    parser.add_argument("--port", type=int, default=8401, help="port of the proxy, 0 for any free one")
    parser.add_argument("--inherit", type=int, metavar="FD", help="serve on this socket until stdin ends")
    add_log_option(parser)
    add_fault_options(parser)
    args = parser.parse_args(argv)
    site = demo_site(lambda: datetime.now(MOSCOW).date(), sick_sites(parser, args))
    if args.inherit is not None:
        threading.Thread(target=end_with_parent, daemon=True).start()
        listener = socket.socket(fileno=args.inherit)
    else:
        listener = listen("127.0.0.1", args.port)
        print(f"proxy on http://127.0.0.1:{listener.getsockname()[1]}/", file=sys.stderr, flush=True)
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(args.log.open("a", encoding="utf-8")) if args.log else None
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(Web(site, log).serve(listener))
    return 0


def add_log_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--log", type=Path, metavar="FILE", help="write a JSON line a request here")


if __name__ == "__main__":
    sys.exit(main())
