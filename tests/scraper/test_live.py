"""Live mode, as on the real web: sites under their own addresses over TLS, today's and tomorrow's pages, a
pace that the hosts themselves would measure, and unchanged pages that are not sent twice.
"""

import datetime as dt
import itertools
import json
import os
import subprocess
import sys
from collections import defaultdict

import pytest

from scraper.days import moscow_today
from tests.scraper.conftest import ROOT
from tests.scraper.pages import manifests_under
from tests.scraper.test_collect import rows_under


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
