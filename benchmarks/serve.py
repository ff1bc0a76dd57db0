"""The read path under wrk, beside peers in the same run: a raw ASGI function, Starlette, FastAPI and nginx.

    python benchmarks/serve.py --rounds 5 --seconds 5
    python benchmarks/serve.py --soak-s 600

Every peer gives the same bytes of one horoscope (checked first); `site` is the exported page, pre-compressed,
by nginx with the configuration of serving/deploy, `file` the same compressed bytes by a bare nginx. Rounds
rotate the order. Told for each: requests a second, p99 and the server's own CPU time a request, whose ratios
hold on a machine that is not quiet; ratios are medians over rounds of ours to the peer in the same round.
With --soak-s it loads only ours, with addresses it knows and ones it has never seen, and watches its memory.
Needs wrk and nginx on the PATH (apt: wrk nginx-light). Last line: JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ("raw", "starlette", "fastapi")
SERVERS = ("nginx", "site", "file")
PEERS = ("ours", *PROGRAMS, *SERVERS)
RATIOS = (("ours", "raw"), ("ours", "starlette"), ("ours", "fastapi"), ("ours", "nginx"), ("site", "file"))
CONNECTIONS = 32
PAGE = "leo/index.html"
NGINX = """
worker_processes 1; daemon off; pid {folder}/{name}.pid; error_log {folder}/{name}.log;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; keepalive_requests 1000000000;
  {server}
}}
"""
SOAK = """
local signs = {"leo", "virgo", "♌", "17.05", "aries", "pisces", "nobody"}
local paths = {"/", "/v1/horoscopes/", "/v1/signs/", "/v1/horoscopes?topic=love&x=", "/v1/why/today/", "/?x="}
request = function()
  local path = paths[math.random(#paths)] .. signs[math.random(#signs)]
  if math.random() < 0.3 then path = path .. "?y=" .. math.random(1000000) end
  return wrk.format("GET", path, {["Accept-Encoding"] = math.random() < 0.5 and "gzip" or "identity"})
end
"""
"""What readers and strangers ask for: known addresses, wrong ones, ones never seen before."""


@dataclass
class Measured:
    """Figures of one peer, one entry a round."""

    per_s: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)


def peer_app(name: str, body: bytes) -> Any:
    """What the peer runs: the least that the framework needs to send these bytes."""
    if name == "raw":
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]

        async def raw(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

        return raw
    from starlette.responses import Response

    if name == "starlette":
        from starlette.applications import Starlette
        from starlette.requests import Request
        from starlette.routing import Route

        async def starlette(request: Request) -> Response:
            return Response(body, media_type="application/json")

        return Starlette(routes=[Route("/v1/horoscopes/leo", starlette)])
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/v1/horoscopes/leo")
    async def fastapi() -> Response:
        return Response(body, media_type="application/json")

    return app


def run_peer(name: str, port: int, body: Path) -> None:
    import uvicorn

    lifespan: Any = "off" if name == "raw" else "auto"
    uvicorn.run(
        peer_app(name, body.read_bytes()), port=port, access_log=False, log_level="warning", lifespan=lifespan
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def server_of(name: str, port: int, folder: Path) -> str:
    """The server block of an nginx: a bare one over a folder, or the one that serving/deploy recommends."""
    if name != "site":
        return f"server {{ listen 127.0.0.1:{port}; root {folder}/{name}; }}"
    recommended = (ROOT / "serving" / "deploy" / "nginx.conf").read_text()
    return recommended.replace("listen 8000", f"listen 127.0.0.1:{port}").replace(
        "/var/lib/horoscope/site", str(folder / "site")
    )


def command_of(name: str, port: int, folder: Path) -> list[str]:
    if name == "ours":
        command = [sys.executable, "-m", "serving.api", "--storage", str(folder), "--port", str(port)]
        return [*command, "--limit", "1000000000"]
    if name in SERVERS:
        configuration = NGINX.format(folder=folder, name=name, server=server_of(name, port, folder))
        (folder / f"{name}.conf").write_text(configuration)
        return ["nginx", "-c", str(folder / f"{name}.conf")]
    body = str(folder / "body.json")
    return [sys.executable, __file__, "--peer", name, "--port", str(port), "--body", body]


@contextmanager
def started(name: str, folder: Path) -> Iterator[tuple[str, int]]:
    """A peer that answers; its address and process id."""
    port = free_port()
    path = {"site": "leo", "file": PAGE}.get(name, "v1/horoscopes/leo")
    address = f"http://127.0.0.1:{port}/{path}"
    process = subprocess.Popen(
        command_of(name, port, folder), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 60
        while True:
            try:
                ask(address)
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait()


def ask(address: str) -> bytes:
    asked = urllib.request.Request(address, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(asked, timeout=5) as answer:
        return answer.read()


def cpu_s(pid: int) -> float:
    """User and system seconds of a process and its children (nginx answers in a child)."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(_own_cpu_s(each) for each in (pid, *map(int, children)))


def _own_cpu_s(pid: int) -> float:
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def load(name: str, address: str, pid: int, seconds: float, measured: Measured) -> None:
    """One wrk run, added to the figures."""
    before = cpu_s(pid)
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--latency", address]
    command += ["-H", "Accept-Encoding: gzip"] if name in ("site", "file") else []
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    requests = int(re.search(r"(\d+) requests in", told)[1])  # type: ignore[index]
    p99, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", told).groups()  # type: ignore[union-attr]
    if "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError(f"expected only answers, found faults, at {address}: {told}")
    measured.per_s.append(float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1]))  # type: ignore[index]
    measured.p99_ms.append(float(p99) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit])
    measured.cpu_us.append((cpu_s(pid) - before) / requests * 1e6)


def prepare(folder: Path) -> None:
    """A published day of made-up texts, its exported site, and the bytes that every peer must give."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "serving")]
    import datetime as dt

    from fake_model import publish

    from serving.days import moscow_today

    folder.chmod(0o755)
    today = moscow_today(dt.datetime.now(dt.UTC))
    for offset in (0, 1):
        publish(folder, today + dt.timedelta(days=offset))
    for command in (["serving.export", "--storage", str(folder), "--output"], ["serving.compress"]):
        made = [sys.executable, "-m", *command, str(folder / "site")]
        subprocess.run(made, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    with started("ours", folder) as (address, _):
        (folder / "body.json").write_bytes(ask(address.replace("leo", "leo?plain")))
    for served, content in (
        ("nginx/v1/horoscopes/leo", (folder / "body.json").read_bytes()),
        (f"file/{PAGE}", (folder / "site" / f"{PAGE}.gz").read_bytes()),
    ):
        (folder / served).parent.mkdir(parents=True)
        (folder / served).write_bytes(content)


def compare(rounds: int, seconds: float) -> dict[str, Any]:
    """Medians of every peer, ratios, memory of ours before and after each round."""
    measured = {name: Measured() for name in PEERS}
    with tempfile.TemporaryDirectory() as made, ExitStack() as stack:
        folder = Path(made)
        prepare(folder)
        running = {name: stack.enter_context(started(name, folder)) for name in PEERS}
        answers = {name: ask(address) for name, (address, _) in running.items()}
        if len({answers[name] for name in PEERS[:5]}) != 1 or answers["site"] != answers["file"]:
            raise RuntimeError("expected the same bytes from every peer, found different ones")
        memory = [rss_mb(running["ours"][1])]
        for number in range(rounds):
            for name in (PEERS * 2)[number % len(PEERS) :][: len(PEERS)]:
                load(name, *running[name], seconds, measured[name])
                print(f"round {number + 1} {name}: {measured[name].per_s[-1]:,.0f}/s", file=sys.stderr)
            memory.append(rss_mb(running["ours"][1]))
    medians = {
        name: {figure: round(statistics.median(values), 2) for figure, values in vars(each).items()}
        for name, each in measured.items()
    }
    ratios = {
        f"{figure} {ours}/{peer}": round(
            statistics.median(
                mine / its
                for mine, its in zip(vars(measured[ours])[figure], vars(measured[peer])[figure], strict=True)
            ),
            3,
        )
        for ours, peer in RATIOS
        for figure in ("per_s", "p99_ms", "cpu_us")
    }
    return {"peers": medians, "ratios": ratios, "memory_mb": [round(each, 1) for each in memory]}


def soak(seconds: float) -> dict[str, Any]:
    """Our memory, sampled through a long mixed load, in tenths of it; how fast it still grows in the second
    half."""
    samples: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        prepare(folder)
        (folder / "soak.lua").write_text(SOAK)
        with started("ours", folder) as (address, pid):
            site = address.partition("/v1")[0]
            command = [
                "wrk",
                "-t1",
                f"-c{CONNECTIONS}",
                f"-d{seconds:g}s",
                "-s",
                str(folder / "soak.lua"),
                site,
            ]
            began = time.monotonic()
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as loading:
                while loading.poll() is None:
                    samples.append((time.monotonic() - began, rss_mb(pid)))
                    time.sleep(min(2.0, seconds / 60))
                told = loading.stdout.read() if loading.stdout else ""
    late = [(at_s, mb) for at_s, mb in samples if at_s > seconds / 2]
    slope = statistics.linear_regression(*zip(*late, strict=True)).slope
    tenths = [mb for number, (_, mb) in enumerate(samples) if number % max(1, len(samples) // 10) == 0]
    return {
        "requests": int(re.search(r"(\d+) requests in", told)[1]),  # type: ignore[index]
        "memory_mb": [round(mb, 1) for mb in tenths],
        "growth_mb_per_min": round(slope * 60, 3),
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of load on each peer in each round")
    parser.add_argument("--soak-s", type=float, default=0.0, help="watch our memory for so long instead")
    parser.add_argument("--peer", choices=PROGRAMS, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--body", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.peer:
        run_peer(args.peer, args.port, args.body)
        return 0
    missing = [program for program in ("wrk", "nginx") if not shutil.which(program)]
    if missing:
        print(
            f"error: expected wrk and nginx, found no {', '.join(missing)}; apt-get install wrk nginx-light",
            file=sys.stderr,
        )
        return 2
    began = time.monotonic()
    told = soak(args.soak_s) if args.soak_s else compare(args.rounds, args.seconds)
    for name, figures in told.get("peers", {}).items():
        print(
            f"{name:10} {figures['per_s']:>9,.0f}/s  p99 {figures['p99_ms']:>7.2f} ms  "
            f"{figures['cpu_us']:>6.1f} µs CPU a request"
        )
    seconds = round(time.monotonic() - began, 1)
    print(json.dumps({"step": "benchmark_serve", "outcome": "done", "seconds": seconds, **told}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
