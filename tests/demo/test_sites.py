"""Pages of the demo sites: the texts of the day are there, with their day, in the real structure."""

import html
import json
import re
from datetime import date, timedelta
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

import pytest

from demo.archive import answer
from demo.grammar import page
from demo.grammar.signs import SIGNS
from demo.sites import SITES
from demo.sites.visit import Visit

DAY = date(2026, 11, 23)
TOMORROW = date(2026, 11, 24)
LINKS = [(host, link) for host, site in SITES.items() for link in site.PATHS]


def visit(host, link, day=DAY):
    parts = urlsplit(link)
    return answer(Visit(day, host, parts.path, dict(parse_qsl(parts.query))))


def letters(text):
    """Only letters, ё as е: what is left when markup, references and typography do not matter."""
    return re.sub(r"[^а-яa-z]", "", html.unescape(text).lower().replace("ё", "е"))


def says(body, host, topic, day, sign="leo"):
    return letters(page(day, topic, host)[sign]) in letters(re.sub(r"<[^>]*>", "", body))


@pytest.mark.parametrize(("host", "link"), LINKS)
def test_every_listed_path_is_a_page(host, link):
    found = visit(host, link)
    assert found.status == 200
    assert found.encoded().decode(found.encoding)


@pytest.mark.parametrize("host", list(SITES))
def test_every_host_has_a_robots_file_and_a_404(host):
    assert "User-agent" in visit(host, "/robots.txt").body
    assert visit(host, "/no/such/page").status == 404


@pytest.mark.parametrize("host", list(SITES))
def test_a_page_is_the_same_each_time_and_another_the_next_day(host):
    links = SITES[host].PATHS
    days = [[visit(host, link, day).body for link in links] for day in (DAY, DAY, DAY + timedelta(7))]
    assert days[0] == days[1] != days[2]


@pytest.mark.parametrize(
    ("host", "link", "topic", "day"),
    [
        ("74.ru", "/horoscope/daily/", "general", DAY),
        ("74.ru", "/horoscope/tomorrow/", "general", TOMORROW),
        ("retrofm.ru", "/goroskop", "general", DAY),
        ("newsler.ru", "/horoscope", "general", DAY),
        ("newsler.ru", "/horoscope/cook", "cook", DAY),
        ("newsler.ru", "/horoscope/leo/love", "love", DAY),
        ("astroscope.ru", "/horoskop/ejednevniy_goroskop/leo.html", "general", DAY),
        ("astroscope.ru", "/horoskop/ejednevniy_goroskop/zavtra_leo.html", "general", TOMORROW),
        ("horoscopes.rambler.ru", "/leo/", "general", DAY),
        ("horoscopes.rambler.ru", "/leo/tomorrow/", "general", TOMORROW),
        ("horoscopes.rambler.ru", "/leo/2004-01-01/", "general", date(2004, 1, 1)),
        ("horoscopes.rambler.ru", "/sex-horoscope/leo/", "erotic", DAY),
        ("horo.mail.ru", "/prediction/leo/today/", "general", DAY),
        ("horo.mail.ru", "/prediction/leo/tomorrow/", "general", TOMORROW),
        ("1001goroskop.ru", "/?znak=leo", "general", DAY),
        ("1001goroskop.ru", "/?znak=leo&kn=tomorrow", "general", TOMORROW),
        ("gadalkindom.ru", "/goroskop/zavtra/lev-zavtra.html", "general", TOMORROW),
        ("goroskop365.ru", "/biznes/leo/", "business", DAY),
        ("goroskop365.ru", "/zavtra/lyubov/leo/", "love", TOMORROW),
        ("orakul.com", "/horoscope/astrologic/tinager/lion/tomorrow.html", "teen", TOMORROW),
        ("thevoicemag.ru", "/horoscope/daily/leo/", "general", DAY),
        ("thevoicemag.ru", "/horoscope/daily/leo/24-11-2026/", "general", TOMORROW),
        ("my-calend.ru", "/goroskop", "general", DAY),
        ("my-calend.ru", "/goroskop/lev", "general", DAY),
        ("astrostar.ru", "/horoscopes/main/lev/tomorrow.html", "general", TOMORROW),
        ("globalmsk.ru", "/horoscope/today/1", "general", DAY),
        ("7days.ru", "/astro/horoscope/leo/today", "general", DAY),
        ("hyrax.ru", "/cgi-bin/cook_xml.cgi", "cook", DAY),
        (
            "horoscope.com",
            "/us/horoscopes/general/horoscope-archive.aspx?sign=5&laDate=20261123",
            "en/general",
            DAY,
        ),
    ],
)
def test_the_text_of_the_day_and_topic_is_on_the_page(host, link, topic, day):
    body = visit(host, link).body
    assert says(body, host, topic, day)
    assert not says(body, host, topic, day + timedelta(1))


@pytest.mark.parametrize(
    ("host", "link", "printed"),
    [
        ("74.ru", "/horoscope/daily/", "Прогноз на 23 ноября 2026. Обновлено 23.11.2026 в "),
        ("retrofm.ru", "/goroskop", "на 23 ноября"),
        ("astroscope.ru", "/horoskop/ejednevniy_goroskop/leo.html", "<small>23.11.2026</small>"),
        ("horoscopes.rambler.ru", "/leo/", "23 ноября 2026</span>"),
        ("horoscopes.rambler.ru", "/leo/", '"date":"2026-11-23"'),
        ("horo.mail.ru", "/prediction/leo/tomorrow/", "Прогноз&nbsp;на 24 ноября"),
        ("1001goroskop.ru", "/?znak=leo", "Лев, 23 ноября"),
        ("gadalkindom.ru", "/goroskop/nedelya/lev-nedelya.html", "с 23.11.2026 по 29.11.2026"),
        ("goroskop365.ru", "/leo/", '<div class="date">23 ноября 2026, понедельник</div>'),
        ("ignio.com", "/r/export/utf/xml/daily/com.xml", 'today="23.11.2026" tomorrow="24.11.2026"'),
        ("orakul.com", "/horoscope/astrologic/love/lion/today.html", "23 ноября 2026 г."),
        ("thevoicemag.ru", "/horoscope/daily/leo/", "<span>23 ноября 2026</span><span>понедельник</span>"),
        ("globalmsk.ru", "/horoscope/tomorrow/1", "СЕГОДНЯ 23 НОЯБРЯ 2026. ЛУНА"),
        ("hyrax.ru", "/cgi-bin/bn_xml.cgi", "<title>Гороскоп на 23 ноября 2026</title>"),
        (
            "horoscope.com",
            "/us/horoscopes/general/horoscope-general-daily-today.aspx?sign=5",
            "<strong>Nov 23, 2026</strong>",
        ),
    ],
)
def test_the_page_prints_the_day_as_its_site_does(host, link, printed):
    assert printed in visit(host, link).body


def test_ru74_names_twelve_signs_in_the_genitive():
    body = visit("74.ru", "/horoscope/daily/").body
    assert body.count('<h2 class="header_f1Wjo">Гороскоп для ') == 12
    assert "Гороскоп для Львов" in body


def test_retrofm_has_thirteen_boxes_and_the_first_has_no_sign():
    boxes = visit("retrofm.ru", "/goroskop").body.split('<div class="text_box">')[1:]
    assert len(boxes) == 13
    assert "<h6>" not in boxes[0]
    assert "<h6>Овен</h6>" in boxes[1]


def test_newsler_never_writes_yo():
    assert "ё" not in "".join(re.findall(r'class="text">([^<]+)<', visit("newsler.ru", "/horoscope").body))


def test_astroscope_links_without_a_protocol_and_declares_no_charset():
    index = visit("astroscope.ru", "/horoskop/ejednevniy_goroskop/")
    assert 'href="//astroscope.ru/horoskop/ejednevniy_goroskop/aries.html"' in index.body
    assert "charset" not in index.content_type + index.body


def test_rambler_api_tells_the_same_text_as_the_page():
    body = visit("horoscopes.rambler.ru", "/api/front/v3/horoscope/man/leo/today/").body
    blocks = json.loads(body)["content"]["text"]
    assert blocks[0] == {
        "type": "paragraph",
        "content": page(DAY, "man", "horoscopes.rambler.ru")["leo"] + "<br>",
    }


def test_rambler_keeps_no_page_of_a_day_to_come():
    assert visit("horoscopes.rambler.ru", f"/leo/{DAY + timedelta(2)}/").status == 404


def test_mail_splits_a_text_in_two_paragraphs():
    body = visit("horo.mail.ru", "/prediction/leo/today/").body
    assert body.split("<main itemProp")[1].split("</main>")[0].count("<p>") == 2


@pytest.mark.parametrize(
    ("host", "link", "first"),
    [
        ("1001goroskop.ru", "/?znak=leo&kn=week", DAY),
        ("gadalkindom.ru", "/goroskop/nedelya/lev-nedelya.html", DAY),
    ],
)
def test_a_week_page_has_seven_dated_texts(host, link, first):
    body = visit(host, link).body
    assert all(says(body, host, "general", first + timedelta(index)) for index in range(7))


def test_the_week_of_1001goroskop_begins_on_monday_and_that_of_gadalkindom_on_the_day_of_the_visit():
    thursday = DAY + timedelta(3)
    assert "Понедельник, 23 ноября " in visit("1001goroskop.ru", "/?znak=leo&kn=week", thursday).body
    week = visit("gadalkindom.ru", "/goroskop/nedelya/lev-nedelya.html", thursday).body
    assert week.index("четверг, 26 ноября</i>") < week.index("среда, 2 декабря</i>")


def test_what_a_week_page_foretells_is_what_the_daily_page_says_on_that_day():
    later = DAY + timedelta(4)
    assert says(visit("1001goroskop.ru", "/?znak=leo", later).body, "1001goroskop.ru", "general", later)
    assert says(visit("1001goroskop.ru", "/?znak=leo&kn=week").body, "1001goroskop.ru", "general", later)


@pytest.mark.parametrize(
    ("sister", "host", "link"),
    [
        ("e1.ru", "74.ru", "/horoscope/daily/"),
        ("chita.ru", "74.ru", "/horoscope/tomorrow/"),
        ("global38.ru", "globalmsk.ru", "/horoscope/today/1"),
        ("img.ignio.com", "ignio.com", "/r/export/utf/xml/daily/com.xml"),
    ],
)
def test_sister_sites_show_the_same_page(sister, host, link):
    assert visit(sister, link).body == visit(host, link).body


@pytest.mark.parametrize("encoding", ["utf", "win"])
def test_ignio_foretells_four_days_which_newsler_reprints(encoding):
    export = visit("ignio.com", f"/r/export/{encoding}/xml/daily/cook.xml")
    root = ElementTree.fromstring(export.encoded())
    assert [child.tag for child in root] == ["date", *SIGNS]
    for index, name in enumerate(("yesterday", "today", "tomorrow", "tomorrow02")):
        told = root.find(f"leo/{name}").text.strip()
        assert told == page(DAY + timedelta(index - 1), "cook", "newsler.ru")["leo"]


def test_hyrax_opens_its_general_feed_with_the_moon():
    root = ElementTree.fromstring(visit("hyrax.ru", "/cgi-bin/bn_xml.cgi").encoded())
    titles = [item.findtext("title") for item in root.iter("item")]
    assert len(titles) == 13
    assert "лунный день" in titles[0]
    assert titles[1] == "Овен"


def test_horoscope_com_repeats_its_text_in_a_script_with_unquoted_keys():
    body = visit("horoscope.com", "/us/horoscopes/general/horoscope-archive.aspx?sign=1&laDate=20200101").body
    told = re.search(r'horoscopeDate:"20200101",horoscopeText:("(?:[^"\\]|\\.)*")', body)
    assert json.loads(told[1]) == page(date(2020, 1, 1), "en/general", "horoscope.com")["aries"]


@pytest.mark.parametrize(
    ("host", "link"),
    [
        ("horoscopes.rambler.ru", "/leo/2026-02-30/"),
        ("thevoicemag.ru", "/horoscope/daily/leo/31-11-2026/"),
        ("horoscope.com", "/us/horoscopes/general/horoscope-archive.aspx?sign=1&laDate=20261131"),
        ("horoscope.com", "/us/horoscopes/general/horoscope-archive.aspx?sign=13&laDate=20261101"),
        ("globalmsk.ru", "/horoscope/today/13"),
        ("horoscope.com", "/us/horoscopes/general/horoscope-archive.aspx?sign=1&laDate=20261124"),
    ],
)
def test_a_day_or_a_sign_that_does_not_exist_is_not_found(host, link):
    assert visit(host, link).status == 404
