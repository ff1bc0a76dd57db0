import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spark_processing.cleaning import clean, comparison_key
from spark_processing.page_residue import sentences


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        ("День\u00a0удачен,\u2009а\u202fвечер  тих.", "День удачен, а вечер тих."),
        ("Ёлка — «ещё» зелёная… 25 дней.", "Ёлка — «ещё» зелёная… 25 дней."),
        ('Ваш "план" удачен - дерзайте.', "Ваш «план» удачен — дерзайте."),
        ("Ждите “вестей” – скоро.", "Ждите «вестей» — скоро."),
        ("Терпение...и труд !! Всё   перетрут ,да.", "Терпение… и труд! Всё перетрут, да."),
        ("Споры улягутся.Вечер тих.", "Споры улягутся. Вечер тих."),
        ("Сегодня cегодняшний день нaчнётся c удачи.", "Сегодня сегодняшний день начнётся с удачи."),
        ("♌️ Удача близко 🌟 и рядом ★.", "Удача близко и рядом."),
        ("Се\u00adгодня уда\u0301ча при\u200bдёт.", "Сегодня удача придёт."),
        ("Главное&nbsp;&mdash; покой.<br/>И <b>сон</b>.", "Главное — покой. И сон."),
        ("и\u0306 это краткое.", "й это краткое."),
        ("Ð\u0094ÐµÐ½Ñ\u008c Ñ\u0083Ð´Ð°Ñ\u0087ÐµÐ½.", "День удачен."),
        ("Овен (21 марта — 20 апреля): день удачен.", "день удачен."),
        ("Гороскоп для Овнов на сегодня. День удачен.", "День удачен."),
        ("Гороскоп на сегодня советует Овнам отдых.", "Гороскоп на сегодня советует Овнам отдых."),
        ("День удачен. Читать далее", "День удачен."),
        ("День удачен. Подробнее » Вечер тих.", "День удачен. Вечер тих."),
        ("День удачен. Подписывайтесь на наш телеграм-канал! Вечер тих.", "День удачен. Вечер тих."),
        ("День удачен. Звоните 8 (800) 555-35-35. Вечер тих.", "День удачен. Вечер тих."),
        ("День удачен. Пишите на star@example.ru. Вечер тих.", "День удачен. Вечер тих."),
        ("День удачен. Всё на www.example.ru/today. Вечер тих.", "День удачен. Вечер тих."),
        ("День удачен. Закажите персональный гороскоп. Вечер тих.", "День удачен. Вечер тих."),
        ("Закажите пиццу и отдохните.", "Закажите пиццу и отдохните."),
        ("День удачен. #гороскоп #лев", "День удачен."),
        ("Кто-то из-за угла — кое-что скажет.", "Кто-то из-за угла — кое-что скажет."),
        ("Встреча в 10:30, счёт 3,5 тыс.", "Встреча в 10:30, счёт 3,5 тыс."),
        ("", ""),
        ("★ ★ ★", ""),
    ],
)
def test_a_text_becomes_what_a_model_may_learn(published, expected):
    assert clean(published).text == expected


def test_each_change_leaves_its_name():
    assert clean("Овен: день удачен - да. Читать далее").flags == (
        "heading_removed",
        "residue_removed",
        "typography_repaired",
    )


def test_ordinary_prose_is_left_alone():
    text = "Утро пройдёт спокойно — звёзды на вашей стороне. «Да», — скажете вы (и не раз)…"
    assert clean(text) == (text, ())


def test_a_broken_encoding_is_left_for_the_rule_that_rejects_it():
    lost = "Ð½Ð¾Ð²Ñ\u008bÑ Ð·Ð½Ð°Ð½Ð¸Ð¹"
    assert clean(lost) == (lost, ())


PIECES = st.sampled_from(
    [
        "слово",
        "Слово",
        "ёж",
        "word",
        "cлово",
        " ",
        "  ",
        "\xa0",
        ".",
        "...",
        "…",
        ",",
        " ,",
        "!",
        "?!",
        "«",
        "»",
        '"',
        "-",
        " - ",
        "—",
        "–",
        "(",
        ")",
        ":",
        ";",
        "&amp;lt;b>",
        "<br>",
        "&quot;",
        "Читать далее",
        "Подробнее",
        "Овен: ",
        "www.a.ru",
        "@канал",
        "#тег",
        "★",
        "8 800 555 35 35",
        "й",
        "\xad",
        "Гороскоп для Овнов. ",
        "10:30",
        "\n",
    ]
)


@given(st.lists(PIECES, max_size=14).map("".join))
@example('"- -"')
@example("&amp;amp;lt;b>")
def test_cleaning_twice_equals_once(text):
    once = clean(text).text
    assert clean(once) == (once, ())


@given(st.text(max_size=80))
def test_cleaning_any_text_twice_equals_once(text):
    once = clean(text).text
    assert clean(once) == (once, ())


@given(st.lists(PIECES, max_size=14).map("".join))
def test_sentences_joined_give_the_text_again(text):
    clean_text = clean(text).text
    assert " ".join(sentences(clean_text)) == clean_text


def test_two_prints_of_one_text_have_one_key():
    assert (
        comparison_key("Всё — «хорошо», 100 раз!")
        == comparison_key("все хорошо 100  раз")
        == "все хорошо 100 раз"
    )
