"""Serves the demo sites: `python -m demo.serve --port 8400`, then open http://127.0.0.1:8400/.

Ends with 0 when stopped, 2 if the port is taken or the arguments are wrong.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
from datetime import date, datetime
from zoneinfo import ZoneInfo

import uvicorn
from starlette.applications import Starlette

from demo import faults
from demo.archive import application
from demo.sites import host_of


def main(argv: list[str] | None = None) -> int:
    """Serve until interrupted; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo.serve", description="Horoscope sites on loopback.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8400, help="port, 0 for any free one (default 8400)")
    parser.add_argument(
        "--inherit", type=int, metavar="FD", help="serve on this open socket until stdin closes"
    )
    add_fault_options(parser)
    args = parser.parse_args(argv)
    app = application(
        sick_sites(parser, args), args.fault_day, datetime.now(ZoneInfo("Europe/Moscow")).date()
    )
    if args.inherit is not None:
        threading.Thread(target=end_with_parent, daemon=True).start()
        _serve(app, socket.socket(fileno=args.inherit))
        return 0
    try:
        listener = listen(args.host, args.port)
    except (OSError, OverflowError) as error:
        address = f"{args.host}:{args.port}"
        print(
            f"error: expected a free port, found {address} not free ({error}); pass --port", file=sys.stderr
        )
        return 2
    print(f"demo sites on http://{args.host}:{listener.getsockname()[1]}/", file=sys.stderr, flush=True)
    _serve(app, listener)
    return 0


def add_fault_options(parser: argparse.ArgumentParser) -> None:
    """Add `--fault`, `--site` and `--fault-day`; the first two may be given several times, in pairs."""
    width = max(map(len, faults.NAMES))
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(
        ["faults:", *(f"  {name:<{width}}  {faults.WORDS[name]}" for name in faults.NAMES)]
    )
    parser.add_argument(
        "--fault", action="append", default=[], choices=faults.NAMES, metavar="NAME",
        help="an accident, see below; again for another site's",
    )  # fmt: skip
    parser.add_argument(
        "--site", action="append", default=[], help="which site suffers the fault: mail or its host"
    )
    parser.add_argument(
        "--fault-day", type=date.fromisoformat, metavar="DAY", help="only on this day's pages"
    )


def sick_sites(parser: argparse.ArgumentParser, args: argparse.Namespace) -> dict[str, str]:
    """Return host -> fault; the parser ends the program if the pairs do not match or a site is unknown."""
    if len(args.fault) != len(args.site):
        parser.error(f"expected a --site for each --fault, found {len(args.site)} for {len(args.fault)}")
    try:
        return {host_of(site): fault for site, fault in zip(args.site, args.fault, strict=True)}
    except ValueError as error:
        parser.error(str(error))


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; OSError if the port is taken."""
    return socket.create_server((host, port), backlog=512)


def _serve(app: Starlette, listener: socket.socket) -> None:
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


def end_with_parent() -> None:
    """Wait until standard input closes, then end the process."""
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
