"""Near duplicates on a labelled set: texts edited in known ways among unrelated ones with stock phrases."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_processing import near_duplicates
from spark_processing.cleaning import comparison_key
from spark_processing.near_duplicates import (
    CROWD,
    candidate_pairs,
    choose_representatives,
    find_members,
    similarities,
    sketches_of,
)
from spark_processing.shingles import as_array, shingles_of

WHO = (
    "старый друг",
    "коллега",
    "сосед",
    "начальник",
    "любимый человек",
    "незнакомец",
    "младший брат",
    "врач",
)
WHEN = (
    "утром",
    "к полудню",
    "вечером",
    "в обед",
    "перед сном",
    "ближе к ночи",
    "до завтрака",
    "после работы",
)
WHAT = (
    "разговор",
    "покупка",
    "поездка",
    "письмо",
    "встреча",
    "ссора",
    "находка",
    "прогулка",
    "звонок",
    "подарок",
)
LIKE = ("удивит", "обрадует", "утомит", "многое решит", "запомнится", "успокоит", "согреет", "насторожит")
STOCK = (
    "Первая половина дня благоприятна для общения и новых знакомств.",
    "Звёзды советуют не спешить с выводами и доверять интуиции.",
    "Вечер лучше провести в кругу семьи и близких друзей.",
)


def sentence(rng: random.Random) -> str:
    who, when, what, like = (rng.choice(words) for words in (WHO, WHEN, WHAT, LIKE))
    number = rng.randrange(2, 60)
    return rng.choice(
        (
            f"{when.capitalize()} вам встретится {who}, и {what} через {number} минут {like}.",
            f"Если {who} позовёт вас {when}, соглашайтесь: {what} номер {number} {like} вас обоих.",
            f"Сегодня {what} {like} того, кто {when} потратит {number} рублей, а {who} поможет.",
        )
    )


def text(seed: int, stock: bool) -> list[str]:
    rng = random.Random(seed)
    made = [f"Сегодня Львам {rng.choice(LIKE)} каждый {rng.choice(WHO)}."] + [sentence(rng) for _ in range(5)]
    return [rng.choice(STOCK), *made] if stock else made


def two_words_swapped(sentences, rng):
    words = " ".join(sentences).split()
    at = rng.randrange(len(words) - 1)
    words[at], words[at + 1] = words[at + 1], words[at]
    return " ".join(words)


def a_sentence_moved(sentences, rng):
    return " ".join([*sentences[1:], sentences[0]])


def tomorrow_for_today(sentences, rng):
    return " ".join(sentences).replace("Сегодня", "Завтра")


def another_sign(sentences, rng):
    return " ".join(sentences).replace("Львам", "Рыбам")


def typos(sentences, rng):
    letters = list(" ".join(sentences))
    for _ in range(4):
        at = rng.randrange(len(letters) - 1)
        letters[at], letters[at + 1] = letters[at + 1], letters[at]
    return "".join(letters)


def a_sentence_added(sentences, rng):
    return " ".join([*sentences, rng.choice(STOCK)])


EDITS = (two_words_swapped, a_sentence_moved, tomorrow_for_today, another_sign, typos, a_sentence_added)


def shingles(texts: list[str]) -> list[bytes]:
    return shingles_of([comparison_key(said) for said in texts])


def labelled_set() -> tuple[list[str], dict[int, int]]:
    """Texts from the earliest on: 240 originals, 120 edited ones; the latter's places → their originals'."""
    originals = [text(seed, stock=seed % 2 == 0) for seed in range(240)]
    texts, truth = [" ".join(sentences) for sentences in originals], {}
    for n in range(0, 240, 2):
        truth[len(texts)] = n
        texts.append(EDITS[(n // 2) % len(EDITS)](originals[n], random.Random(n)))
    return texts, truth


def test_precision_and_recall_on_the_labelled_set():
    texts, truth = labelled_set()
    found = {member.text: member.representative for member in find_members(shingles(texts), 0, 0.5)}
    right = sum(truth.get(place) == representative for place, representative in found.items())
    assert right / len(found) >= 0.95 and right / len(truth) >= 0.95
    assert len(truth) == 120


def jaccard(one: str, other: str) -> float:
    words = (comparison_key(one).split(), comparison_key(other).split())
    runs = [{tuple(said[at : at + 3]) for at in range(len(said) - 2)} for said in words]
    return len(runs[0] & runs[1]) / len(runs[0] | runs[1])


def test_every_pair_is_measured_on_the_words_themselves():
    texts, _ = labelled_set()
    pairs = candidate_pairs(sketches_of(shingles(texts)))
    found = dict(
        zip(
            zip(*map(np.ndarray.tolist, pairs), strict=True),
            similarities(shingles(texts), pairs),
            strict=True,
        )
    )
    assert len(found) > 120
    for (earlier, later), similarity in found.items():
        assert earlier < later and similarity == pytest.approx(
            jaccard(texts[earlier], texts[later]), abs=1e-4
        )


def test_pairs_do_not_depend_on_the_memory_at_hand(monkeypatch):
    sketches = sketches_of(shingles(labelled_set()[0]))
    whole = candidate_pairs(sketches)
    monkeypatch.setattr(near_duplicates, "KEYS_AT_ONCE", 500)
    pieces = candidate_pairs(sketches)
    assert all((one == other).all() for one, other in zip(whole, pieces, strict=True))


def test_new_texts_join_what_the_dataset_holds_and_the_old_ones_are_left_in_peace():
    first, other = text(1, False), text(2, False)
    edited = tomorrow_for_today(first, None)
    found = find_members(shingles([" ".join(first), edited, edited + " И ещё.", " ".join(other)]), 2, 0.5)
    assert [(member.text, member.representative) for member in found] == [(2, 0)]


def test_a_crowd_is_compared_with_its_earliest_only():
    crowd = [f"{STOCK[0]} {n} {n + 1} {n + 2}" for n in range(3 * CROWD)]
    pairs = candidate_pairs(sketches_of(shingles(crowd)))
    assert pairs.earlier.max() == CROWD - 1 and pairs.later.max() == 3 * CROWD - 1


def test_no_texts_no_pairs():
    assert find_members([], 0, 0.5) == []


def test_there_is_no_chain_each_member_resembles_its_representative():
    members = choose_representatives([(0, 1, 0.6), (1, 2, 0.7)])
    assert members == [(1, 0, 0.6)]  # 2 resembles 1 only, and 1 is a member


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)).filter(lambda ab: ab[0] < ab[1]), unique=True)
)
def test_members_join_representatives_they_resemble(edges):
    pairs = sorted(((a, b, 0.9) for a, b in edges), key=lambda pair: (pair[1], pair[0]))
    members = choose_representatives(pairs)
    joined = {member.text: member.representative for member in members}
    resembling = {(b, a) for a, b in edges}
    assert set(joined.items()) <= resembling
    assert not set(joined) & set(joined.values())
    representatives = set(range(13)) - set(joined)
    assert not {
        pair for pair in resembling if set(pair) <= representatives
    }  # who resembles one has joined one


@given(
    st.lists(
        st.lists(st.sampled_from(["день", "ночь", "утро", "я", ""]), max_size=6).map(" ".join), max_size=5
    )
)
def test_shingles_are_the_same_alone_and_together(keys):
    assert shingles_of(keys) == [alone for key in keys for alone in shingles_of([key])]


@pytest.mark.parametrize("key", ["", "слово", "два слова", "три слова тут", "четыре слова тут есть"])
def test_a_short_text_has_a_shingle_too(key):
    (found,) = map(as_array, shingles_of([key]))
    assert found.tolist() == sorted(set(found.tolist())) != []
    assert len(found) == max(1, len(key.split()) - 2)
