# ruff: noqa: E501  fragments of hostile pages
"""What a hostile or broken server sends is bounded, refused or neutralised, and never a traceback. Pages made to
hurt: test_fuzz.py.
"""

import datetime as dt
import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scrapy.http import HtmlResponse

from scraper.items import HoroscopeItem
from scraper.pipelines.required import RequiredFields
from scraper.pipelines.rows import DroppedRow
from tests.scraper.pages import DAY, NAMES, manifests_under, retrofm_page, text_of
from tests.scraper.site_pages import PAGES


def test_pages_too_big_are_refused_zipped_or_not(run, archive, tmp_path):
    zipped = gzip.compress(b"<p>" + b"a" * 60_000_000)
    archive.changes["retrofm.ru", "/goroskop"] = lambda day: (200, zipped, {"Content-Encoding": "gzip"})
    archive.changes["www.newsler.ru", "/horoscope"] = lambda day: (200, b"b" * 50_000_000, {})
    code, last, _ = run("scraper.collect", "--date", str(DAY), "--spiders", "retrofm,newsler")
    assert code == 1
    for source in ("retrofm", "newsler"):
        assert (
            "exceed" in last["sources"][source]["failures"][0]
            or "large" in last["sources"][source]["failures"][0]
        )
    assert {m["outcome"] for m in manifests_under(tmp_path / "storage").values()} == {"failed"}


FRAGMENTS = st.lists(
    st.one_of(
        st.sampled_from(list(NAMES.values())),
        st.sampled_from(["<h2>", "</h2>", "<p>", "</p>", "<div class='text'>", "</div>", "<i class='sprl'>", "20 ноября", "\x00"]),
        st.sampled_from(["<script>", "</script>", "<!--", "-->", "&nbsp;", "&#x0;", "<![CDATA[", "{", "}", '"', "<main itemprop=articleBody>"]),
        st.text(max_size=80),
    ),
    max_size=40,
).map("".join)  # fmt: skip


@pytest.mark.parametrize("name", sorted(PAGES))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.one_of(FRAGMENTS.map(str.encode), st.binary(max_size=300)))
def test_no_page_whatever_breaks_a_spider(name, body, make_spider):
    spider = make_spider(name)
    page = next(iter(spider.pages(DAY, 0)))
    items, faults = spider.items_of(HtmlResponse(page.url, body=body), page, DAY)
    assert bool(items) != bool(faults)
    for item in items:
        assert item.text
        assert item.date == str(DAY)


@pytest.mark.parametrize(
    "text",
    [
        "=HYPERLINK(A1) " * 9,
        "+7 900 " + "звоните нам " * 9,
        "@SUM(1+1) " + "формула " * 9,
        "-2+3+cmd|' /C calc'!A0 " + "и обычные слова " * 9,
        "＝СУММ(A1) " + "и обычные слова " * 9,
    ],
)
def test_a_spreadsheet_formula_is_dropped_by_name(text):
    item = HoroscopeItem(
        date=str(DAY),
        sign="leo",
        topic="general",
        period="day",
        language="ru",
        text=text,
        source="site",
        fetched_at="now",
    )
    with pytest.raises(DroppedRow) as dropped:
        RequiredFields().process_row(item)
    assert dropped.value.reason == "spreadsheet_formula"


@pytest.mark.parametrize(
    "text", ["- Пора, - скажут звёзды. ", "-Пора, - скажут звёзды. ", "— Пора, — скажут. "]
)
def test_speech_that_begins_with_a_dash_is_no_formula(text):
    item = HoroscopeItem(
        date=str(DAY), sign="leo", topic="general", period="day", language="ru", text=text * 3,
        source="site", fetched_at="now",
    )  # fmt: skip
    RequiredFields().process_row(item)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("date", "", "empty_date"),
        ("sign", "ophiuchus", "unknown_sign"),
        ("topic", "lottery", "unknown_topic"),
        ("text", "коротко", "no_horoscope_text"),
    ],
)
def test_a_row_without_what_it_needs_is_dropped_by_name(column, value, reason):
    item = HoroscopeItem(
        date=str(DAY),
        sign="leo",
        topic="general",
        period="day",
        language="ru",
        text=text_of("leo"),
        source="site",
        fetched_at="now",
    )
    RequiredFields().process_row(item)
    setattr(item, column, value)
    with pytest.raises(DroppedRow) as dropped:
        RequiredFields().process_row(item)
    assert dropped.value.reason == reason


def test_a_dropped_row_is_counted_and_its_cell_is_missing(run, archive, tmp_path):
    poisoned = "=cmd|' /C calc'!A0 а дальше обычные слова про хороший день."
    archive.changes["retrofm.ru", "/goroskop"] = lambda day: retrofm_page(day).replace(
        text_of("leo", day=day), poisoned
    )
    code, _, _ = run("scraper.collect", "--date", str(DAY), "--spiders", "retrofm")
    (manifest,) = manifests_under(tmp_path / "storage").values()
    assert (code, manifest["dropped"]) == (1, {"spreadsheet_formula": 1})
    assert manifest["coverage"]["missing"] == [f"leo/general/{dt.date(2026, 11, 20)}"]
