"""Serves the demo sites: `python -m demo.serve --port 8400`, then open http://127.0.0.1:8400/.

Ends with 0 when stopped, 2 if the port is taken or the arguments are wrong.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading

import uvicorn

from demo.archive import application


def main(argv: list[str] | None = None) -> int:
    """Serve until interrupted; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo.serve", description="Horoscope sites on loopback.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument(
        "--port", type=int, default=8400, help="port to listen on, 0 for any free one (default 8400)"
    )
    parser.add_argument(
        "--inherit", type=int, metavar="FD", help="serve on this open socket until stdin closes"
    )
    args = parser.parse_args(argv)
    if args.inherit is not None:
        threading.Thread(target=_end_with_parent, daemon=True).start()
        serve(socket.socket(fileno=args.inherit))
        return 0
    try:
        listener = listen(args.host, args.port)
    except (OSError, OverflowError) as error:
        print(
            f"error: expected a free port, found {args.host}:{args.port} taken ({error}); pass --port",
            file=sys.stderr,
        )
        return 2
    print(f"demo sites on http://{args.host}:{listener.getsockname()[1]}/", file=sys.stderr, flush=True)
    serve(listener)
    return 0


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; OSError if the port is taken."""
    return socket.create_server((host, port), backlog=512)


def serve(listener: socket.socket) -> None:
    """Serve the archive on `listener` until the process is told to stop."""
    config = uvicorn.Config(application(), log_level="warning", access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
