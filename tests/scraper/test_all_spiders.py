"""Rules that hold for every spider there is, on a page in its site's structure."""

import datetime as dt
import inspect

import pytest
from scrapy.http import HtmlResponse, JsonResponse, XmlResponse

from scraper.items import LANGUAGES, SIGNS, TOPICS
from scraper.sources import permissions
from tests.scraper.conftest import ROOT
from tests.scraper.pages import DAY, text_of
from tests.scraper.site_pages import CONTENT_TYPES, OLDER_DESIGNS, PAGES, PRINTS_DATE

NAMES = sorted(PAGES)
DESIGNS = [(name, PAGES[name]) for name in NAMES] + list(OLDER_DESIGNS.items())


def respond(name, body, url, older=False):
    content_type = "text/html" if older else CONTENT_TYPES.get(name, "text/html")
    kind = JsonResponse if "json" in content_type else XmlResponse if "xml" in content_type else HtmlResponse
    return kind(url, body=body.encode(), headers={"Content-Type": content_type})


def first_page(spider, day=DAY):
    return next(iter(spider.pages(day, 0)))


def read(spider, name, render, page, day=DAY):
    body = render(day, page.sign, page.topic)
    return spider.items_of(respond(name, body, page.url, older=render is not PAGES[name]), page, DAY)


def test_every_spider_has_a_page_here_and_a_permission():
    from scrapy.settings import Settings
    from scrapy.spiderloader import SpiderLoader

    settings = Settings({"SPIDER_MODULES": ["scraper.spiders"]})
    assert sorted(SpiderLoader.from_settings(settings).list()) == NAMES == sorted(permissions())


@pytest.mark.parametrize(("name", "render"), DESIGNS)
def test_every_row_of_a_page_is_right(name, render, make_spider):
    spider = make_spider(name)
    for page in list(spider.pages(DAY, 0))[::7]:
        items, faults = read(spider, name, render, page)
        assert faults == []
        assert {item.sign for item in items} == set(page.signs)
        for item in items:
            assert item.text == text_of(item.sign, page.topic)
            assert (item.date, item.topic, item.source, item.url) == (str(DAY), page.topic, name, page.url)
            assert item.printed_date or name not in PRINTS_DATE
            assert item.strategy in {strategy.name for strategy in spider.strategies}


@pytest.mark.parametrize(
    ("name", "render"), [(n, r) for n, r in DESIGNS if n in PRINTS_DATE or r in OLDER_DESIGNS.values()]
)
def test_a_page_of_another_week_is_refused(name, render, make_spider):
    spider = make_spider(name)
    items, faults = read(spider, name, render, first_page(spider), day=DAY - dt.timedelta(days=9))
    assert items == []
    assert str(DAY) in faults[0]


@pytest.mark.parametrize("name", NAMES)
def test_the_pages_of_a_day_ask_each_cell_once_for_every_sign(name, make_spider):
    pages = list(make_spider(name).pages(DAY, 0))
    cells = [(sign, page.topic) for page in pages for sign in page.signs]
    assert len(cells) == len(set(cells)) == 12 * len({topic for _, topic in cells})
    assert {sign for sign, _ in cells} == set(SIGNS)
    assert {topic for _, topic in cells} <= set(TOPICS)
    assert len({page.url for page in pages}) == len(pages)


@pytest.mark.parametrize("name", NAMES)
def test_a_live_site_shows_today_and_its_first_archived_day_and_no_day_next_year(name, make_spider):
    spider = make_spider(name, today=str(DAY))
    spider.settings.set("HOROSCOPE_SNAPSHOTS", "", "cmdline")
    assert spider.ahead(DAY) == 0
    if spider.archive_from:
        assert list(spider.pages(spider.archive_from, spider.ahead(spider.archive_from)))
    with pytest.raises(ValueError, match="expected a day that"):
        spider.ahead(DAY + dt.timedelta(days=300))
    for ahead in spider.reach:
        assert list(spider.pages(DAY + dt.timedelta(days=ahead), ahead))


@pytest.mark.parametrize("name", NAMES)
def test_a_spider_is_named_as_its_file_and_speaks_a_known_language(name, make_spider):
    spider = make_spider(name)
    assert type(spider).__module__ == f"scraper.spiders.{name}"
    assert spider.language in LANGUAGES


def test_tomorrow_has_its_own_address_where_a_site_shows_it(make_spider):
    spider = make_spider("mail", today=str(DAY))
    tomorrow = DAY + dt.timedelta(days=1)
    assert "https://horo.mail.ru/prediction/leo/tomorrow/" in [
        p.url for p in spider.pages(tomorrow, spider.ahead(tomorrow))
    ]


def test_a_day_in_the_middle_of_a_weekly_page_is_taken_by_its_date(make_spider):
    spider = make_spider("gadalkindom")
    page = first_page(spider)
    body = PAGES["gadalkindom"](DAY - dt.timedelta(days=3), page.sign, page.topic)
    items, faults = spider.items_of(respond("gadalkindom", body, page.url), page, DAY)
    assert (faults, [item.text for item in items]) == ([], [text_of(page.sign, page.topic)])


README = ROOT / "scraper/README.md"


@pytest.mark.parametrize("source", NAMES)
def test_the_docs_say_which_source_is_on_and_why(source):
    permission = permissions()[source]
    (line,) = [line for line in README.read_text("utf-8").splitlines() if line.startswith(f"| {source} |")]
    assert line.split(" | ")[2:] == ["on" if permission.default else "off", f"{permission.why} |"]


def test_the_addition_shown_in_the_docs_is_the_one_in_the_code():
    shown = README.read_text("utf-8")
    spider = (ROOT / "scraper/spiders/sevendays.py").read_text("utf-8")
    fixture = inspect.getsource(PAGES["sevendays"])
    assert spider in shown
    assert fixture in shown
    assert len(spider.splitlines()) <= 40


@pytest.mark.parametrize("source", NAMES)
def test_a_spider_is_short(source):
    lines = len((ROOT / f"scraper/spiders/{source}.py").read_text("utf-8").splitlines())
    assert lines <= 46, "addresses and strategies are all that a spider is"
