"""Runs a command beside the demo sites: `python -m demo.run -- python -m scraper.collect --date 2026-11-23`.

Starts the sites on a free port, tells the command where by HOROSCOPE_SNAPSHOTS (with --live: by HTTP_PROXY
and HTTPS_PROXY, see demo.web), hands signals and exit code through, and stops the sites with it, also when
killed itself: they end when the pipe to this program closes.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from types import FrameType

from demo.serve import add_fault_options, listen, sick_sites

ADDRESS = "HOROSCOPE_SNAPSHOTS"
_PASSED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(argv: list[str] | None = None) -> int:
    """Run the command after `--`; return its code, 128 + n if signal n ended it, 2 if it cannot start."""
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
        return _run(command, _environment(address, args.live))
    finally:
        sites.kill()
        sites.wait()


def _environment(address: str, live: bool) -> dict[str, str]:
    if not live:
        return {**os.environ, ADDRESS: address}
    ours = {name: value for name, value in os.environ.items() if name != ADDRESS}
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), address)
    return ours | proxies | {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


def _start_sites(program: str, listener: int, options: list[str]) -> subprocess.Popen[bytes]:
    # The read end of the child's standard input closes with this process, however it dies.
    command = [sys.executable, "-m", program, "--inherit", str(listener), *options]
    return subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[listener], start_new_session=True)


def _run(command: list[str], environment: dict[str, str]) -> int:
    try:
        child = subprocess.Popen(command, env=environment)
    except OSError as error:
        print(
            f"error: expected a command that can be run, found {command[0]!r}: {error.strerror}",
            file=sys.stderr,
        )
        return 2

    def pass_on(number: int, frame: FrameType | None) -> None:
        child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in _PASSED}
    try:
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
