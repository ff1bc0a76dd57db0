"""Years of an archive: asked for as a range, killed, gone on with, and never asked for twice."""

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from benchmarks.backfill import archive as rambler_archive
from tests.scraper.conftest import ROOT
from tests.scraper.pages import manifests_under
from tests.scraper.test_collect import rows_under

FIRST = dt.date(2004, 1, 1)
LAST = dt.date(2004, 1, 20)
RANGE = ["-a", f"date_from={FIRST}", "-a", f"date_to={LAST}"]


@pytest.fixture
def live_archive(live_web):
    """rambler's dated pages as a live site: the proxy's address and what was asked, path → times."""
    asked = Counter()

    def site(host, path, headers):
        asked[path] += 1
        return rambler_archive(host, path, headers)

    return live_web(site), asked


DEMO = [sys.executable, "-m", "demo.run", "--"]


def crawl(source, span, storage, beside=(), **environment):
    ours = {name: value for name, value in os.environ.items() if not name.startswith("HOROSCOPE_")}
    told = {name: str(storage / name) for name in ("HOROSCOPE_KEEP_PAGES", "HOROSCOPE_HTTP_CACHE")}
    command = [*beside, sys.executable, "-m", "scrapy", "crawl", source, *span, "-s", "LOG_LEVEL=CRITICAL"]
    return subprocess.Popen(
        [*command, "-s", "DOWNLOAD_DELAY=0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ours | told | {"HOROSCOPE_STORAGE": str(storage)} | environment,
    )


def finished(process):
    out, errors = process.communicate(timeout=120)
    return process.returncode, json.loads(out.splitlines()[-1]), errors


def test_a_live_archive_killed_in_the_middle_goes_on_where_it_was(live_archive, tmp_path):
    proxy, asked = live_archive
    process = crawl("rambler", RANGE, tmp_path, HTTPS_PROXY=proxy)
    while len(list(tmp_path.glob("raw/date=*"))) < 6 and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    stored = {dt.date.fromisoformat(day) for day, _, _ in manifests_under(tmp_path)}
    assert 1 <= len(stored) < 20

    code, last, errors = finished(crawl("rambler", RANGE, tmp_path, HTTPS_PROXY=proxy))
    assert (code, last["already"], last["rows_out"]) == (0, len(stored), 12 * (20 - len(stored))), errors
    assert f"collect: days to ask for: rambler {20 - len(stored)}" in errors
    assert len(rows_under(tmp_path)) == 12 * 20
    assert max(times for path, times in asked.items() if str(min(stored)) in path) == 1
    cached = list((tmp_path / "HOROSCOPE_HTTP_CACHE").glob("rambler/*/*"))
    kept = list((tmp_path / "HOROSCOPE_KEEP_PAGES").glob("*"))
    assert (len(cached), kept) == (1, []), "robots.txt only: an archive's pages are asked for once"

    before = sum(asked.values())
    code, last, _ = finished(crawl("rambler", RANGE, tmp_path, HTTPS_PROXY=proxy))
    assert (code, last["already"], last["rows_in"], sum(asked.values())) == (0, 20, 0, before)


@pytest.mark.parametrize("source", ["thevoicemag", "horoscopecom"])
def test_other_archives_go_on_too(source, tmp_path):
    """Not yet allowed on the live web, so from the demo's snapshots."""
    for first, already in ((18, 0), (16, 3)):
        span = ["-a", f"date_from=2026-11-{first}", "-a", "date_to=2026-11-20"]
        code, last, errors = finished(crawl(source, span, tmp_path, beside=DEMO))
        assert (code, last["already"], last["days"]) == (0, already, 2 if already else 3), errors
    assert len(rows_under(tmp_path)) == 12 * 5
