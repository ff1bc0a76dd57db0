"""A person sees at a glance which source needs care, and why."""

import datetime as dt
import json

import pytest

from scraper.health import main as health
from scraper.sources import default_sources
from tests.scraper.pages import DAY


@pytest.fixture
def storage(tmp_path):
    """Three good days of every source on by default."""
    for back in range(3):
        for source in default_sources():
            write(tmp_path, source, DAY - dt.timedelta(days=back))
    return tmp_path


def write(storage, source, day=DAY, run="20261120T000000Z-00000000", **changes):
    manifest = {
        "schema": 1, "run": run, "source": source, "date": str(day), "outcome": "complete",
        "rows": 12, "parts": [],
        "spider_version": "1", "coverage": {"expected": 12, "found": 12, "missing": []},
        "strategies": {"boxes": 12},
        "failures": [], "chars": {"min": 200, "median": 300, "max": 400},
        "responses": {"statuses": {"200": 12}, "median_s": 0.2, "max_s": 0.5},
    }  # fmt: skip
    folder = storage / f"raw/date={day}/source={source}/run={run}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(manifest | changes), encoding="utf-8")


def look(storage, capsys, *arguments):
    code = health(["--storage", str(storage), "--date", str(DAY), "--days", "3", *arguments])
    *table, last = capsys.readouterr().out.splitlines()
    return code, {line.split()[0]: line for line in table}, json.loads(last)


def test_when_all_is_well_it_says_so(storage, capsys):
    code, lines, last = look(storage, capsys)
    assert (code, last["outcome"]) == (0, "done")
    assert "███" in lines["ru74"]
    assert lines["ru74"].endswith("-")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"outcome": "failed", "failures": ["missing 1 of 12: leo/general/2026-11-20"]},
            "missing 1 of 12: leo",
        ),
        (
            {"strategies": {"boxes": 4, "headings": 8}},
            "strategy boxes found 100% of the texts on 2026-11-19, 33%",
        ),
        (
            {"chars": {"min": 1, "median": 90, "max": 99}},
            "the median text had 300 characters on 2026-11-19, 90",
        ),
    ],
)
def test_what_went_wrong_on_the_last_day_is_told_and_comes_first(storage, capsys, changes, words):
    write(storage, "retrofm", **changes)
    code, lines, last = look(storage, capsys)
    assert (code, last["reason"]) == (1, "need care: retrofm")
    assert words in lines["retrofm"]
    assert list(lines)[1] == "retrofm"


def test_a_source_that_fell_silent_is_told_with_its_last_day(storage, capsys):
    (storage / f"raw/date={DAY}/source=mail/run=20261120T000000Z-00000000/manifest.json").unlink()
    _, lines, _ = look(storage, capsys)
    assert "██·" in lines["mail"]
    assert "no run for 2026-11-20, last 2026-11-19" in lines["mail"]


def test_a_failed_rerun_does_not_hide_a_complete_run(storage, capsys):
    write(storage, "mail", run="20261120T120000Z-00000000", outcome="failed", failures=["later trouble"])
    assert look(storage, capsys)[0] == 0


def test_the_page_shows_every_source_and_escapes_what_a_site_said(storage, capsys, tmp_path):
    write(storage, "mail", outcome="failed", failures=["found '<script>alert(1)</script>'"])
    look(storage, capsys, "--output", str(tmp_path / "health.html"))
    page = (tmp_path / "health.html").read_text(encoding="utf-8")
    assert all(name in page for name in default_sources())
    assert "2026-11-19: complete: " in page
    assert "status 200 × " in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_an_empty_storage_needs_care_everywhere(tmp_path, capsys):
    code, lines, _ = look(tmp_path, capsys)
    assert code == 1
    assert "nothing was collected in 3 days" in lines["ru74"]


def test_a_day_that_another_address_gave_is_well_but_remarked(storage, capsys):
    write(storage, "ru74", warnings=["https://74.ru/horoscope/daily/: found one cut short"])
    code, lines, _ = look(storage, capsys, "--output", str(storage / "health.html"))
    assert code == 0
    assert lines["ru74"].endswith("well, but https://74.ru/horoscope/daily/: found one cut short")
    page = (storage / "health.html").read_text(encoding="utf-8")
    assert "found one cut short" in page
    assert "sources are well" in page
