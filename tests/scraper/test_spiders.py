"""Each spider on a page in its site's structure: every field of every row; and each way such a page goes
wrong.
"""

import datetime as dt
from types import SimpleNamespace

import pytest
from scrapy import Request

from scraper.items import SIGNS
from scraper.kept_pages import KeepPages
from scraper.page_tree import rightly_decoded
from scraper.reading import Page
from tests.scraper.pages import (
    DAY,
    astroscope_page,
    newsler_page,
    respond,
    retrofm_page,
    ru74_page,
    russian,
    text_of,
)

ALL_SIGNS = {"ru74": ru74_page, "retrofm": retrofm_page, "newsler": newsler_page}
STRATEGY = {"ru74": "headings", "retrofm": "boxes", "newsler": "blocks"}
PRINTED = {"ru74": russian(DAY), "retrofm": "", "newsler": ""}


ALL = Page("https://site.test/")


def rows(spider, body, page=ALL, day=DAY):
    items, faults = spider.items_of(respond(body), page, day)
    return {item.sign: item for item in items}, faults


@pytest.mark.parametrize("name", ALL_SIGNS)
def test_a_page_of_all_signs_gives_every_field_of_twelve_rows(name, make_spider):
    items, faults = rows(make_spider(name), ALL_SIGNS[name](DAY), Page("https://site.test/", topic="love"))
    assert faults == []
    assert list(items) == list(SIGNS)
    for sign, item in items.items():
        assert item.text == text_of(sign, "general")
        assert (item.date, item.topic, item.period, item.language) == ("2026-11-20", "love", "day", "ru")
        assert (item.source, item.url, item.strategy) == (name, "https://site.test/", STRATEGY[name])
        assert item.printed_date == PRINTED[name]
        assert dt.datetime.fromisoformat(item.fetched_at).tzinfo == dt.UTC


@pytest.mark.parametrize("sign", ["aries", "leo", "pisces"])
def test_a_page_of_one_sign_gives_its_row(sign, make_spider):
    items, faults = rows(
        make_spider("astroscope"), astroscope_page(DAY, sign), Page("https://site.test/", sign)
    )
    assert faults == []
    assert items[sign].text == text_of(sign)
    assert (items[sign].printed_date, items[sign].strategy) == ("20.11.2026", "heading")


@pytest.mark.parametrize("name", ["ru74", "astroscope"])
def test_a_page_for_another_day_gives_no_row_and_says_so(name, make_spider):
    yesterday = DAY - dt.timedelta(days=1)
    body = ru74_page(yesterday) if name == "ru74" else astroscope_page(yesterday, "leo")
    items, faults = rows(
        make_spider(name), body, Page("https://site.test/", None if name == "ru74" else "leo")
    )
    assert items == {}
    assert "expected a page for 2026-11-20, found" in faults[0]


@pytest.mark.parametrize("name", ["ru74", "astroscope"])
def test_a_page_that_lost_its_date_gives_no_row_and_says_so(name, make_spider):
    body = ru74_page(DAY) if name == "ru74" else astroscope_page(DAY, "leo")
    for words in ("Прогноз на 20 ноября. Обновлено 20.11.2026", "20.11.2026"):
        body = body.replace(words, "скоро")
    items, faults = rows(
        make_spider(name), body, Page("https://site.test/", None if name == "ru74" else "leo")
    )
    assert items == {}
    assert "expected a printed date, found none" in faults[0]


def test_a_page_titled_with_another_sign_is_refused(make_spider):
    items, faults = rows(
        make_spider("astroscope"), astroscope_page(DAY, "virgo"), Page("https://site.test/", "leo")
    )
    assert (items, faults) == ({}, ["https://site.test/: expected leo, found a page titled virgo"])


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("", "an empty page"),
        (
            "<title>Just a moment...</title><script src='/cdn-cgi/challenge-platform/x'></script>",
            "Cloudflare",
        ),
        ("<html><body><h1>Проверка браузера</h1><p>Подождите…</p></body></html>", "browser check"),
        ("<html><title>DDoS-Guard</title></html>", "DDoS-Guard"),
        ("<html><form action='/showcaptcha'>Подтвердите</form></html>", "captcha"),
        ("<html><title>Доступ ограничен</title></html>", "access denied"),
        ("<html><h1>Технические работы</h1></html>", "error page"),
        ("<html><h1>Гороскоп</h1><p>Скоро здесь будет новый раздел.</p></html>", "none by "),
    ],
)
@pytest.mark.parametrize("name", ["retrofm", "newsler"])
def test_a_page_without_horoscopes_is_called_what_it_is(name, body, what, make_spider):
    items, faults = rows(make_spider(name), body)
    assert (items, len(faults)) == ({}, 1)
    assert f"expected horoscopes for {DAY}, found " in faults[0]
    assert what in faults[0]


@pytest.mark.parametrize("cut_at", [0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("name", ALL_SIGNS)
def test_a_page_cut_short_gives_no_row(name, cut_at, make_spider):
    body = ALL_SIGNS[name](DAY)
    items, faults = rows(make_spider(name), body[: int(len(body) * cut_at)])
    assert items == {}
    assert "cut short" in faults[0] or "found none" in faults[0]


def test_tomorrow_under_todays_address_is_noticed_although_the_page_was_updated_today(make_spider):
    tomorrow = DAY + dt.timedelta(days=1)
    body = ru74_page(tomorrow).replace(f"{tomorrow:%d.%m.%Y}", f"{DAY:%d.%m.%Y}")
    items, faults = rows(make_spider("ru74"), body)
    assert (items, faults) == ({}, ["https://site.test/: expected a page for 2026-11-20, found '21 ноября'"])


def test_when_classes_are_renamed_another_strategy_finds_the_texts(make_spider):
    body = (
        retrofm_page(DAY)
        .replace("text_box", "x1f")
        .replace("\t\t\t\t\t\t\t", "<p>")
        .replace("<h6>Гороскоп", "<h6>О нас")
    )
    items, faults = rows(make_spider("retrofm"), body)
    assert (len(items), faults) == (12, [])
    assert {item.strategy for item in items.values()} == {"headings"}
    assert items["leo"].text == text_of("leo")


def test_a_sign_without_text_leaves_the_other_eleven(make_spider):
    body = newsler_page(DAY).replace(text_of("cancer"), "")
    items, _ = rows(make_spider("newsler"), body)
    assert set(SIGNS) - set(items) == {"cancer"}


@pytest.mark.parametrize(
    ("declared", "actual"), [("windows-1251", "utf-8"), ("windows-1251", "windows-1251"), ("utf-8", "utf-8")]
)
def test_a_text_is_read_right_whatever_encoding_the_server_declares(declared, actual):
    response = respond(
        "<p>Утро ясное — день</p>".encode(actual), content_type=f"text/html; charset={declared}"
    )
    assert rightly_decoded(response).css("p::text").get() == "Утро ясное — день"


@pytest.mark.parametrize(
    ("name", "offset", "address"),
    [("ru74", 1, "https://74.ru/horoscope/tomorrow/"), ("ru74", 0, "https://74.ru/horoscope/daily/")],
)
def test_a_live_day_is_asked_for_where_the_site_shows_it(name, offset, address, make_spider):
    spider = make_spider(name, today=str(DAY))
    spider.settings.set("HOROSCOPE_SNAPSHOTS", "", "cmdline")
    day = DAY + dt.timedelta(days=offset)
    assert [page.url for page in spider.pages(day, spider.ahead(day))] == [address]


@pytest.mark.parametrize(
    ("name", "offset"), [("ru74", -1), ("retrofm", 1), ("newsler", -30), ("astroscope", 2)]
)
def test_a_day_that_a_live_site_does_not_show_is_refused_by_name(name, offset, make_spider):
    spider = make_spider(name, today=str(DAY))
    with pytest.raises(ValueError, match=rf"{name} shows today \(2026-11-20.*HOROSCOPE_SNAPSHOTS"):
        spider.ahead(DAY + dt.timedelta(days=offset))


def test_addresses_of_a_day_cover_twelve_signs_and_every_topic(make_spider):
    pages = list(make_spider("newsler").pages(DAY, "today"))
    assert len({page.topic for page in pages}) == len(pages) == 8
    assert {page.sign for page in make_spider("astroscope").pages(DAY, "today")} == set(SIGNS)


@pytest.mark.parametrize(
    ("name", "rows", "words"),
    [("retrofm", 0, "expected an answer while it is 2026-11-20 in Moscow"), ("ru74", 12, None)],
)
def test_a_page_answered_after_midnight_is_taken_only_with_its_date(
    name, rows, words, make_spider, tmp_path, monkeypatch
):
    spider = make_spider(name, today=str(DAY), began=str(DAY))
    faults = []
    ledger = SimpleNamespace(
        page_answered=lambda *_: None, warn=lambda *_: None, page_done=lambda day, found: faults.extend(found)
    )
    monkeypatch.setattr(type(spider), "ledger", ledger)
    monkeypatch.setattr("scraper.base.moscow_today", lambda: DAY + dt.timedelta(days=1))
    page = next(iter(spider.pages(DAY, 0)))._replace(instead=())
    request = Request(page.url, meta={"day": DAY, "page": page, "faults": []})
    response = respond(ALL_SIGNS[name](DAY), page.url).replace(request=request)
    found = [row for rows_of_page in spider.parse(response) for row in rows_of_page.rows]
    assert len(found) == rows
    assert not words or words in faults[0]

    spider.crawler.spider = spider
    KeepPages(tmp_path, spider.crawler).process_spider_input(response)
    assert list(tmp_path.iterdir()) == [], "nobody could tell later whose day it was"
