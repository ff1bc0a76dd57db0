"""Collecting as a program: what comes, what is missing and by which name, what a rerun and a killed run
leave.
"""

import csv
import datetime as dt
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scraper.items import COLUMNS, SIGNS
from tests.scraper.conftest import ROOT
from tests.scraper.pages import DAY, manifests_under, newsler_page, retrofm_page, ru74_page, text_of

SOURCES = ["astroscope", "newsler", "retrofm", "ru74"]
FOUR = ("--spiders", "ru74,retrofm,newsler,astroscope")
COLLECT = ("scraper.collect", "--date", str(DAY), *FOUR)
CELLS = 12 * (1 + 1 + 8 + 1)


def rows_under(storage):
    """Every row of every complete run, without what differs from run to run."""
    rows = []
    for (day, source, run), manifest in manifests_under(storage).items():
        if manifest["outcome"] == "complete":
            for part in manifest["parts"]:
                path = Path(storage) / f"raw/date={day}/source={source}/run={run}" / part["name"]
                with path.open(encoding="utf-8", newline="") as lines:
                    for row in csv.DictReader(lines):
                        rows.append(tuple(value for column, value in row.items() if column != "fetched_at"))
    return sorted(rows)


def test_a_day_of_four_sites_is_collected_whole(run, tmp_path):
    code, last, _ = run(*COLLECT)
    assert (code, last["outcome"], last["rows_in"], last["rows_out"]) == (0, "done", CELLS, CELLS)
    manifests = manifests_under(tmp_path / "storage")
    assert sorted(source for _, source, _ in manifests) == SOURCES
    newsler = next(m for m in manifests.values() if m["source"] == "newsler")
    assert newsler["coverage"] == {"expected": 96, "found": 96, "missing": []}
    assert (newsler["strategies"], newsler["failures"], newsler["rows"]) == ({"blocks": 96}, [], 96)
    assert newsler["started_at"] <= newsler["finished_at"]
    rows = rows_under(tmp_path / "storage")
    assert len({row[0] for row in rows}) == CELLS
    assert {row[COLUMNS.index("text")] for row in rows} >= {text_of("leo", "love"), text_of("leo")}


def test_a_second_run_of_the_same_day_asks_for_nothing(run, archive):
    run(*COLLECT)
    asked = len(archive.asked)
    code, last, _ = run(*COLLECT)
    assert (code, last["outcome"], last["rows_in"], last["already"]) == (0, "done", 0, 4)
    assert len(archive.asked) == asked


def test_an_archive_on_this_machine_is_not_asked_for_through_a_proxy(run, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    code, last, errors = run("scraper.collect", "--date", str(DAY), "--spiders", "retrofm")
    assert (code, last["rows_out"]) == (0, 12), errors


def test_history_fills_gaps_only(run, archive, tmp_path):
    middle = DAY - dt.timedelta(days=1)
    run("scraper.collect", "--date", str(middle), "--spiders", "ru74,retrofm")
    code, last, _ = run(
        "scraper.collect", "--date", str(DAY), "--history-days", "2", "--spiders", "ru74,retrofm"
    )
    assert (code, last["already"], last["rows_in"]) == (0, 2, 4 * 12)
    days = sorted(day for day, source, _ in manifests_under(tmp_path / "storage") if source == "ru74")
    assert days == [str(DAY - dt.timedelta(days=n)) for n in (2, 1, 0)]


def test_a_missing_sign_fails_that_source_by_name_and_leaves_the_others(run, archive, tmp_path):
    archive.changes["74.ru", "/horoscope/daily/"] = lambda day: ru74_page(day).replace(
        text_of("leo", day=day), ""
    )
    code, last, errors = run(*COLLECT)
    assert code == 1
    assert "leo/general/2026-11-20" in errors
    assert (last["outcome"], last["reason"]) == ("failed", "failed for 2026-11-20: ru74")
    assert last["missing"] == {"ru74": ["leo/general/2026-11-20"]}
    outcomes = {source: m["outcome"] for (_, source, _), m in manifests_under(tmp_path / "storage").items()}
    assert outcomes == {
        "ru74": "failed",
        "retrofm": "complete",
        "newsler": "complete",
        "astroscope": "complete",
    }
    failed = next(m for m in manifests_under(tmp_path / "storage").values() if m["outcome"] == "failed")
    assert failed["coverage"] == {"expected": 12, "found": 11, "missing": ["leo/general/2026-11-20"]}
    assert failed["failures"] == ["missing 1 of 12: leo/general/2026-11-20"]


def test_a_failed_source_is_asked_again_and_heals(run, archive, tmp_path):
    archive.changes["retrofm.ru", "/goroskop"] = lambda day: 500
    assert run(*COLLECT)[0] == 1
    archive.changes.clear()
    code, last, _ = run(*COLLECT)
    assert (code, last["already"], last["rows_out"]) == (0, 3, 12)
    assert len(rows_under(tmp_path / "storage")) == CELLS


def test_a_failed_rerun_hides_no_earlier_run(run, archive, tmp_path):
    run(*COLLECT)
    before = rows_under(tmp_path / "storage")
    archive.changes["retrofm.ru", "/goroskop"] = lambda day: "<html><h1>Технические работы</h1></html>"
    code, _, errors = run(*COLLECT, "--force")
    assert code == 1
    assert "expected 12 horoscopes for 2026-11-20, found none" in errors
    assert set(rows_under(tmp_path / "storage")) == set(before)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda day: ru74_page(day - dt.timedelta(days=1)),
            "expected a page for 2026-11-20, found '19 ноября'",
        ),
        (lambda day: ru74_page(day, text=lambda *_: text_of("leo")), "found one shared by aquarius, aries"),
        (lambda day: 403, "status 403"),
        (lambda day: "", "found an empty page"),
    ],
    ids=["yesterday's page", "one text for all signs", "forbidden", "empty page"],
)
def test_a_fault_of_a_site_is_told_by_its_name(run, archive, change, words):
    archive.changes["74.ru", "/horoscope/daily/"] = change
    code, last, errors = run("scraper.collect", "--date", str(DAY), "--spiders", "ru74")
    assert (code, last["rows_out"]) == (1, 0)
    assert words in errors


def test_a_sister_site_stands_in_and_the_manifest_says_so(run, archive, tmp_path):
    archive.changes["74.ru", "/horoscope/daily/"] = lambda day: 404
    archive.changes["www.e1.ru", "/horoscope/daily/"] = ru74_page
    code, last, _ = run("scraper.collect", "--date", str(DAY), "--spiders", "ru74")
    assert (code, last["rows_out"]) == (0, 12)
    (manifest,) = manifests_under(tmp_path / "storage").values()
    assert manifest["warnings"] == ["https://74.ru/horoscope/daily/: expected a page, found status 404"]


def test_pages_are_asked_for_with_an_honest_name_and_a_contact(run, archive, monkeypatch):
    monkeypatch.setenv("HOROSCOPE_CONTACT", "crawler@example.org")
    run("scraper.collect", "--date", str(DAY), "--spiders", "retrofm")
    paths = [path for path, _ in archive.asked]
    asked = ["robots.txt", ".well-known/tdmrep.json", "goroskop"]
    assert paths == [f"/{DAY}/retrofm.ru/{path}" for path in asked]
    assert all(
        "horoscope-mlops/" in h["User-Agent"] and "crawler@example.org" in h["User-Agent"]
        for _, h in archive.asked
    )


def test_a_past_day_of_a_live_site_is_refused_without_touching_the_network(run, tmp_path):
    code, _, errors = run("scraper.collect", "--date", "2020-01-01", "--spiders", "retrofm", snapshots="")
    assert code == 1
    assert "expected a day that retrofm shows" in errors
    assert manifests_under(tmp_path / "storage") == {}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--date", "2026-02-30"], "YYYY-MM-DD"),
        (["--date", "2026-11-20", "--spiders", "ru74,nowhere"], "found nowhere"),
        (["--date", "2026-11-20", "--history-days", "-1"], "--history-days"),
        (["--date", "2026-11-20", "--storage", "/proc/horoscopes"], "/proc/horoscopes"),
    ],
)
def test_wrong_arguments_are_one_line_and_exit_2(run, arguments, word):
    code, last, errors = run("scraper.collect", *arguments)
    assert (code, last) == (2, None)
    lines = [line for line in errors.splitlines() if "error:" in line]
    assert len(lines) == 1
    assert word in lines[0]
    assert "Traceback" not in errors


def test_scrapy_crawl_works_alone_and_its_exit_code_tells_the_truth(run, archive, tmp_path):
    crawl = (
        "scrapy",
        "crawl",
        "newsler",
        "-a",
        f"date={DAY}",
        "-s",
        f"HOROSCOPE_STORAGE={tmp_path / 'mine'}",
    )
    code, last, _ = run(*crawl)
    assert (code, last["outcome"], last["rows_out"]) == (0, "done", 96)
    assert len(rows_under(tmp_path / "mine")) == 96
    archive.changes["www.newsler.ru", "/horoscope/love"] = lambda day: newsler_page(day, "love").replace(
        "Рыбы", ""
    )
    code, last, errors = run(*crawl)
    assert (code, last["missing"]) == (1, ["pisces/love/2026-11-20"])
    assert "pisces/love/2026-11-20" in errors


def test_scrapy_crawl_refuses_a_wrong_day(run):
    code, _, errors = run("scrapy", "crawl", "ru74", "-a", "date=soon")
    assert code == 2
    assert "found 'soon'" in errors


def test_scrapy_crawl_refuses_a_storage_that_cannot_be_written(run, archive):
    code, _, errors = run("scrapy", "crawl", "ru74", "-a", f"date={DAY}", storage="/proc/horoscopes")
    assert code == 2
    assert "expected a folder that can be written" in errors
    assert archive.asked == []


def test_scrapy_list_shows_every_source_that_has_a_permission(run):
    shown = subprocess.run([sys.executable, "-m", "scrapy", "list"], cwd=ROOT, capture_output=True, text=True)
    assert set(SOURCES) <= set(shown.stdout.split())


def start(arguments, storage, archive):
    environment = os.environ | {"HOROSCOPE_SNAPSHOTS": archive.url, "HOROSCOPE_STORAGE": str(storage)}
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


HISTORY = ("scraper.collect", "--date", str(DAY), "--history-days", "9", *FOUR)


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_instant_and_run_again_it_leaves_the_same_data(seed, run, archive, tmp_path):
    for round_ in range(3):
        process = start(HISTORY, tmp_path / "killed", archive)
        time.sleep(random.Random(f"{seed} {round_}").uniform(0.8, 2.6))
        process.kill()
        process.wait()
        for manifest in manifests_under(tmp_path / "killed").values():
            assert manifest["outcome"] == "complete"
    code, last, _ = run(*HISTORY, storage=tmp_path / "killed")
    assert (code, last["outcome"]) == (0, "done")
    rows = rows_under(tmp_path / "killed")
    assert len(rows) == len({row[0] for row in rows}) == 10 * CELLS
    for _, day, sign, topic, _, _, text, *_ in rows:
        assert text == text_of(sign, topic, dt.date.fromisoformat(day))
    assert list((tmp_path / "killed/raw/.aside").iterdir()) == []


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_politely_it_says_so_and_a_rerun_finishes(sent, code, run, archive, tmp_path):
    slow = retrofm_page
    archive.changes["retrofm.ru", "/goroskop"] = lambda day: time.sleep(0.5) or slow(day)
    process = start((*HISTORY[:-2], "--spiders", "retrofm"), tmp_path / "storage", archive)
    while not archive.asked:
        time.sleep(0.05)
    time.sleep(0.2)
    process.send_signal(sent)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == code
    assert json.loads(out.splitlines()[-1])["outcome"] == "failed"
    archive.changes.clear()
    assert run(*HISTORY[:-2], "--spiders", "retrofm")[0] == 0
    assert len(rows_under(tmp_path / "storage")) == 10 * len(SIGNS)


def test_of_two_days_with_the_same_texts_the_later_one_is_blamed_whichever_page_comes_first(
    run, archive, tmp_path
):
    before = DAY - dt.timedelta(days=1)

    def slow_yesterday(day):
        time.sleep(0.5 * (day == before))
        return ru74_page(day, text=lambda sign, topic, _: text_of(sign, topic, before))

    archive.changes["74.ru", "/horoscope/daily/"] = slow_yesterday
    arguments = ("--date", str(DAY), "--history-days", "1", "--spiders", "ru74")
    code, _, errors = run("scraper.collect", *arguments)
    assert (code, "found those of the day before" in errors) == (1, True)
    manifests = manifests_under(tmp_path / "storage")
    outcomes = {day: manifest["outcome"] for (day, _, _), manifest in manifests.items()}
    assert outcomes == {str(before): "complete", str(DAY): "failed"}


@pytest.mark.parametrize("damage", [Path.unlink, lambda part: part.write_bytes(b"\xff\xfe")])
def test_a_damaged_day_before_costs_the_comparison_not_the_days_after(damage, run, tmp_path):
    only = ("--spiders", "retrofm", "--date")
    run("scraper.collect", *only, str(DAY))
    damage(next((tmp_path / "storage").rglob("part-0000.csv")))
    last_day = DAY + dt.timedelta(days=12)
    code, last, errors = run("scraper.collect", *only, str(last_day), "--history-days", "11", timeout_s=30)
    assert (code, last["rows_out"]) == (0, 12 * 12), errors
    after = DAY + dt.timedelta(days=1)
    warnings = {day: m["warnings"] for (day, _, _), m in manifests_under(tmp_path / "storage").items()}
    assert f"not compared with {DAY}: " in warnings.pop(str(after))[0]
    assert not any(warnings.values())


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl"])
def test_scrapys_own_feeds_hold_a_line_a_horoscope(suffix, run, tmp_path):
    feed = tmp_path / f"rows.{suffix}"
    assert run("scrapy", "crawl", "retrofm", "-a", f"date={DAY}", "-O", str(feed))[0] == 0
    with feed.open(encoding="utf-8", newline="") as lines:
        rows = {
            "csv": lambda: list(csv.DictReader(lines)),
            "json": lambda: json.load(lines),
            "jsonl": lambda: [json.loads(line) for line in lines],
        }[suffix]()
    assert [(row["sign"], row["text"]) for row in rows] == [(sign, text_of(sign)) for sign in SIGNS]
    assert list(rows[0]) == list(COLUMNS)
