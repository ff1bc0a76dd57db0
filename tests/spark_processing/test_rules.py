import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_data import row, text_of

from spark_processing.rules import REASONS, Options, judge, language_of

OPTIONS = Options()


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"text": " "}, "empty_field", "text"),
        ({"sign": "", "date": ""}, "empty_field", "date, sign"),
        ({"date": "23.11.2026"}, "empty_field", "date 23.11.2026"),
        ({"date": "2026-02-30"}, "empty_field", "date 2026-02-30"),
        ({"sign": "general"}, "pseudo_sign", "general"),
        ({"topic": "weather"}, "unknown_value", "topic weather"),
        ({"period": "month"}, "wrong_period", "month"),
        ({"text": "Ð½Ð¾Ð²Ñ\u008bÑ Ð·Ð½Ð°Ð½Ð¸Ð¹ " * 20}, "broken_text", "encoding"),
        ({"text": "The stars promise you a calm day and a long talk. " * 7}, "wrong_language", "en"),
        ({"text": "Зірки обіцяють спокійний день і довгу розмову з друзями. " * 6}, "wrong_language", "uk"),
        ({"text": "День удачен."}, "too_short", "12 characters"),
        ({"text": text_of(3) * 2}, "too_long", f"{2 * len(text_of(3)) + 1} characters"),
    ],
)
def test_a_row_is_rejected_by_the_first_rule_that_objects(changes, reason, detail):
    verdict = judge(row(**changes), OPTIONS)
    assert (verdict.reason, verdict.detail, verdict.text_hash) == (reason, detail, None)
    assert reason in REASONS


def test_a_sound_row_is_kept_with_its_length_and_hash():
    verdict = judge(row(text=text_of(5)), OPTIONS)
    assert verdict[:2] == (text_of(5), len(text_of(5)))
    assert (len(verdict.text_hash), verdict.quality_flags, verdict.reason, verdict.detail) == (
        32,
        [],
        None,
        None,
    )


@pytest.mark.parametrize(
    ("length", "reason"), [(299, "too_short"), (300, None), (500, None), (501, "too_long")]
)
def test_both_bounds_belong_to_what_is_kept(length, reason):
    text = "Слово " * 90
    assert judge(row(text=text[: length - 2] + "а."), OPTIONS).reason == reason


def test_the_bounds_and_periods_are_options():
    options = Options(min_chars=10, max_chars=20, periods=("day", "month"))
    assert judge(row(text="Месяц удачен.", period="month"), options).reason is None


def test_remarks_do_not_reject():
    assert judge(row(text=text_of(2)[:-1]), OPTIONS).quality_flags == ["cut_end"]
    assert judge(row(text="«" + text_of(2)), OPTIONS).quality_flags == ["unbalanced_quotes"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Звёзды обещают вам спокойный день.", "ru"),
        ("Объявите подъём: съезд объединит всех.", "ru"),
        ("The stars will bring you a calm day.", "en"),
        ("Los astros traen un día tranquilo para todos.", "latin"),
        ("Звездите предвещават спокоен ден, а вечерта ще бъде тиха и съвсем добър край.", "bg"),
        ("Звезде доносе миран дан, а њихова снага јача.", "sr"),
        ("Жұлдыздар сізге тыныш күн әкеледі.", "kk"),
        ("12.10 — 14.00", "unknown"),
    ],
)
def test_letters_tell_the_language(text, language):
    assert language_of(text) == language


FIELD = st.sampled_from(
    ["", " ", "leo", "general", "day", "ru", "2026-11-23", text_of(1), text_of(2) * 3, "★"]
)


@given(st.fixed_dictionaries(dict.fromkeys(row(), FIELD)))
def test_any_row_gets_exactly_one_verdict(raw):
    verdict = judge(raw, OPTIONS)
    assert (verdict.reason is None) == (verdict.text_hash is not None)
    assert verdict.reason is None or verdict.reason in REASONS
