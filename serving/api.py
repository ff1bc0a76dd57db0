"""Serve what is published: JSON API under /v1, pages under /, health, metrics.

    python -m serving.api --storage data --port 8080

Days are followed while it runs: a new day, or a new text of a day, is read without a restart; when storage
fails, what was read stays. Logs are JSON lines on stderr. Stop it with Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from typing import Any

import structlog
import uvicorn

from serving.app import Settings, create_app
from serving.clock import MoscowClock
from serving.command import CommandError, parser, run_command
from serving.days import PublishedDays
from serving.logs import set_up_logs

STEP = "serve"


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, or one clear line why not."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = socket.socket(family)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each answer waits 40 ms for an ACK
        bound.bind((host, port))
        bound.listen(2048)
    except (OSError, OverflowError) as error:
        raise CommandError(
            f"expected a free address, found {host}:{port} taken or not ours ({error}); "
            "choose another with --port, or stop what listens there",
            exit_code=2,
        ) from error
    return bound


def serve(storage: str, host: str, port: int, settings: Settings, behind_proxy: bool) -> dict[str, Any]:
    """Answer until stopped; the summary's own fields."""
    bound = listen(host, port)
    set_up_logs()
    days = PublishedDays(storage)
    days.refresh_within()
    app = create_app(days, MoscowClock(), settings)
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        proxy_headers=behind_proxy,
        forwarded_allow_ips="*",
        server_header=False,
    )
    shown = f"http://{host}:{bound.getsockname()[1]}"
    structlog.get_logger("serving").info("serving", address=shown, days=len(days.dates), faults=days.faults)
    with contextlib.suppress(KeyboardInterrupt):  # to be stopped is how a server ends
        uvicorn.Server(config).run([bound])
    return {"reason": "stopped", "address": shown}


def main(argv: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    made.add_argument(
        "--port", type=int, default=8080, help="0 takes a free one, named in the first log line"
    )
    made.add_argument(
        "--refresh-s", type=float, default=Settings.refresh_s, help="seconds between looks at storage"
    )
    made.add_argument(
        "--limit", type=int, default=Settings.max_requests, help="requests of one address, 0: any"
    )
    made.add_argument("--window-s", type=float, default=Settings.window_s, help="… in so many seconds")
    made.add_argument("--cors", default="", help="origins that may call the API, comma between; * for all")
    made.add_argument(
        "--behind-proxy", action="store_true", help="trust X-Forwarded-For: only behind a proxy of yours"
    )
    made.add_argument(
        "--base-url", default=Settings.base_url, help="address of the site for readers, for feeds"
    )
    made.add_argument("--ops", action="store_true", help="show the operator's page at /ops")
    made.add_argument("--log-all", action="store_true", help="log also answers sent from memory")
    args = made.parse_args(argv)
    origins = [origin.strip() for origin in args.cors.split(",") if origin.strip()]
    settings = Settings(
        args.refresh_s, args.limit, args.window_s, origins, args.base_url, args.ops, args.log_all
    )
    return run_command(STEP, lambda: serve(args.storage, args.host, args.port, settings, args.behind_proxy))


if __name__ == "__main__":
    sys.exit(main())
