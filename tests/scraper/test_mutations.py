"""Every site's page, broken in every way we could think of: still the right rows, or a named fault, never a
wrong row.

A row is wrong if its text is not the very text of its sign, topic and day. A hook that no mutation can hurt,
and a mutation that changes nothing, are reported too: they would prove nothing.
"""

import datetime as dt
import itertools
import re
from copy import deepcopy

import pytest
from lxml import etree, html
from scrapy.http import HtmlResponse

from scraper.items import SIGNS
from scraper.ledger import DayAccount
from scraper.monitors import faults_of, warnings_of
from scraper.strategies import DateLed, EmbeddedTexts, Headings
from tests.scraper.pages import DAY, NAMES, PLURALS, russian, text_of
from tests.scraper.site_pages import OLDER_DESIGNS, PAGES, PRINTS_DATE
from tests.scraper.test_all_spiders import respond

DESIGNS = [(name, PAGES[name]) for name in sorted(PAGES)] + list(OLDER_DESIGNS.items())
HTML = [
    (name, render)
    for name, render in DESIGNS
    if name not in ("ignio", "hyrax") and render is not PAGES["rambler"]
]
ALL_SIGNS = ["ru74", "retrofm", "newsler", "mycalend", "hyrax", "ignio"]
"""Sites with all signs on a page."""
CHALLENGE = (
    "<html><head><title>Just a moment...</title></head><body><p>Проверяем, что вы не робот.</p></body></html>"
)


def judge(spider, name, page, body, older):
    """(items, what the collector says of them): the page's faults, the day's, and its remarks."""
    items, faults = spider.items_of(respond(name, body, page.url, older=older), page, DAY)
    account = DayAccount(name, DAY, "run", "instant", {(sign, page.topic) for sign in page.signs})
    account.texts = {(item.sign, item.topic): item.text for item in items}
    before = DAY - dt.timedelta(days=1)
    neighbours = {"the day before": {cell: text_of(*cell, before) for cell in account.expected}}
    return items, faults + faults_of(account, neighbours) + warnings_of(account, neighbours)


def assert_right_or_told(items, faults, page, what):
    wrong = [item for item in items if item.text != text_of(item.sign, page.topic)]
    assert not wrong or faults, f"{what}: a silent wrong row: {wrong[0].sign}: {wrong[0].text!r}"
    assert faults or {item.sign for item in items} == set(page.signs), f"{what}: rows are gone without a word"


@pytest.fixture
def case(make_spider):
    def open_case(name, render):
        spider = make_spider(name)
        page = next(iter(spider.pages(DAY, 0)))
        return spider, page, render(DAY, page.sign, page.topic), render is not PAGES[name]

    return open_case


@pytest.mark.parametrize(("name", "render"), HTML)
def test_any_class_or_attribute_renamed(name, render, case):
    spider, page, body, older = case(name, render)
    hooks = sorted(
        set(re.findall(r'(?:class|itemprop|itemProp|data-qa|id|article-item-type)=["\']([^"\']+)["\']', body))
    )
    outcomes = set()
    for hook in hooks:
        mutated = re.sub(rf'=(["\']){re.escape(hook)}\1', '="z9Qx"', body)
        assert mutated != body
        items, faults = judge(spider, name, page, mutated, older)
        assert_right_or_told(items, faults, page, f"{hook} renamed")
        outcomes.add(bool(faults) or items[0].strategy)
    everything = re.sub(
        r'(class|itemprop|itemProp|data-qa|id|article-item-type)=(["\'])[^"\']+\2', r'\1="z9Qx"', body
    )
    items, faults = judge(spider, name, page, everything, older)
    assert_right_or_told(items, faults, page, "all classes renamed")
    untouched = judge(spider, name, page, body, older)[0][0].strategy
    in_use = next(strategy for strategy in spider.strategies if strategy.name == untouched)
    if not isinstance(in_use, (Headings, EmbeddedTexts, DateLed)):  # these hold on to no name
        assert outcomes - {untouched}, "no name on this page matters: the fixture proves nothing of its hooks"


@pytest.mark.parametrize(("name", "render"), HTML)
def test_any_node_dropped(name, render, case):
    spider, page, body, older = case(name, render)
    tree = html.document_fromstring(body)
    count = len(list(tree.iter(etree.Element)))
    hurt = 0
    for index in range(1, count):
        copy = deepcopy(tree)
        node = list(copy.iter(etree.Element))[index]
        node.drop_tree()
        items, faults = judge(
            spider, name, page, etree.tostring(copy, encoding="unicode", method="html"), older
        )
        assert_right_or_told(items, faults, page, f"node {index} <{node.tag} {dict(node.attrib)}> dropped")
        hurt += bool(faults)
    assert hurt, "no node of this page matters: the test proves nothing"


@pytest.mark.parametrize(("name", "render"), DESIGNS)
def test_two_signs_swapped(name, render, case):
    spider, page, body, older = case(name, render)
    first, second = (page.sign, "virgo" if page.sign != "virgo" else "leo") if page.sign else ("leo", "virgo")
    for forms in (NAMES, PLURALS, {sign: sign for sign in NAMES}):
        # Labels only: in the text the name stands before «встретит».
        pattern = re.compile(rf"\b({forms[first]}|{forms[second]})\b(?! встретит)")
        mutated = pattern.sub(lambda m: forms[second] if m.group(1) == forms[first] else forms[first], body)  # noqa: B023
        items, faults = judge(spider, name, page, mutated, older)
        assert_right_or_told(items, faults, page, f"{forms[first]} and {forms[second]} swapped")


def nameless(sign, topic="general", day=DAY):
    """A text that names no sign: the number is its only mark."""
    return (
        f"{day:%d.%m} всё пойдёт без спешки: совет номер {SIGNS.index(sign)} подскажет, с чего начать утро."
    )


@pytest.mark.parametrize("name", ALL_SIGNS)
def test_two_labels_swapped_over_texts_that_name_no_sign(name, case):
    """Pages of all signs give them in the zodiac's order; any two that changed places break it."""
    spider, page, body, _ = case(name, PAGES[name])
    for sign in SIGNS:
        body = body.replace(text_of(sign, page.topic), nameless(sign))
    for forms in (NAMES, PLURALS, {sign: sign for sign in SIGNS}):
        for first, second in itertools.combinations(SIGNS, 2):
            swap = {forms[first]: forms[second], forms[second]: forms[first]}
            mutated = re.sub(rf"\b({forms[first]}|{forms[second]})\b", lambda m: swap[m.group()], body)  # noqa: B023
            items, faults = judge(spider, name, page, mutated, older=False)
            wrong = [item for item in items if item.text != nameless(item.sign)]
            assert faults or not wrong, f"{first} and {second} swapped in silence"


@pytest.mark.parametrize(("name", "render"), [(n, r) for n, r in DESIGNS if n not in ALL_SIGNS])
def test_the_page_of_another_sign_whose_text_names_none(name, render, case):
    spider, page, _, older = case(name, render)
    body = render(DAY, "virgo", page.topic).replace(
        text_of("virgo", page.topic), nameless("virgo", page.topic)
    )
    assert page.sign != "virgo"
    items, faults = judge(spider, name, page, body, older)
    assert (items, bool(faults)) == ([], True)


@pytest.mark.parametrize(("name", "render"), DESIGNS)
@pytest.mark.parametrize("shift", [-9, -1, 1, 9, 365])
def test_the_page_of_another_day(name, render, shift, case):
    spider, page, _, older = case(name, render)
    knows_its_day = name in PRINTS_DATE or render in OLDER_DESIGNS.values()
    if shift == -1 or knows_its_day:  # where no date is printed, only yesterday's texts give a page away
        other = DAY + dt.timedelta(days=shift)
        items, faults = judge(spider, name, page, render(other, page.sign, page.topic), older)
        assert_right_or_told(items, faults, page, f"page of {other}")


@pytest.mark.parametrize(("name", "render"), DESIGNS)
def test_only_the_printed_date_changed(name, render, case):
    spider, page, body, older = case(name, render)
    other = DAY - dt.timedelta(days=1)
    mutated = body
    for form in ("{:%d.%m.%Y}", "{:%Y%m%d}", "{:%Y-%m-%d}"):
        mutated = mutated.replace(form.format(DAY), form.format(other))
    mutated = (
        mutated.replace(russian(DAY), russian(other)).replace("Nov 20", "Nov 19").replace(">20<", ">19<")
    )
    if mutated != body:
        items, faults = judge(spider, name, page, mutated, older)
        assert_right_or_told(items, faults, page, "date changed")
        assert faults, "a wrong date passed unnoticed"


@pytest.mark.parametrize(("name", "render"), DESIGNS)
def test_cut_anywhere(name, render, case):
    spider, page, body, older = case(name, render)
    for cut in range(0, len(body) - 8, max(1, len(body) // 60)):
        items, faults = judge(spider, name, page, body[:cut], older)
        assert_right_or_told(items, faults, page, f"cut at {cut} of {len(body)}")
        assert faults, f"cut at {cut} of {len(body)} passed unnoticed"


@pytest.mark.parametrize(("name", "render"), DESIGNS)
@pytest.mark.parametrize("body", [CHALLENGE, "", "{}", "[]", "null", "<horo/>", "\x00\x01", "<html></html>"])
def test_something_else_altogether(name, render, body, case):
    spider, page, _, older = case(name, render)
    items, faults = judge(spider, name, page, body, older)
    assert items == []
    assert faults


@pytest.mark.parametrize(("name", "render"), DESIGNS)
def test_a_binary_answer_is_a_fault(name, render, case):
    spider, page, _, _ = case(name, render)
    response = HtmlResponse(page.url, body=bytes(range(256)) * 40)
    items, faults = spider.items_of(response, page, DAY)
    assert (items, len(faults)) == ([], 1)
