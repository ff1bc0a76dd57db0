import datetime as dt

import pytest
from fake_model import text_of
from hypothesis import given
from hypothesis import strategies as st

from serving.selection import Candidate, SeenTexts, Selection, contradicts_season, word_runs

DAY = dt.date(2026, 11, 23)


def candidate(sign, text, score=0.0, seed=0, **gates):
    return Candidate(sign, "general", "ru", text, seed, gates or {"format": True}, score)


@pytest.mark.parametrize(
    ("text", "day", "contradicts"),
    [
        ("Летний зной располагает к отдыху.", DAY, True),
        ("Весенние хлопоты принесут радость.", DAY, True),
        ("Осенний вечер хорош для чтения.", DAY, False),
        ("Зимний вечер уже близко.", DAY, False),
        ("В июле всё решится.", DAY, True),
        ("В декабре всё решится.", DAY, False),
        ("К концу мая ждите вестей.", DAY, True),
        ("К концу мая ждите вестей.", dt.date(2026, 5, 2), False),
        ("Маяк светит, мартышка скачет, полёт летит.", DAY, False),
        ("Пять лет назад вы начали это дело.", DAY, False),
        ("Новогодние хлопоты.", dt.date(2026, 7, 1), True),
    ],
)
def test_a_text_of_another_season_is_refused(text, day, contradicts):
    assert contradicts_season(text, day) is contradicts


def test_the_best_passing_candidate_is_kept():
    selection = Selection(DAY, [])
    best_but_refused = candidate("leo", text_of(1), score=9.0, format=False)
    selection.choose([candidate("leo", text_of(2), 1.0), best_but_refused, candidate("leo", text_of(3), 2.0)])
    choice = selection.choices["general", "leo"]
    assert choice.candidate.text == text_of(3)
    assert choice.sampled == 3
    assert choice.gates == {
        "format": True,
        "season_fits": True,
        "unlike_last_days": True,
        "unlike_other_signs": True,
    }


def test_two_signs_never_get_like_texts():
    selection = Selection(DAY, [])
    nearly = text_of(1).replace("утро", "ночь")
    selection.choose(
        [candidate("leo", text_of(1)), candidate("aries", nearly, 2.0), candidate("aries", text_of(2))]
    )
    assert {c.candidate.text for c in selection.choices.values()} == {text_of(1), text_of(2)}


def test_a_text_like_one_of_the_last_days_is_refused_by_name():
    selection = Selection(DAY, [text_of(1)])
    selection.choose([candidate("leo", text_of(1).upper())])
    assert not selection.choices
    assert selection.refusals["general", "leo"] == {"unlike_last_days": 1}


@given(st.lists(st.integers(0, 40), min_size=1, max_size=12), st.integers(0, 40))
def test_likeness_equals_its_definition(seen, asked):
    runs = word_runs(text_of(asked))
    expected = max(
        len(runs & word_runs(text_of(s))) / min(len(runs), len(word_runs(text_of(s)))) for s in seen
    )
    assert SeenTexts(text_of(s) for s in seen).likeness(text_of(asked)) == expected


@given(st.text(), st.text())
def test_likeness_is_a_share_and_a_text_is_like_itself(text, other):
    assert 0.0 <= SeenTexts([text]).likeness(other) <= 1.0
    assert SeenTexts([text]).likeness(text) == 1.0
