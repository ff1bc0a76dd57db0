import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.signs import SIGNS, UnknownSignError, birthdays, find_sign, sign_of_birthday


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        ("leo", "leo"),
        ("  LEO ", "leo"),
        ("Лев", "leo"),
        ("ЛЬВУ", "leo"),
        ("♌", "leo"),
        ("♌️", "leo"),
        ("рыбам", "pisces"),
        ("17.05.1990", "taurus"),
        ("17.5", "taurus"),
        ("1990-05-17", "taurus"),
        ("17 мая", "taurus"),
        ("8 марта 1991 г.", "pisces"),
        ("1 января", "capricorn"),
        ("31.12", "capricorn"),
        ("29 февраля", "pisces"),
        ("23 ноября", "sagittarius"),
        ("22 ноября", "scorpio"),
    ],
)
def test_a_sign_is_found_by_slug_name_symbol_or_birthday(words, slug):
    assert find_sign(words).slug == slug


@pytest.mark.parametrize(
    "words", ["", "лёв-толстой", "31.02", "2026-13-01", "змееносец", "0 мая", "17 слонов", "a" * 999]
)
def test_other_words_are_refused_with_the_list_of_signs(words):
    with pytest.raises(UnknownSignError, match="aries, taurus"):
        find_sign(words)


@given(st.dates())
def test_every_birthday_has_the_sign_whose_span_holds_it(birthday):
    sign = sign_of_birthday(birthday.month, birthday.day)
    first, last = birthdays(sign)
    same_day = [dt.date(year, birthday.month, birthday.day) for year in (2024, 2028)]
    inside = any(first <= day <= last for day in same_day) or (
        sign.slug == "capricorn" and (birthday.month, birthday.day) <= (1, 20)
    )
    assert inside


@given(st.text())
def test_any_words_name_a_sign_or_are_refused_by_name(words):
    try:
        assert find_sign(words) in SIGNS
    except UnknownSignError as error:
        assert "expected a sign" in str(error)
