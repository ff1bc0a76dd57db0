"""A polite guest: every way of saying no is understood, and is told in the run."""

import itertools

import pytest
from parsel import Selector
from protego import Protego

from scraper import opt_outs
from scraper.manners import is_private
from tests.scraper.pages import DAY, manifests_under, retrofm_page

PAGE = "https://site.test/horoscope/leo/"


@pytest.mark.parametrize(
    ("rules", "no"),
    [
        ("User-agent: *\nAllow: /", None),
        ("", None),
        ("User-agent: *\nContent-Signal: search=yes, ai-train=no\nAllow: /", "ai-train=no"),
        ("Content-Signal: search=yes,ai-train=yes", None),
        ("User-agent: *\nContent-Usage: train-ai=n", "train-ai=n"),
        ("User-agent: *\nContent-Usage: train-ai=y", None),
        ("User-agent: GPTBot\nDisallow: /", "forbids GPTBot"),
        (
            "User-agent: CCBot\nUser-agent: ClaudeBot\nDisallow: /horoscope/\n\nUser-agent: *\nAllow: /",
            "forbids C",
        ),
        ("User-agent: GPTBot\nDisallow: /news/", None),
        ("# Content-Signal: ai-train=no", None),
    ],
)
def test_robots_that_keep_texts_from_training(rules, no):
    said = opt_outs.in_robots(rules, Protego.parse(rules), PAGE)
    assert (said is None) if no is None else (no in said)


@pytest.mark.parametrize(
    ("body", "reserved"),
    [
        ('[{"location": "/", "tdm-reservation": 1}]', True),
        ('[{"location": "/horoscope/*", "tdm-reservation": 1}]', True),
        ('[{"location": "/news/", "tdm-reservation": 1}]', False),
        (
            '[{"location": "/horoscope/", "tdm-reservation": 0}, {"location": "/", "tdm-reservation": 1}]',
            False,
        ),
        ('[{"location": "/horoscope/leo/$", "tdm-reservation": "1"}]', True),
        ("<html>404</html>", False),
        ('{"location": "/"}', False),
        ("[1, null]", False),
    ],
)
def test_a_tdmrep_file_reserves_what_it_says(body, reserved):
    assert bool(opt_outs.in_tdmrep(body, "/horoscope/leo/")) == reserved


@pytest.mark.parametrize(
    ("name", "value", "no"),
    [
        ("TDM-Reservation", "1", True),
        ("tdm-reservation", "0", False),
        ("X-Robots-Tag", "noindex, noai, noimageai", True),
        ("X-Robots-Tag", "noindex, nofollow", False),
        ("Content-Signal", "ai-train=no", True),
        ("Content-Usage", "train-ai=n", True),
        ("Content-Type", "text/html", False),
    ],
)
def test_headers_that_say_no(name, value, no):
    assert bool(opt_outs.in_headers([(name, value)])) == no


@pytest.mark.parametrize(
    ("meta", "no"),
    [
        ('<meta name="robots" content="index, noai">', True),
        ('<meta name="ROBOTS" content="NOAI">', True),
        ('<meta name="tdm-reservation" content="1">', True),
        ('<meta name="robots" content="noindex">', False),
        ('<meta name="description" content="noai">', False),
    ],
)
def test_pages_that_say_no(meta, no):
    assert bool(opt_outs.in_page(Selector(text=f"<html><head>{meta}</head></html>"))) == no


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "[::1]", "::1", "0.0.0.0",
     "2130706433", "0x7f000001", "metadata.google.internal", "printer.local"],
)  # fmt: skip
def test_inner_addresses_are_recognised(host):
    assert is_private(host)


@pytest.mark.parametrize("host", ["74.ru", "1001goroskop.ru", "93.184.216.34", "7days.ru"])
def test_public_addresses_are_not(host):
    assert not is_private(host)


def collect(run, *sources):
    return run("scraper.collect", "--date", str(DAY), "--spiders", ",".join(sources))


def test_each_no_is_a_named_fault_of_its_source_and_no_page_is_asked_for(run, archive, tmp_path):
    archive.changes["74.ru", "/robots.txt"] = lambda day: 503
    for host in ("www.e1.ru", "ngs.ru", "www.chita.ru"):
        archive.changes[host, "/robots.txt"] = lambda day: 503
    archive.changes["retrofm.ru", "/robots.txt"] = lambda day: "User-agent: *\nDisallow: /goroskop"
    archive.changes["www.newsler.ru", "/robots.txt"] = lambda day: (
        "User-agent: *\nContent-Signal: ai-train=no"
    )
    archive.changes["astroscope.ru", "/.well-known/tdmrep.json"] = lambda day: (
        '[{"location":"/","tdm-reservation":1}]'
    )
    code, last, _ = collect(run, "ru74", "retrofm", "newsler", "astroscope")
    assert (code, last["rows_in"]) == (1, 0)
    said = {source: last["sources"][source]["failures"][0] for source in last["sources"]}
    assert "robots.txt could not be read, which means no" in said["ru74"]
    assert "forbidden by robots.txt" in said["retrofm"]
    assert "machine learning: robots.txt says Content-Signal: ai-train=no" in said["newsler"]
    assert "machine learning: tdmrep.json reserves the page" in said["astroscope"]
    for host in ("74.ru", "retrofm.ru", "www.newsler.ru", "astroscope.ru"):
        assert set(archive.paths_asked_of(host)) <= {"/robots.txt", "/.well-known/tdmrep.json"}


def test_told_to_go_a_crawl_goes(run, archive, tmp_path):
    def not_for_you(day):
        return 403

    archive.changes["astroscope.ru", "/horoskop/ejednevniy_goroskop/aries.html"] = not_for_you
    archive.changes["www.newsler.ru", "/horoscope"] = lambda day: 429
    archive.changes["retrofm.ru", "/goroskop"] = lambda day: (
        200,
        retrofm_page(day),
        {"X-Robots-Tag": "noai"},
    )
    code, last, _ = collect(run, "astroscope", "newsler", "retrofm")
    assert code == 1
    assert archive.paths_asked_of("www.newsler.ru").count("/horoscope") == 1
    assert "X-Robots-Tag: noai" in last["sources"]["retrofm"]["failures"][0]
    manifests = {source: m for (_, source, _), m in manifests_under(tmp_path / "storage").items()}
    assert manifests["newsler"]["manners"]["hosts"] == {"www.newsler.ru": "stopped at status 429"}
    assert "horoscope-mlops" in manifests["newsler"]["manners"]["user_agent"]
    assert {m["outcome"] for m in manifests.values()} == {"failed"}


def test_redirects_that_lead_inwards_or_nowhere_are_refused(run, archive):
    inwards = {"Location": "http://169.254.169.254/latest/meta-data/"}
    archive.changes["retrofm.ru", "/goroskop"] = lambda day: (302, "", inwards)
    archive.changes["www.newsler.ru", "/horoscope"] = lambda day: (302, "", {"Location": "/horoscope"})
    code, last, _ = collect(run, "retrofm", "newsler")
    assert code == 1
    assert "an address inside a private network, refused" in last["sources"]["retrofm"]["failures"][0]
    assert "redirect" in last["sources"]["newsler"]["failures"][0]
    assert archive.paths_asked_of("169.254.169.254") == []
    assert archive.paths_asked_of("www.newsler.ru").count("/horoscope") <= 7


def test_a_missing_robots_file_is_a_yes_and_the_pace_is_kept(run, archive, tmp_path):
    archive.changes["retrofm.ru", "/robots.txt"] = lambda day: 404
    code, _, _ = collect(run, "retrofm")
    assert code == 0
    (manifest,) = manifests_under(tmp_path / "storage").values()
    assert manifest["manners"]["hosts"] == {"retrofm.ru": "robots.txt obeyed, 0 s between requests"}


def test_the_pace_a_host_asks_for_is_kept_by_the_hosts_own_clock(run, archive, monkeypatch):
    monkeypatch.setenv("HOROSCOPE_SNAPSHOT_DELAY_S", "0.1")
    archive.changes["www.newsler.ru", "/robots.txt"] = lambda day: "User-agent: *\nCrawl-delay: 0.3"
    code, _, _ = collect(run, "newsler", "retrofm")
    assert code == 0
    times = [when for path, when in archive.times if "www.newsler.ru/horoscope" in path]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(gaps) == 7
    assert min(gaps) > 0.29
