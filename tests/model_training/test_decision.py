"""Who may live: gates fail closed, a tie changes nothing, only a proved gain does."""

import copy
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_training.decision import LIMITS, decide

GOOD = {
    "wrong_sign_share": 0.0,
    "unsafe_share": 0.0,
    "near_duplicate_share": 0.0,
    "copied_over_limit_share": 0.0,
    "format_share": 1.0,
    "yield": 0.8,
    "diversity_to_human": 0.97,
    "made_up_words_share": 0.0,
    "mistakes_share": 0.0,
    "coherent_to_human": 1.0,
    "sign_bits_saved": 1.2,
    "bits_to_five_gram": 0.8,
    "leaked_texts": 0.0,
}


def evaluation(
    change: tuple[float, float, float] | None = None,
    secondary: dict[str, tuple[float, float]] | None = None,
    **figures: float,
) -> dict:
    metrics = {name: {"value": value, "low": value} for name, value in (GOOD | figures).items()}
    document: dict = {"metrics": metrics, "against_champion": None}
    if change:
        value, low, high = change
        document["against_champion"] = {
            "version": "3",
            "bits_per_character_change": {"value": value, "low": low, "high": high},
            "secondary": {
                name: {"value": (low + high) / 2, "low": low, "high": high}
                for name, (low, high) in (secondary or {}).items()
            },
        }
    return document


def test_the_first_model_needs_the_gates_only() -> None:
    assert decide(evaluation(), None).promote


ALWAYS = [limit for limit in LIMITS if not limit.only_if_asked]


@pytest.mark.parametrize("limit", ALWAYS, ids=lambda limit: limit.metric)
def test_a_gate_that_cannot_be_computed_fails_closed(limit) -> None:
    missing, broken = evaluation(), evaluation(**{limit.metric: math.nan})
    del missing["metrics"][limit.metric]
    for document in (missing, broken):
        decision = decide(document, None)
        assert not decision.promote
        assert decision.reasons[0].startswith(f"{limit.metric} could not be computed")


@pytest.mark.parametrize(
    ("metric", "bad"),
    [
        ("wrong_sign_share", 0.02),
        ("unsafe_share", 0.02),
        ("near_duplicate_share", 0.02),
        ("copied_over_limit_share", 0.02),
        ("format_share", 0.98),
        ("yield", 0.59),
        ("diversity_to_human", 0.89),
        ("made_up_words_share", 0.02),
        ("mistakes_share", 0.02),
        ("coherent_to_human", 0.89),
        ("sign_bits_saved", 0.0),
        ("bits_to_five_gram", 1.01),
        ("leaked_texts", 0.01),
    ],
)
def test_each_gate_refuses_alone_and_says_so(metric: str, bad: float) -> None:
    decision = decide(evaluation((-0.1, -0.12, -0.08), **{metric: bad}), "3")
    assert not decision.promote
    assert len(decision.reasons) == 1 and decision.reasons[0].startswith(metric)


TIE, WORSE, BETTER = (-0.1, 0.1), (-0.2, -0.1), (0.1, 0.2)


@pytest.mark.parametrize(
    ("change", "secondary", "promoted"),
    [
        ((-0.05, -0.07, -0.03), {}, True),
        ((-0.05, -0.07, -0.03), {"yield": WORSE}, True),
        ((-0.01, -0.03, 0.01), {"yield": BETTER}, False),
        ((0.0, 0.0, 0.0), {}, False),
        ((0.0, 0.0, 0.0), {"yield": (0.0, 0.0), "coherence": TIE}, False),
        ((0.002, 0.001, 0.004), {"yield": BETTER}, True),
        ((0.004, 0.002, 0.006), {"yield": BETTER}, False),
        ((0.05, 0.03, 0.07), {"yield": BETTER}, False),
        ((math.nan, math.nan, math.nan), {"yield": BETTER}, False),
        ((0.0, 0.0, 0.0), {"yield": TIE, "coherence": BETTER}, True),
        ((0.0, 0.0, 0.0), {"yield": TIE, "coherence": WORSE, "spread": BETTER}, False),
        ((0.0, 0.0, 0.0), {"spread": WORSE, "yield": BETTER}, True),
        ((0.0, 0.0, 0.0), {"yield": (math.nan, math.nan)}, False),
        ((0.0, 0.0, 0.0), {"chars": BETTER}, False),
    ],
    ids=[
        *("better", "better, fewer pass", "unsure", "tie", "tie in all", "as good, better yield", "worse"),
        *("much worse", "broken", "as good, more coherent", "as good, less coherent", "the first counts"),
        *("broken yield", "not on the list"),
    ],
)
def test_only_a_proved_gain_replaces_the_champion(change, secondary, promoted: bool) -> None:
    decision = decide(evaluation(change, secondary), "3")
    assert decision.promote is promoted
    assert "champion" in decision.reasons[0]


def test_a_sentence_model_that_was_asked_for_must_have_answered_well() -> None:
    asked = {"asked": {"acceptability_model": True}}
    assert not decide(evaluation() | asked, None).promote
    assert not decide(evaluation(acceptable_to_human=0.89) | asked, None).promote
    assert decide(evaluation(acceptable_to_human=0.95) | asked, None).promote


def test_a_comparison_with_another_champion_does_not_count() -> None:
    decision = decide(evaluation((-0.1, -0.1, -0.1)), "4")
    assert not decision.promote and "evaluate again" in decision.reasons[0]
    assert not decide(evaluation(), "4").promote


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), st.floats(), min_size=1))
def test_no_figures_whatever_pass_unless_every_limit_holds(figures: dict[str, float]) -> None:
    document = evaluation(**figures)
    before = copy.deepcopy(document)
    holds = all(limit.verdict(document["metrics"][limit.metric])[0] for limit in ALWAYS)
    assert decide(document, None).promote is holds
    assert str(document) == str(before)
