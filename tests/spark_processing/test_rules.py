from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_data import SENTENCES, row, text_of, to_csv

from spark_processing.cleaning import clean, comparison_key
from spark_processing.judging import judge_parts
from spark_processing.languages import language_of
from spark_processing.ordinary import ordinary_rows
from spark_processing.own_output import Published, PublishedText
from spark_processing.raw_parts import read_rows
from spark_processing.remarks import remarks_on
from spark_processing.rules import REASONS, Options, first_objection, first_objection_to_text
from spark_processing.shingles import shingles_of

OPTIONS = Options(long_texts="reject")
NOTHING = Published([])


def judge_all(rows, options=OPTIONS, published=NOTHING) -> list[SimpleNamespace]:
    judged = judge_parts([read_rows(to_csv(rows), "part-0000.csv", len(rows))], options, published)
    return [SimpleNamespace(**line) for line in judged.to_pylist()]


def judge(raw, options=OPTIONS, published=NOTHING) -> SimpleNamespace:
    return judge_all([raw], options, published)[0]


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
    assert (verdict.clean_text, verdict.chars) == (text_of(5), len(text_of(5)))
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


def own_text(number: int) -> str:
    """A text that shares no sentence with another number's."""
    return " ".join(f"{sentence[:-1]}, {number} раз." for sentence in SENTENCES[:5])


def test_boilerplate_of_a_file_shows_by_itself_and_is_taken_out():
    slogan = "Наш астролог трудится для вас каждый день недели."
    for n, verdict in enumerate(judge_all([row(text=f"{own_text(n)} {slogan}") for n in range(8)])):
        assert verdict.clean_text == own_text(n)
        assert verdict.quality_flags == ["boilerplate_removed"]


@pytest.mark.parametrize(("texts", "sharing"), [(12, 5), (4, 4)])
def test_a_sentence_of_fewer_than_half_the_texts_or_of_very_few_is_no_boilerplate(texts, sharing):
    shared = SENTENCES[7]
    rows = [row(text=f"{own_text(n)} {shared if n < sharing else ''}") for n in range(texts)]
    assert judge_all(rows)[0].clean_text == f"{own_text(0)} {shared}"


def test_a_long_text_is_trimmed_at_a_sentence_end():
    long = text_of(3) + " " + text_of(4)
    verdict = judge(row(text=long), Options())
    assert verdict.reason is None and verdict.quality_flags == ["trimmed"]
    assert long.startswith(verdict.clean_text) and 300 <= verdict.chars <= 500
    assert verdict.clean_text.endswith(".")


def test_one_endless_sentence_cannot_be_trimmed():
    assert judge(row(text="слово за слово " * 50), Options()).reason == "too_long"


def published(text: str, at: str) -> Published:
    (shingles,) = shingles_of([comparison_key(text)])
    return Published([PublishedText("2026-11-20", "2026-11-20/leo/love", at, shingles)])


def test_our_own_text_that_came_back_is_rejected_even_when_edited():
    back = published(text_of(7), "2026-11-19T21:00:00+00:00")
    verdict = judge(row(text=text_of(7)), published=back)
    assert (verdict.reason, verdict.detail) == ("own_output", "published for 2026-11-20")
    assert (verdict.matched_id, verdict.similarity) == ("2026-11-20/leo/love", 1.0)
    edited = text_of(7).replace("Вечер", "Завтра вечер").replace("друзьям", "подругам")
    near = judge(row(text=edited), published=back)
    assert (near.reason, near.text_hash, 0.5 <= near.similarity < 1) == ("own_output", None, True)
    assert judge(row(text=text_of(38)), published=back).reason is None


def test_a_text_is_not_rejected_for_what_was_published_later():
    later = published(text_of(7), "2026-11-23T06:00:01+00:00")
    assert judge(row(text=text_of(7)), published=later).reason is None


@pytest.mark.parametrize(
    ("text", "remarks"),
    [
        ("Бросьте принимать лекарства и ложитесь спать.", ["dangerous_advice"]),
        ("Смело садитесь за руль выпивши.", ["dangerous_advice"]),
        ("Примите лекарство и обратитесь к врачу.", []),
        ("Всё пошло через жопу.", ["profanity"]),
        ("Застрахуйте квартиру, потребляйте хлеб, учебник не забудьте.", []),
        ("Оскорблять нельзя, колебания излишни, рубля не жалейте.", []),
        ("Не сказав ни слова", ["cut_end"]),
        ("Он сказал: «Да.", ["unbalanced_quotes"]),
    ],
)
def test_remarks_name_what_a_reader_should_know(text, remarks):
    assert remarks_on(text) == remarks


def test_remarks_do_not_reject():
    assert judge(row(text=text_of(2)[:-1]), OPTIONS).quality_flags == ["cut_end"]
    assert judge(row(text="«" + text_of(2)), OPTIONS).quality_flags == ["unbalanced_quotes"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Звёзды обещают вам спокойный день.", "ru"),
        ("Объявите подъём: съезд объединит всех.", "ru"),
        ("Сосед объяснит необъятное. Адъютант съел объедки.", "ru"),
        ("The stars will bring you a calm day.", "en"),
        ("Los astros traen un día tranquilo para todos.", "latin"),
        ("Звездите предвещават спокоен ден, а вечерта ще бъде тиха и съвсем добър край.", "bg"),
        ("Звезде доносе миран дан, а њихова снага јача.", "sr"),
        ("Жұлдыздар сізге тыныш күн әкеледі.", "kk"),
        ("Ситораҳо рӯзи оромро ваъда медиҳанд, ва дӯсти қадим меояд.", "cyrillic"),
        ("Зоркі абяцаюць спакойны дзень, і стары сябар прыйдзе ў госці.", "be"),
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


WORDS = (
    "звёзды",
    "Рыбы",
    "рак",
    "сегодня",
    "страхи",
    "учёба",
    "скачать",
    "съезд",
    "мышь",
    "Гороскоп",
    "суки",
    "ещё",
)
MARKS = (
    " ",
    ". ",
    ", ",
    " — ",
    "…",
    "!",
    "?",
    ": ",
    "; ",
    "-",
    "—",
    " -",
    "..",
    "«",
    "»",
    "(",
    ")",
    "  ",
    ".",
    "x",
    "7",
    "\xa0",
)


@given(
    st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(MARKS)), max_size=8).map(
        lambda pieces: "".join(word + mark for word, mark in pieces)
    ),
    st.sampled_from(["leo", "general", ""]),
    st.sampled_from(["day", "month"]),
    st.sampled_from(["2026-11-23", "2026-02-30", ""]),
)
def test_an_ordinary_row_is_one_that_every_rule_step_and_remark_lets_be(text, sign, period, date):
    raw = row(text=text, sign=sign, period=period, date=date)
    if ordinary_rows(read_rows(to_csv([raw]), "part-0000.csv", 1), OPTIONS).to_pylist() == [True]:
        assert first_objection(raw, OPTIONS) is None
        assert clean(text) == (text, ())
        assert first_objection_to_text(raw, text, OPTIONS._replace(min_chars=0)) is None
        assert remarks_on(text) == []


@pytest.mark.parametrize(
    "text", [" ".join(SENTENCES[:5]), "Съезд — это мы. Выходные пройдут тихо…", "День удачен, не спешите!"]
)
def test_ordinary_prose_is_seen_at_once(text):
    assert ordinary_rows(read_rows(to_csv([row(text=text)]), "part-0000.csv", 1), OPTIONS).to_pylist() == [
        True
    ]
