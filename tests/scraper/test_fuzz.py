"""Pages made to hurt, on disk and too big for it, before every spider: in bounded time each gives right rows
or a named fault, never a traceback and never a wrong row.

A page is tried by being put into `fuzz/`. When hypothesis finds one (test_hostile.py prints it as `body=…`),
save it there under a name that says what is wrong with it: it is then tried for ever, by every spider.
"""

import time
from pathlib import Path

import pytest
from scrapy.http import HtmlResponse, JsonResponse, XmlResponse

from scraper.items import PageRows
from scraper.ledger import DayAccount
from scraper.monitors import faults_of
from scraper.pipelines.required import RequiredFields
from tests.scraper.conftest import spider_named
from tests.scraper.pages import DAY, NAMES, text_of
from tests.scraper.site_pages import PAGES

FUZZ = Path(__file__).with_name("fuzz")
CORPUS = sorted(FUZZ.iterdir())
KINDS = {".html": HtmlResponse, ".json": JsonResponse, ".xml": XmlResponse}
LIMIT_S = 2.0
"""CPU seconds a page. The slowest takes 0.1; what looks to the page's end from each place takes minutes."""
BOMBS = {
    "deep": "<div>" * 20_000 + text_of("leo"),
    "attributes": "<p " + "a=1 " * 40_000 + ">",
    "one huge attribute": f'<p class="{"a " * 100_000}">{text_of("leo")}</p>',
    "headings": "<h2>Овен</h2>" * 3000,
    "wrapped headings": (("<div>" * 100) + "<h2>Овен</h2>" + ("</div>" * 100)) * 100,
    "headings never closed": "<h1 " * 30_000,
    "titles": "<title>" * 30_000,
    "comment never closed": "<!--" + "x" * 200_000,
    "dates": "<p>Прогноз на 1 1 1 1 января" * 4000,
    "spaces": "<h1>1" + " " * 100_000 + "января</h1>",
    "escapes": '"grabContent":[{"type":"paragraph","content":"' + "\\" * 200_000,
    "entities": "&amp;&#1077;" * 20_000,
    "brackets": "[" * 100_000,
    "signs": " ".join(NAMES.values()) * 1500,
}


@pytest.fixture(scope="module")
def spiders():
    return [spider_named(name) for name in PAGES]


def read(spider, response):
    """The page asked for, rows as they would be stored, and what is wrong: the page's faults, the day's."""
    page = next(iter(spider.pages(DAY, 0)))
    began = time.process_time()
    items, faults = spider.items_of(response, page, DAY)
    rows = RequiredFields().process_item(PageRows(DAY, items)).rows
    assert time.process_time() - began < LIMIT_S, spider.name
    account = DayAccount(spider.name, DAY, "run", "instant", {(sign, page.topic) for sign in page.signs})
    account.texts = {(row.sign, row.topic): row.text for row in rows}
    return rows, [*faults, *faults_of(account, {})]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_a_page_of_the_corpus_gives_right_rows_or_a_fault(path, spiders):
    response = KINDS[path.suffix]("https://site.test/", body=path.read_bytes())
    for spider in spiders:
        rows, faults = read(spider, response)
        wrong = [row for row in rows if row.text != text_of(row.sign, row.topic)]
        assert faults or not wrong, f"{spider.name}: a silent wrong row: {wrong[0].sign}: {wrong[0].text!r}"


OTHER_KINDS = [("brackets", ".json"), ("escapes", ".json"), ("deep", ".xml"), ("entities", ".xml")]


@pytest.mark.parametrize(("bomb", "suffix"), [*((name, ".html") for name in BOMBS), *OTHER_KINDS])
def test_a_bomb_is_read_in_bounded_time_and_gives_nothing(bomb, suffix, spiders):
    response = KINDS[suffix](
        "https://site.test/", body=BOMBS[bomb].encode()
    )  # one for all: they share its tree
    for spider in spiders:
        rows, faults = read(spider, response)
        assert (rows, bool(faults)) == ([], True), spider.name


def test_the_corpus_stays_small():
    assert len(CORPUS) > 40
    assert max(path.stat().st_size for path in CORPUS) < 20_000
