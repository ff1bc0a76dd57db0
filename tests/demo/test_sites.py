"""Pages of the demo sites: every sign is there, with the day a reader would see."""

from datetime import date

import pytest

from demo.archive import answer
from demo.grammar import SITES, page
from demo.sites import SITES as MODULES
from demo.sites.visit import Visit

DAY = date(2026, 11, 23)


def visit(host, path, day=DAY):
    return answer(Visit(day, host, path))


@pytest.mark.parametrize(
    ("host", "path"), [(host, path) for host, site in MODULES.items() for path in site.PATHS]
)
def test_every_listed_path_is_a_page(host, path):
    assert visit(host, path).status == 200


def test_unknown_path_is_not_found():
    assert visit("74.ru", "/horoscope/yearly/").status == 404


def test_every_host_has_a_robots_file():
    assert all("User-agent" in visit(host, "/robots.txt").body for host in SITES)


def test_ru74_names_twelve_signs_in_the_genitive_and_its_date():
    body = visit("74.ru", "/horoscope/daily/").body
    assert body.count('<h2 class="header_f1Wjo">Гороскоп для ') == 12
    assert "Гороскоп для Львов" in body
    assert "Прогноз на 23 ноября 2026. Обновлено 23.11.2026 в " in body


def test_tomorrow_page_of_today_says_what_the_daily_page_of_tomorrow_says():
    text = page(date(2026, 11, 24), "general", "74.ru")["leo"].replace(" ", "")
    tomorrow = visit("74.ru", "/horoscope/tomorrow/").body
    daily = visit("74.ru", "/horoscope/daily/", date(2026, 11, 24)).body
    for body in (tomorrow, daily):
        assert text in body.replace(" ", "").replace("\u00a0", "")


def test_retrofm_has_thirteen_boxes_and_the_first_has_no_sign():
    body = visit("retrofm.ru", "/goroskop").body
    boxes = body.split('<div class="text_box">')[1:]
    assert len(boxes) == 13
    assert "<h6>" not in boxes[0]
    assert "<h6>Овен</h6>" in boxes[1]
