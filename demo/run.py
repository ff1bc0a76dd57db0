"""Runs a command beside the demo sites: `python -m demo.run -- python -m scraper.collect --date 2026-11-23`.

Starts the sites on a free port, tells the command where by HOROSCOPE_SNAPSHOTS (with --live: by HTTP_PROXY
and HTTPS_PROXY, see demo.web), and becomes the command: signals reach it once, its exit code is its own. The
sites end when it does, however that is: their pipe to it closes.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from typing import NoReturn

from demo.serve import add_fault_options, listen, sick_sites

ADDRESS = "HOROSCOPE_SNAPSHOTS"


def main(argv: list[str] | None = None) -> int:
    """Become the command after `--`; return 2 if it cannot start."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.run",
        usage="python -m demo.run [-h] [--live] [--fault NAME --site SITE] [--fault-day DAY] -- CMD ARGS ...",
        description=f"Run CMD with the demo sites beside it; {ADDRESS} tells it where they are.",
    )
    parser.add_argument(
        "--live", action="store_true", help="as the live web, through a proxy, not as snapshots of days"
    )
    parser.add_argument("--log", metavar="FILE", help="with --live: a JSON line a request")
    add_fault_options(parser)
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="CMD ARGS", help="what to run, after --")
    args = parser.parse_args(argv)
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        parser.error("expected a command after --, found none")
    sick = [
        word
        for host, fault in sick_sites(parser, args).items()
        for word in ("--fault", fault, "--site", host)
    ]
    if args.fault_day:
        sick += ["--fault-day", args.fault_day.isoformat()]
    if args.log:
        sick += ["--log", args.log]
    with listen("127.0.0.1", 0) as listener:
        sites = _start_sites("demo.web" if args.live else "demo.serve", listener.fileno(), sick)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        _become(command, _environment(address, args.live), sites)
    except OSError as error:
        sites.kill()
        sites.wait()
        print(
            f"error: expected a command that can be run, found {command[0]!r}: {error.strerror}",
            file=sys.stderr,
        )
        return 2


def _environment(address: str, live: bool) -> dict[str, str]:
    if not live:
        return {**os.environ, ADDRESS: address}
    ours = {name: value for name, value in os.environ.items() if name != ADDRESS}
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), address)
    return ours | proxies | {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


def _start_sites(program: str, listener: int, options: list[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", program, "--inherit", str(listener), *options]
    return subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[listener], start_new_session=True)


def _become(command: list[str], environment: dict[str, str], sites: subprocess.Popen[bytes]) -> NoReturn:
    """Raises OSError if the command cannot be run."""
    assert sites.stdin is not None
    os.set_inheritable(sites.stdin.fileno(), True)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and the command would inherit that
    os.execvpe(command[0], command, environment)


if __name__ == "__main__":
    sys.exit(main())
