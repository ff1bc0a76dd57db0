"""Pages kept from live sites: read again they give the very same rows and faults, and they do not stay for
ever.
"""

import dataclasses
import datetime as dt
import itertools
import json
import os
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scrapy.http import HtmlResponse

from scraper.kept_pages import (
    KeptPage,
    forget_pages,
    kept_ahead,
    kept_days,
    name_of,
    read_page,
    sweep,
    write_page,
)
from scraper.page_tree import rightly_decoded, tree_as_xml, tree_of
from tests.scraper.conftest import ROOT
from tests.scraper.pages import DAY, ru74_page
from tests.scraper.site_pages import OLDER_DESIGNS, PAGES
from tests.scraper.test_all_spiders import respond
from tests.scraper.test_hostile import FRAGMENTS

DESIGNS = [(name, PAGES[name]) for name in sorted(PAGES)] + list(OLDER_DESIGNS.items())


def read_both(spider, page, response, folder):
    """What the spider makes of a page as it came, and of the page kept and read again."""
    write_page(folder, page.url, rightly_decoded(response))
    again = read_page(folder, page.url)
    outcomes = []
    for one in (response, again):
        items, faults = spider.items_of(one, page, DAY)
        outcomes.append(([dataclasses.replace(item, fetched_at="") for item in items], faults))
    return again, outcomes


@pytest.mark.parametrize(("name", "render"), DESIGNS)
def test_a_kept_page_gives_the_same_rows(name, render, make_spider, tmp_path):
    spider = make_spider(name)
    page = next(iter(spider.pages(DAY, 0)))
    body = render(DAY, page.sign, page.topic)
    response = respond(name, body, page.url, older=render is not PAGES[name])
    again, (first, second) = read_both(spider, page, response, tmp_path)
    assert first == second
    assert first[0] and not first[1]
    assert again.body == response.body


@pytest.mark.parametrize("name", ["ru74", "retrofm", "mail", "goroskop1001", "astroscope", "horoscopecom"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.one_of(FRAGMENTS.map(str.encode), st.binary(max_size=300)))
def test_whatever_was_kept_is_read_the_same(name, body, make_spider, tmp_path):
    spider = make_spider(name)
    page = next(iter(spider.pages(DAY, 0)))
    response = HtmlResponse(page.url, body=body)
    _, (first, second) = read_both(spider, page, response, tmp_path)
    assert first == second


@pytest.mark.parametrize("cut", [400, 2000, 3000])
def test_a_page_cut_short_stays_one(cut, make_spider, tmp_path):
    spider = make_spider("ru74")
    page = next(iter(spider.pages(DAY, 0)))
    response = HtmlResponse(page.url, body=ru74_page(DAY).encode()[:cut])
    _, (first, second) = read_both(spider, page, response, tmp_path)
    assert first == second
    assert first[1]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1251"])
@pytest.mark.parametrize("declared", ["utf-8", "windows-1251", "koi8-r"])
def test_a_mis_declared_page_is_read_right_both_times(encoding, declared, make_spider, tmp_path):
    if encoding == "cp1251" and declared == "koi8-r":
        return  # nobody could tell
    spider = make_spider("ru74")
    page = next(iter(spider.pages(DAY, 0)))
    body = ru74_page(DAY).replace('<meta charset="utf-8">', "").encode(encoding, "xmlcharrefreplace")
    headers = {"Content-Type": f"text/html; charset={declared}"}
    _, (first, second) = read_both(spider, page, HtmlResponse(page.url, body=body, headers=headers), tmp_path)
    assert first == second
    assert len(first[0]) == 12


def test_a_tree_whose_names_are_none_in_xml_is_not_written_as_one(tmp_path):
    odd = HtmlResponse("https://s.test/", body='<p @click="x" ="y"><a"b>Утро</a"b></p>'.encode())
    assert tree_as_xml(tree_of(odd)) is None
    write_page(tmp_path, odd.url, odd)
    assert read_page(tmp_path, odd.url).body == odd.body


def test_a_page_kept_by_an_earlier_version_is_read_too(tmp_path):
    body = ru74_page(DAY).encode()
    packed = b"tree" + zlib.compress(body)
    about = {"url": "https://s.test/", "kind": "HtmlResponse", "encoding": "utf-8", "tree_bytes": 4}
    (tmp_path / name_of(about["url"])).write_bytes(json.dumps(about).encode() + b"\n" + packed)
    assert read_page(tmp_path, about["url"]).body == body


def test_instructions_and_comments_in_a_page_are_kept_like_the_rest(make_spider, tmp_path):
    spider = make_spider("ru74")
    page = next(iter(spider.pages(DAY, 0)))
    body = ru74_page(DAY).replace("<h2>", "<?php x ?><!-- y --><h2>").encode()
    again, (first, second) = read_both(spider, page, HtmlResponse(page.url, body=body), tmp_path)
    assert type(again) is KeptPage
    assert (first, len(first[0])) == (second, 12)


def test_a_page_that_was_not_kept_is_a_404(tmp_path):
    assert read_page(tmp_path, "https://s.test/").status == 404


def test_pages_are_found_by_day_and_go_after_two_weeks(tmp_path):
    page = HtmlResponse("https://s.test/", body=b"<html><p>x</p></html>")
    for offset in (1, 0):
        write_page(tmp_path / str(DAY) / "mail" / str(offset), page.url, page)
    assert kept_days(tmp_path, "mail") == {DAY}
    assert kept_ahead(tmp_path, "mail", DAY) == 0
    old = time.time() - 15 * 86400
    os.utime(tmp_path / str(DAY) / "mail" / "0", (old, old))
    sweep(tmp_path, before=dt.date.today() - dt.timedelta(days=14))
    assert kept_ahead(tmp_path, "mail", DAY) == 1
    with pytest.raises(ValueError, match=r"expected pages of mail for 2026-11-19, found none"):
        kept_ahead(tmp_path, "mail", DAY - dt.timedelta(days=1))
    sweep(tmp_path, before=dt.date.today() + dt.timedelta(days=1))
    assert kept_days(tmp_path, "mail") == set()


def test_many_collectors_sweep_at_once_while_pages_are_forgotten(tmp_path):
    page = HtmlResponse("https://s.test/", body=b"<html><p>x</p></html>")
    for day, source in itertools.product(range(40), ("mail", "ru74")):
        write_page(tmp_path / str(DAY - dt.timedelta(days=day)) / source / "0", page.url, page)
    tomorrow = dt.date.today() + dt.timedelta(days=1)
    with ThreadPoolExecutor(8) as pool:
        sweeps = [pool.submit(sweep, tmp_path, before=tomorrow) for _ in range(7)]
        forgotten = pool.submit(forget_pages, tmp_path, "mail", None)
    assert [done.exception() for done in (*sweeps, forgotten)] == [None] * 8
    assert list(tmp_path.glob("*/*/*")) == []


def test_a_forgotten_page_goes_too(tmp_path):
    page = HtmlResponse("https://s.test/", body=b"<html><p>x</p></html>")
    for url in ("https://s.test/", "https://s.test/b"):
        write_page(tmp_path / str(DAY) / "mail" / "0", url, page)
    assert forget_pages(tmp_path, "ru74", None) == 0
    assert forget_pages(tmp_path, "mail", "https://s.test/") == 1
    assert [path.name for path in tmp_path.glob("*/*/*/*")] == [name_of("https://s.test/b")]


def test_a_spider_mended_later_gets_its_lost_day_back_and_asks_nobody(tmp_path, make_spider):
    """The page is kept as a live crawl keeps it; the network is a dead end."""
    page = next(iter(make_spider("ru74").pages(DAY, 0)))
    response = HtmlResponse(page.url, body=ru74_page(DAY).encode())
    write_page(tmp_path / "pages" / str(DAY) / "ru74" / "0", page.url, response)
    command = [sys.executable, "-m", "scraper.collect", "--date", str(DAY), "--spiders", "ru74"]
    environment = os.environ | {"HTTPS_PROXY": "http://127.0.0.1:9"}
    done = subprocess.run(
        [*command, "--storage", str(tmp_path / "s"), "--pages", str(tmp_path / "pages")],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    last = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, last["rows_out"]) == (0, 12), done.stderr
