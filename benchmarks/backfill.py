"""Does memory stay flat over a long backfill? One source's archive, many years, killed once on the way.

    python -m benchmarks.backfill --pages 100000

rambler's spider asks its dated pages (12 a day), as of a live site, from a proxy on loopback with politeness
off; after a fifth of the pages the crawl is killed with SIGKILL and started again with the same command. The
collector's resident memory is sampled all the while. The last line is JSON: megabytes at each tenth of the
pages, and the slope of the second half per 10,000 pages.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import multiprocessing
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from demo.sites.visit import Page
from demo.web import Web

ROOT = Path(__file__).resolve().parent.parent
FIRST = dt.date(2004, 1, 1)
ROBOTS = Page("User-agent: *\nAllow: /\n", "text/plain")
PAGE = (
    "<!DOCTYPE html><html><head><title>Гороскоп</title></head><body><h1>Гороскоп — {sign}</h1>"
    "<div itemprop='articleBody'><p>{sign}, {day}: день сложится ровно, утром стоит закончить начатое, "
    "а вечер оставить близким и прогулке.</p></div><ul>{links}</ul></body></html>"
)
LINKS = "".join(f"<li><a href='/{number}/'>Другая страница № {number}</a></li>" for number in range(60))


def archive(host: str, path: str, headers: dict[str, str]) -> Page:
    if path == "/robots.txt":
        return ROBOTS
    try:
        _, sign, day, _ = path.split("/")
    except ValueError:
        return Page("", status=404)
    return Page(PAGE.format(sign=sign, day=day, links=LINKS))


def serve(listener: socket.socket) -> None:
    asyncio.run(Web(archive).serve(listener))


def read_json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def resident_mb(pid: int) -> float:
    """0 once the process is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    line = next((line for line in status.splitlines() if line.startswith("VmRSS")), "VmRSS: 0 kB")
    return int(line.split()[1]) / 1024


def crawl(
    storage: Path, days: int, proxy: str, kill_after: int | None
) -> tuple[int, list[tuple[int, float]]]:
    """(exit code, samples of (pages stored, megabytes))."""
    last = FIRST + dt.timedelta(days=days - 1)
    span = ["-a", f"date_from={FIRST}", "-a", f"date_to={last}"]
    pace = ["-s", "DOWNLOAD_DELAY=0", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=16", "-s", "LOG_LEVEL=ERROR"]
    ours = {name: value for name, value in os.environ.items() if not name.startswith("HOROSCOPE_")}
    told = {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "HOROSCOPE_STORAGE": str(storage)}
    command = [sys.executable, "-m", "scrapy", "crawl", "rambler", *span, *pace]
    process = subprocess.Popen(command, cwd=ROOT, env=ours | told, stdout=subprocess.DEVNULL)
    samples = []
    while process.poll() is None:
        time.sleep(1)
        pages = 12 * sum(1 for _ in storage.glob("raw/date=*")) if (storage / "raw").exists() else 0
        samples.append((pages, resident_mb(process.pid)))
        if kill_after and pages >= kill_after:
            process.send_signal(signal.SIGKILL)
    return process.wait(), [sample for sample in samples if sample[1]]


def main(argv: list[str] | None = None) -> int:
    known = argparse.ArgumentParser(prog="python -m benchmarks.backfill", description=__doc__.split("\n")[0])
    known.add_argument("--pages", type=int, default=100_000, help="pages of the backfill (default 100000)")
    arguments = known.parse_args(argv)
    days = -(-arguments.pages // 12)
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    web = multiprocessing.get_context("fork").Process(target=serve, args=(listener,), daemon=True)
    web.start()
    proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        killed, _ = crawl(Path(folder), days, proxy, kill_after=arguments.pages // 5)
        code, samples = crawl(Path(folder), days, proxy, kill_after=None)
        manifests = map(read_json, Path(folder).glob("raw/date=*/source=rambler/run=*/manifest.json"))
        complete = len({manifest["date"] for manifest in manifests if manifest["outcome"] == "complete"})
    web.kill()
    assert (killed, code, complete) == (-signal.SIGKILL, 0, days), (killed, code, complete, days)
    tenths = {}
    for pages, mb in samples:
        tenths[round(10 * pages / (12 * days))] = round(mb, 1)
    half = [sample for sample in samples if sample[0] > 6 * days]
    slope = statistics.linear_regression(*zip(*half, strict=True)).slope * 10_000
    result = {
        "step": "benchmark-backfill", "outcome": "done", "pages": 12 * days,
        "seconds": round(time.monotonic() - began),
        "mb_at_tenths": tenths, "peak_mb": round(max(mb for _, mb in samples), 1),
        "mb_per_10000_pages": round(slope, 3),
    }  # fmt: skip
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
