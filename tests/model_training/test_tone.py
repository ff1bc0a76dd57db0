"""The tone of a text is found by words of promise and of warning."""

import pytest

from model_training.prompts import TONE_NAMES
from model_training.tone import ALARMING, PROMISING, tone_of


@pytest.mark.parametrize(
    ("text", "tone"),
    [
        ("День принесёт удачу, и успех обрадует близких.", "positive"),
        ("Возможны ссоры и обиды: избегайте рискованных решений.", "warning"),
        ("Вечером придёт письмо, утром позвонит сосед.", "neutral"),
        ("Успех близок, но опасность рядом.", "neutral"),
        ("Не бойтесь и не сомневайтесь.", "positive"),
        ("Не надейтесь на успех. Счастливого случая не будет. Удача ушла.", "positive"),
        ("", "neutral"),
    ],
)
def test_the_tone_of_plain_cases(text: str, tone: str) -> None:
    """The sixth is what a count of words gets wrong."""
    assert tone_of(text) == tone


def test_no_word_is_on_both_sides_and_every_word_is_a_dictionary_form() -> None:
    import pymorphy3

    assert not PROMISING & ALARMING
    forms = pymorphy3.MorphAnalyzer()
    for word in PROMISING | ALARMING:
        assert word in {parse.normal_form for parse in forms.parse(word)}, word
    assert set(TONE_NAMES) == {"positive", "neutral", "warning"}
