"""The longest common stretch, beside a search that tries every place."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_training.stretches import longest_stretches, reduced, windows

TEXTS = st.lists(
    st.lists(st.sampled_from(["аб", "ба", "абба", "в", "баб"]), max_size=8).map(" ".join), max_size=4
)


def by_trying(text: str, training: list[str]) -> int:
    piece, longest = reduced(text), 0
    for known in map(reduced, training):
        for start in (at for at, byte in enumerate(piece) if byte == ord(" ")):
            while start + longest < len(piece) and piece[start : start + longest + 1] in known:
                longest += 1
    return max(longest - 1, 0)


@given(TEXTS, TEXTS)
def test_no_longer_stretch_exists(texts: list[str], training: list[str]) -> None:
    for text, found in zip(texts, longest_stretches(texts, training), strict=True):
        assert found.chars == by_trying(text, training)
        if found.chars:
            assert found.text.encode("cp1251") in reduced(training[found.owner])


@given(TEXTS, TEXTS, st.integers(1, 12))
def test_texts_share_a_window_exactly_when_they_share_that_long_a_stretch(
    texts, training, chars: int
) -> None:
    known = {window for text in training for window in windows(text, chars)}
    for text, found in zip(texts, longest_stretches(texts, training), strict=True):
        assert bool(known & set(windows(text, chars))) is (found.chars >= chars)


def test_case_marks_and_the_two_letters_yo_hide_no_copy() -> None:
    found = longest_stretches(["Вечер: ВСЁ, что нужно — рядом."], ["и все что нужно рядом с вами"])
    assert found[0] == (len("все что нужно рядом"), "все что нужно рядом", 0)


def test_no_stretch_crosses_from_one_training_text_into_the_next() -> None:
    assert longest_stretches(["один два три"], ["ноль один", "два три"])[0].text == "два три"


def test_nothing_in_common_is_nothing() -> None:
    assert [stretch.chars for stretch in longest_stretches(["", "жжж"], ["аб ва"])] == [0, 0]
    assert longest_stretches(["аб"], [])[0].chars == 0


@pytest.mark.serial
def test_thousands_of_texts_take_seconds() -> None:
    texts = [" ".join(str(number * step) for step in range(1, 60)) for number in range(6000)]
    started = time.process_time()
    assert len(longest_stretches(texts[:2000], texts)) == 2000
    assert time.process_time() - started < 20
