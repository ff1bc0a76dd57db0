"""What an account of a day is distrusted for, and what only deserves a remark."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.items import SIGNS
from scraper.ledger import DayAccount
from scraper.monitors import faults_of, missing_by_topic, warnings_of
from scraper.outcome import like_together
from tests.scraper.pages import DAY, NAMES, text_of

YESTERDAY = DAY - dt.timedelta(days=1)


def account(topics=("general",), text=text_of):
    expected = {(sign, topic) for sign in SIGNS for topic in topics}
    told = DayAccount("site", DAY, "run", "instant", expected)
    told.texts = {(sign, topic): text(sign, topic) for sign, topic in expected}
    return told


def day_of_texts(day, topics=("general",)):
    return {(sign, topic): text_of(sign, topic, day) for sign in SIGNS for topic in topics}


def test_a_whole_day_of_new_texts_is_trusted():
    neighbours = {"the day before": day_of_texts(YESTERDAY), "the day after": {}}
    assert faults_of(account(("general", "love")), neighbours) == []
    assert warnings_of(account(), neighbours) == []


@given(
    st.sets(st.sampled_from([(s, t) for s in SIGNS for t in ("general", "love")]), min_size=1, max_size=23)
)
def test_every_missing_cell_is_named(gone):
    told = account(("general", "love"))
    for cell in gone:
        del told.texts[cell]
    assert told.missing == sorted(f"{sign}/{topic}/{DAY}" for sign, topic in gone)
    (fault,) = [fault for fault in faults_of(told, {}) if fault.startswith("missing")]
    for sign, topic in gone:
        assert f"{sign}/{topic}/{DAY}" in fault or f"all signs/{topic}/{DAY}" in fault


def test_a_topic_that_is_gone_is_one_name():
    told = account(("general", "love"))
    told.texts = {cell: text for cell, text in told.texts.items() if cell[1] == "general"}
    assert list(missing_by_topic(told)) == [f"all signs/love/{DAY}"]


def test_nothing_at_all_is_a_fault():
    told = account()
    told.texts = {}
    assert faults_of(told, {}) == [f"expected 12 horoscopes for {DAY}, found none"]


def test_one_text_under_several_signs_is_a_fault():
    told = account()
    told.texts["leo", "general"] = told.texts["aries", "general"]
    assert faults_of(told, {}) == ["expected a text of its own for each sign, found one shared by aries, leo"]


def test_swapped_signs_are_noticed_by_what_the_texts_say():
    told = account()
    told.texts["leo", "general"], told.texts["aries", "general"] = text_of("aries"), text_of("leo")
    assert faults_of(told, {}) == [
        "expected texts of aries and leo each in its place, found them swapped in general"
    ]


def test_a_text_that_mentions_another_sign_is_no_swap():
    told = account(text=lambda sign, topic: f"{NAMES[sign]}: в делах помогут Львы, {topic}.")
    assert faults_of(told, {}) == []


@pytest.mark.parametrize("when", ["the day before", "the day after"])
def test_an_old_page_under_a_new_date_is_a_fault(when):
    told = account(text=lambda sign, topic: text_of(sign, topic, YESTERDAY))
    (fault,) = faults_of(told, {when: day_of_texts(YESTERDAY)})
    assert f"expected new texts for {DAY}, found those of {when} in general: all signs" in fault


def test_a_single_reprint_is_a_remark():
    told = account()
    told.texts["leo", "general"] = text_of("leo", "general", YESTERDAY)
    neighbours = {"the day before": day_of_texts(YESTERDAY)}
    assert faults_of(told, neighbours) == []
    assert warnings_of(told, neighbours) == [f"leo/general/{DAY} repeats the text of the day before"]


def test_what_many_pages_suffer_from_is_told_once_with_their_number():
    faults = [f"https://s.test/{sign}/: expected a page, found status 503" for sign in SIGNS]
    assert like_together([*faults, "https://s.test/x: found a stub", "expected 12, found none"]) == [
        "12 pages: expected a page, found status 503 (first https://s.test/aries/)",
        "https://s.test/x: found a stub",
        "expected 12, found none",
    ]
