"""A public name with a private address is not asked: nothing arrives there."""

import http.server
import os
import socket
import subprocess
import sys
import threading

import pytest

from tests.scraper.conftest import ROOT

CRAWL = """
import sys, scrapy
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.utils.project import get_project_settings
PROXY = "scrapy.downloadermiddlewares.httpproxy.HttpProxyMiddleware"
class Probe(scrapy.Spider):
    name = "probe"
    custom_settings = {"SPIDER_MIDDLEWARES": {"scraper.kept_pages.KeepPages": None}, "ITEM_PIPELINES": {},
                       "DOWNLOADER_MIDDLEWARES": {PROXY: 750}, "EXTENSIONS": {},
                       "SPIDERMON_ENABLED": False, "RETRY_ENABLED": False, "HTTPCACHE_ENABLED": False}
    start_urls = [sys.argv[1]]
    def parse(self, response):
        print("answered", response.status)
process = AsyncCrawlerProcess(get_project_settings())
process.crawl(Probe)
process.start()
"""


@pytest.fixture
def inner_server():
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server.server_port, asked
    server.shutdown()
    server.server_close()


def crawl(address, **environment):
    env = {
        name: value for name, value in os.environ.items() if not name.startswith("HOROSCOPE_")
    } | environment
    command = [sys.executable, "-c", CRAWL, address]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)


def test_a_name_that_leads_into_the_private_network_is_refused(inner_server):
    port, asked = inner_server
    name = socket.gethostname()  # a name like any other, with an address of this machine
    done = crawl(f"http://{name}:{port}/")
    assert asked == []
    assert f"{name} has the address" in done.stderr


def test_a_proxy_that_the_operator_named_may_be_inside(inner_server):
    port, asked = inner_server
    crawl("http://site.test/page", http_proxy=f"http://{socket.gethostname()}:{port}")
    assert asked == ["http://site.test/page"]
