"""Near duplicates on a labelled set: texts edited in known ways among unrelated ones with stock phrases."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_processing.cleaning import comparison_key
from spark_processing.judging import hash_of
from spark_processing.near_duplicates import Text, choose_representatives, find_members
from spark_processing.schema import NEAR
from spark_processing.shingles import shingles_of

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


def frame(spark, texts):
    """Rows of `schema.NEAR` for (date, id, text)."""
    keys = [(day, name, comparison_key(said)) for day, name, said in texts]
    return spark.createDataFrame([(hash_of(k), n, d, "ru74", shingles_of(k)) for d, n, k in keys], NEAR)


def test_precision_and_recall_on_the_labelled_set(spark):
    originals = [text(seed, stock=seed % 2 == 0) for seed in range(240)]
    rows = [("2026-11-01", f"o{n}", " ".join(sentences)) for n, sentences in enumerate(originals)]
    truth = {}
    for n in range(0, 240, 2):
        edit = EDITS[(n // 2) % len(EDITS)]
        rows.append(("2026-11-02", f"e{n}", edit(originals[n], random.Random(n))))
        truth[f"e{n}"] = f"o{n}"
    names = {hash_of(comparison_key(said)): name for _, name, said in rows}
    nothing = spark.createDataFrame([], NEAR)
    found = {
        names[m["text_hash"]]: m["near_id"]
        for m in find_members(spark, frame(spark, rows), nothing, 0.5).collect()
    }
    right = sum(truth.get(name) == representative for name, representative in found.items())
    assert right / len(found) >= 0.95 and right / len(truth) >= 0.95
    assert len(truth) == 120


def test_new_texts_join_what_the_dataset_holds_whatever_the_dates(spark):
    first, other = text(1, False), text(2, False)
    known = frame(spark, [("2026-11-09", "old", " ".join(first))])
    new = frame(
        spark,
        [("2026-11-01", "new", tomorrow_for_today(first, None)), ("2026-11-01", "else", " ".join(other))],
    )
    found = find_members(spark, new, known, 0.5).collect()
    assert [(m["near_id"], m["cluster_id"]) for m in found] == [
        ("old", hash_of(comparison_key(" ".join(first))))
    ]


def test_the_clusters_do_not_depend_on_partitions(spark):
    rows = [("2026-11-01", f"o{n}", " ".join(text(n % 40, True)) + " И ещё." * (n % 3)) for n in range(120)]
    nothing = spark.createDataFrame([], NEAR)
    frames = (
        frame(spark, rows).dropDuplicates(["text_hash"]),
        frame(spark, rows[::-1]).dropDuplicates(["text_hash"]),
    )
    one, other = (
        sorted(find_members(spark, f.repartition(n), nothing, 0.5).collect())
        for f, n in zip(frames, (1, 7), strict=False)
    )
    assert [m["text_hash"] for m in one] == [m["text_hash"] for m in other] and len(one) > 20


def end(name: str) -> Text:
    return Text(True, "2026-11-01", "ru74", name, f"hash {name}")


def test_there_is_no_chain_each_member_resembles_its_representative():
    a, b, c = end("a"), end("b"), end("c")
    members = choose_representatives([(a, b, 0.6), (b, c, 0.7)])
    assert [(m.text_hash, m.near_id) for m in members] == [
        ("hash b", "a")
    ]  # c resembles b only, and b is a member


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)).filter(lambda ab: ab[0] < ab[1]), unique=True)
)
def test_members_join_representatives_they_resemble(edges):
    names = [end(f"{n:02d}") for n in range(13)]
    members = choose_representatives([(names[a], names[b], 0.9) for a, b in edges])
    joined = {member.text_hash: member.cluster_id for member in members}
    resembling = {(names[b].text_hash, names[a].text_hash) for a, b in edges}
    assert set(joined.items()) <= resembling
    assert not set(joined) & set(joined.values())
    representatives = {name.text_hash for name in names} - set(joined)
    assert not {
        pair for pair in resembling if set(pair) <= representatives
    }  # who resembles one has joined one


@pytest.mark.parametrize("key", ["", "слово", "два слова", "три слова тут", "четыре слова тут есть"])
def test_a_short_text_has_a_shingle_too(key):
    assert shingles_of(key) == sorted(set(shingles_of(key))) != []
