"""The spiders against the demo sites, which imitate the real ones' pages and accidents."""

import json
import os
import subprocess
import sys

import pytest

from scraper.sources import permissions
from tests.scraper.conftest import ROOT
from tests.scraper.pages import DAY, manifests_under


@pytest.fixture
def collect_demo(tmp_path):
    def collect(*arguments, fault=()):
        command = [sys.executable, "-m", "demo.run", *fault, "--", sys.executable, "-m", "scraper.collect"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HOROSCOPE_")}
        done = subprocess.run(
            [*command, "--date", str(DAY), "--storage", str(tmp_path), *arguments],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        return done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stderr

    return collect


def test_every_source_is_collected_whole_from_its_demo_site(collect_demo, tmp_path):
    code, last, errors = collect_demo("--spiders", ",".join(permissions()))
    assert (code, last["outcome"]) == (0, "done"), errors
    assert last["missing"] == {}
    for manifest in manifests_under(tmp_path).values():
        assert manifest["coverage"]["missing"] == []
        assert len(manifest["strategies"]) == 1, (
            "the demo page is not built as the spider's first choice expects"
        )


NAMED_FAULTS = {
    "missing-sign": ("newsler", "www.newsler.ru", "missing 8 of 96: gemini/anti/2026-11-20"),
    "challenge": ("mail", "horo.mail.ru", "found a page that looks like Cloudflare"),
    "empty": ("astroscope", "astroscope.ru", "found none by heading"),
    "truncated": ("retrofm", "retrofm.ru", "found one cut short"),
    "renamed-class": ("gadalkindom", "gadalkindom.ru", "found none by dated"),
    "wrong-date": ("goroskop365", "goroskop365.ru", "expected a page for 2026-11-20, found '17 ноября 2026'"),
    "yesterday-page": ("astroscope", "astroscope.ru", "expected a page for 2026-11-20, found '19.11.2026'"),
    "same-as-yesterday": ("rambler", "horoscopes.rambler.ru", "found those of the day before in love"),
    "shared-text": ("goroskop1001", "1001goroskop.ru", "found one shared by aries, cancer, gemini, taurus"),
    "swapped-signs": ("mail", "horo.mail.ru", "found them swapped"),
    "http-403": ("retrofm", "retrofm.ru", "found status 403"),
    "http-429": ("astroscope", "astroscope.ru", "astroscope.ru answered 429 before"),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", NAMED_FAULTS)
def test_each_accident_of_a_site_is_caught_by_name(fault, collect_demo, tmp_path):
    source, host, words = NAMED_FAULTS[fault]
    options = ("--fault", fault, "--site", host.removeprefix("www."), "--fault-day", str(DAY))
    code, last, errors = collect_demo("--spiders", source, "--history-days", "1", fault=options)
    assert (code, last["outcome"]) == (1, "failed")
    assert words in errors
    outcomes = {manifest["date"]: manifest["outcome"] for manifest in manifests_under(tmp_path).values()}
    assert outcomes == {"2026-11-19": "complete", "2026-11-20": "failed"}


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "host"), [("wrong-encoding", "astroscope.ru"), ("renamed-class", "74.ru")])
def test_an_accident_that_can_be_read_through_costs_nothing(fault, host, collect_demo):
    source = {"astroscope.ru": "astroscope", "74.ru": "ru74"}[host]
    code, last, _ = collect_demo("--spiders", source, fault=("--fault", fault, "--site", host))
    assert (code, last["rows_out"]) == (0, 12)
