"""Live mode, as on the real web: sites under their own addresses over TLS, today's and tomorrow's pages, a
pace that the hosts themselves would measure, and unchanged pages that are not sent twice.
"""

import contextlib
import datetime as dt
import itertools
import json
import os
import subprocess
import sys
from collections import defaultdict

import pytest
from scrapy import Request
from scrapy.http import HtmlResponse
from scrapy.utils.misc import load_object
from scrapy.utils.request import RequestFingerprinter

from demo.sites.visit import Page
from scraper.days import moscow_today
from tests.scraper.conftest import ROOT
from tests.scraper.pages import DAY, manifests_under, retrofm_page
from tests.scraper.test_collect import rows_under
from tests.scraper.test_ranges import crawl, finished


@pytest.fixture
def live(tmp_path):
    """Runs a command before the demo's live web; returns exit code, last line, stderr and the web's log."""

    def run(*command, fault=()):
        log = tmp_path / "web.log"
        log.unlink(missing_ok=True)
        ours = {name: value for name, value in os.environ.items() if not name.startswith("HOROSCOPE_")}
        told = {name: str(tmp_path / name) for name in ("HOROSCOPE_KEEP_PAGES", "HOROSCOPE_HTTP_CACHE")}
        web = [sys.executable, "-m", "demo.run", "--live", "--log", str(log), *fault]
        done = subprocess.run(
            [*web, "--", sys.executable, "-m", *command],
            cwd=ROOT, env=ours | told | {"HOROSCOPE_STORAGE": str(tmp_path / "storage")},
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        asked = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        last = json.loads((done.stdout.splitlines() or ["null"])[-1])
        return done.returncode, last, done.stderr, asked

    return run


def test_today_is_collected_from_the_sites_own_addresses_at_a_pace_and_unchanged_pages_are_not_sent_twice(
    live, tmp_path
):
    command = ("scraper.collect", "--spiders", "ru74,retrofm", "--force")
    code, last, errors, asked = live(*command)
    assert (code, last["rows_out"]) == (0, 24), errors
    assert {(r["host"], r["path"]) for r in asked} == {
        (host, path)
        for host, page in (("74.ru", "/horoscope/daily/"), ("retrofm.ru", "/goroskop"))
        for path in ("/robots.txt", "/.well-known/tdmrep.json", page)
    }
    times = defaultdict(list)
    for request in asked:
        times[request["host"]].append(request["time"])
    gaps = [after - before for of in times.values() for before, after in itertools.pairwise(of)]
    assert min(gaps) >= 1.0
    rows = rows_under(tmp_path / "storage")

    code, last, errors, asked = live(*command)
    assert (code, last["rows_out"]) == (0, 24), errors
    assert {r["path"]: r["status"] for r in asked if r["path"] in ("/horoscope/daily/", "/goroskop")} == {
        "/horoscope/daily/": 304, "/goroskop": 304
    }  # fmt: skip
    assert set(rows_under(tmp_path / "storage")) == set(rows)

    code, last, errors, asked = live(*command, "--pages", str(tmp_path / "HOROSCOPE_KEEP_PAGES"))
    assert (code, last["rows_out"], asked) == (0, 24, []), errors
    assert set(rows_under(tmp_path / "storage")) == set(rows)


def test_tomorrows_pages_give_tomorrows_rows(live, tmp_path):
    code, last, errors, asked = live("scrapy", "crawl", "ru74", "-a", "date=tomorrow")
    assert (code, last["rows_out"]) == (0, 12), errors
    assert "/horoscope/tomorrow/" in [request["path"] for request in asked]
    ((day, source, _),) = manifests_under(tmp_path / "storage")
    assert (day, source) == (str(moscow_today() + dt.timedelta(days=1)), "ru74")


def test_a_source_that_nobody_has_allowed_is_not_asked_and_an_accident_has_its_name(live):
    code, _, errors, asked = live("scraper.collect", "--spiders", "ignio")
    assert (code, asked) == (2, [])
    assert "expected allowed sources, found ignio" in errors
    code, _, errors, _ = live(
        "scraper.collect", "--spiders", "retrofm", fault=("--fault", "challenge", "--site", "retrofm")
    )
    assert code == 1
    assert "found a page that looks like Cloudflare" in errors


@pytest.fixture
def retrofm(live_web):
    """A site whose `day` and `status` are set; `crawl` returns exit code, last line and stderr."""

    class Site:
        day, status = DAY, 200

        def answer(self, host, path, headers):
            if path == "/goroskop":
                return Page(retrofm_page(self.day) if self.status == 200 else "", status=self.status)
            return Page("", "text/plain", status=200 if path == "/robots.txt" else 404)

        def crawl(self, day, storage, **environment):
            span = ["-a", f"date={day}", "-a", f"today={day}"]
            return finished(crawl("retrofm", span, storage, HTTPS_PROXY=self.proxy, **environment))

    site = Site()
    site.proxy = live_web(site.answer)
    return site


def test_a_site_that_is_down_for_days_is_not_answered_for_by_the_cache(retrofm, tmp_path):
    assert retrofm.crawl(DAY, tmp_path)[0] == 0
    retrofm.status = 503
    for days in (1, 2):
        code, last, errors = retrofm.crawl(DAY + dt.timedelta(days), tmp_path)
        assert (code, last["rows_out"], "robots.txt" in errors or "503" in errors) == (1, 0, True), errors
    retrofm.proxy = "http://127.0.0.1:9"
    code, last, errors = retrofm.crawl(DAY + dt.timedelta(3), tmp_path)
    assert (code, last["rows_out"]) == (1, 0), errors


def test_a_cache_that_cannot_be_written_costs_no_page(retrofm, tmp_path):
    code, last, errors = retrofm.crawl(DAY, tmp_path, HOROSCOPE_HTTP_CACHE="/proc/nowhere")
    assert (code, last["rows_out"]) == (0, 12), errors


@pytest.mark.parametrize("step", range(1, 8))
def test_killed_at_any_step_the_cache_holds_one_whole_answer(step, make_spider, tmp_path):
    spider = make_spider("retrofm")
    spider.settings.set("HTTPCACHE_DIR", str(tmp_path))
    cache = load_object(spider.settings["HTTPCACHE_STORAGE"])(spider.settings)
    spider.crawler.request_fingerprinter = RequestFingerprinter()
    cache.open_spider(spider)
    request = Request("https://retrofm.ru/goroskop")
    cache.store_response(spider, request, HtmlResponse(request.url, headers={"ETag": "1"}, body=b"1"))
    steps, opened = itertools.count(1), cache._open

    def killed(*arguments):
        if next(steps) == step:
            raise KeyboardInterrupt
        return opened(*arguments)

    cache._open = killed
    with contextlib.suppress(KeyboardInterrupt):
        cache.store_response(spider, request, HtmlResponse(request.url, headers={"ETag": "2"}, body=b"2"))
    cache._open = opened
    answer = cache.retrieve_response(spider, request)
    assert answer.headers["ETag"] == answer.body
