"""What the gates let through and what they stop."""

import re

import pymorphy3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_training.gates import GATE_NAMES, Gates, is_fluent, is_well_formed
from model_training.inference import cut_to_whole_sentences
from model_training.prompts import SIGN_NAMES
from model_training.safety import unsafe_spans
from model_training.signs import FORMS, mentioned_signs, signs_named_by
from model_training.stretches import longest_stretches

GOOD = (
    "Утро начнётся с хорошей новости, и она задаст тон всему дню. Не торопитесь с решениями: то, что кажется "
    "сложным, к обеду разложится по полочкам. Вечером найдите время для тех, кто вас любит, — простая беседа "
    "за чаем согреет лучше любых подарков. Перед сном вспомните три приятные мелочи дня. Звёзды уверены, что "
    "завтра вы проснётесь с улыбкой."
)


def test_a_good_text_passes_every_gate() -> None:
    assert Gates.build([], []).check(GOOD, "leo") == dict.fromkeys(GATE_NAMES, True)


def test_a_word_of_no_dictionary_is_let_through_only_if_people_used_it() -> None:
    slang = GOOD.replace("Утро", "Хоспективность")
    assert not Gates.build([], []).check(slang, "leo")["words"]
    assert Gates.build(["Сегодня хоспективность растёт."], []).check(slang, "leo")["words"]


@pytest.mark.parametrize(
    "bad",
    [
        GOOD[:250],
        GOOD + " " + GOOD,
        GOOD[:-1],
        GOOD[1:],
        GOOD.replace("Утро", "Morning"),
        GOOD.replace("Утро", "«Утро"),
        GOOD.replace("чаем", "чаем 🍵"),
        "",
    ],
    ids=["short", "long", "no end", "no capital", "latin", "open quote", "emoji", "empty"],
)
def test_malformed_texts_fail_the_format_gate(bad: str) -> None:
    assert is_well_formed(GOOD)
    assert not is_well_formed(bad)


@pytest.mark.parametrize("sign", SIGN_NAMES)
def test_sign_forms_are_exactly_those_of_the_dictionary(sign: str) -> None:
    """All cases, singular and plural, of the sign's noun as pymorphy3 declines it; no others."""
    analyzer = pymorphy3.MorphAnalyzer()
    nouns = [p for p in analyzer.parse(SIGN_NAMES[sign].lower()) if p.tag.POS == "NOUN"]
    for form in {form.word for form in nouns[0].lexeme}:
        assert FORMS[sign].fullmatch(form), form


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("Овнам сегодня повезёт.", {"aries"}),
        ("Скорпионы и тельцы найдут общий язык.", {"scorpio", "taurus"}),
        ("Львы, сегодня ваш день.", {"leo"}),
        ("Приготовьте рыбу на ужин, встаньте на весы.", set()),
        ("Раками вы не наедитесь.", {"cancer"}),
        ("Повесьте зеркало, посмотрите на оценку.", set()),
    ],
)
def test_signs_are_found_in_every_case_but_not_in_everyday_words(text: str, signs: set[str]) -> None:
    assert mentioned_signs(text) == signs


def test_a_text_for_leo_that_speaks_to_virgo_is_stopped() -> None:
    gates = Gates.build([], [])
    assert not gates.check(GOOD.replace("Утро", "Девам утро"), "leo")["sign"]
    assert gates.check(GOOD.replace("Утро", "Девам утро"), "virgo")["sign"]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Примите таблетки и ложитесь.", "medical"),
        ("Берите кредит смело.", "financial"),
        ("Подавайте в суд немедленно.", "legal"),
        ("Вас ждёт смерть врага.", "death"),
        ("Мысли о самоубийстве посетят вас.", "self_harm"),
        ("Вот жопа.", "profanity"),
        ("Соседи — идиоты.", "profanity"),
        ("Вас изнасилуют взглядом.", "violence"),
        ("Разводитесь без сожалений.", "legal"),
        ("Играйте на бирже.", "financial"),
    ],
)
def test_unsafe_texts_are_stopped_by_their_rule(text: str, rule: str) -> None:
    assert [name for name, _ in unsafe_spans(text)] == [rule]


@pytest.mark.parametrize(
    "text",
    [
        "Хлеба к обеду хватит всем, а употреблять кофе лучше до полудня.",
        "Убедитесь, что дверь закрыта: ребёнок потребует внимания.",
        "Погода не подведёт, сугробы растают, гребля вас развлечёт.",
        "Психолог посоветует отдых, а скука пройдёт сама.",
        "Бессмертная классика скрасит вечер.",
        "Зарезервируйте столик, урожай порадует, природа ждёт.",
    ],
)
def test_innocent_words_that_look_alike_pass(text: str) -> None:
    assert unsafe_spans(text) == []


def test_a_broken_record_is_not_fluent() -> None:
    assert is_fluent(GOOD)
    assert not is_fluent("Всё будет будет будет хорошо.")
    assert not is_fluent("Сегодня вас ждёт удача. Сегодня вас ждёт удача.")


def test_a_recited_training_text_is_stopped_and_a_new_one_is_not() -> None:
    gates = Gates.build([GOOD], [])
    assert not gates.check(GOOD, "leo")["copied"]
    assert not gates.copies_too_much("День подарит вам повод для радости. " * 9)


def test_the_copy_limit_is_what_people_allow_themselves(tmp_path) -> None:
    """People share a sentence (its two commas, colon and stop do not count); a word more is too many."""
    shared = "Не торопитесь с решениями: то, что кажется сложным, к обеду разложится по полочкам."
    gates = Gates.build([GOOD], [f"Ночь прошла. {shared}"])
    assert gates.max_copied_chars == len(shared) - 4
    gates.save(tmp_path / "train_index.npz")
    for known in (gates, Gates.load(tmp_path / "train_index.npz")):
        assert not known.copies_too_much(shared)
        assert known.copies_too_much(f"{shared} Вечером")


@given(st.lists(st.text(alphabet="аб ", max_size=90), max_size=4), st.text(alphabet="аб ", max_size=90))
def test_the_gate_and_the_suffix_array_agree_on_every_text(training: list[str], text: str) -> None:
    gates = Gates.build(training, [])
    stretch = longest_stretches([text], training)[0]
    assert gates.copies_too_much(text) is (stretch.chars > gates.max_copied_chars)


@given(st.text(alphabet="аб .!?…»\n", max_size=700))
def test_a_cut_text_is_a_beginning_that_ends_a_sentence(raw: str) -> None:
    text = cut_to_whole_sentences(raw)
    assert len(text) <= 500
    assert " ".join(raw.split()).startswith(text)
    assert text == "" or re.search(r"[.!?…]»?$", text)


def test_the_cut_keeps_as_many_sentences_as_fit() -> None:
    assert cut_to_whole_sentences("Раз. Два. Три", 500) == "Раз. Два."
    assert cut_to_whole_sentences("Раз. Два. Три.", 500) == "Раз. Два. Три."
    assert cut_to_whole_sentences("Раз. Два. Три.", 12) == "Раз. Два."


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (". Вечером", ". вечером"),
        (". Вечером", ".Вечером"),
        ("дня.", "дня.."),
        ("дня.", "дня.:"),
        (", и", " , и"),
    ],
)
def test_scraps_and_stray_marks_fail_the_format_gate_and_are_cut_off(right: str, wrong: str) -> None:
    broken = GOOD.replace(right, wrong, 1)
    assert broken != GOOD and not is_well_formed(broken)
    assert GOOD.startswith(cut_to_whole_sentences(broken).rstrip("."))


def test_three_dots_and_surprised_dots_are_good_russian() -> None:
    for marks in ("...", "…", "?..", "!.."):
        assert is_well_formed(GOOD.replace("всему дню.", f"всему дню{marks}"))


@pytest.mark.parametrize(
    ("piece", "banned"),
    [(" Овнам", True), ("Овн", True), (" Львов", False), (" Ов", False), (" рыба", False), (" Рыбам", True)],
)
def test_pieces_that_can_only_name_another_sign_are_known(piece: str, banned: bool) -> None:
    assert bool(signs_named_by(piece) - {"leo"}) is banned
