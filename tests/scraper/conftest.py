"""A snapshot archive, spiders without an engine, and programs run against the archive."""

import asyncio
import functools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from scrapy.crawler import Crawler
from scrapy.settings import Settings
from scrapy.spiderloader import SpiderLoader

from demo.web import Web
from tests.scraper.pages import DAY, Archive

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def archive():
    served = Archive()
    yield served
    served.server.shutdown()
    served.server.server_close()


@pytest.fixture
def live_web():
    """Serves a test's own (host, path, headers) → Page as the live web; gives the proxy's address."""
    stops = []

    def serve(site):
        loop = asyncio.new_event_loop()
        listener = socket.create_server(("127.0.0.1", 0))
        serving = loop.create_task(Web(site).serve(listener))
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()

        def stop():
            loop.call_soon_threadsafe(serving.cancel)
            time.sleep(0.1)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(5)

        stops.append(stop)
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield serve
    for stop in stops:
        stop()


@functools.cache
def spider_loader():
    return SpiderLoader.from_settings(Settings({"SPIDER_MODULES": ["scraper.spiders"]}))


def spider_named(name, **arguments):
    settings = Settings()
    settings.setmodule("scraper.settings", "project")
    spider_class = spider_loader().load(name)
    return spider_class.from_crawler(Crawler(spider_class, settings), **{"date": str(DAY)} | arguments)


@pytest.fixture
def make_spider():
    """A spider by name, ready to parse: no engine, no network."""
    return spider_named


@pytest.fixture
def run(archive, tmp_path):
    """Runs a program of the scraper against the archive; returns exit code, last line as JSON, stderr."""

    def command(*arguments, storage=tmp_path / "storage", snapshots=archive.url, timeout_s=120):
        environment = os.environ | {"HOROSCOPE_SNAPSHOTS": snapshots, "HOROSCOPE_STORAGE": str(storage)}
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        lines = done.stdout.strip().splitlines()
        last = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else None
        return done.returncode, last, done.stderr

    return command
