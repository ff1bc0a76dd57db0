"""Sign names and printed dates, in every shape a site gives them."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.base import days_asked
from scraper.days import MOSCOW, parse_day, printed_dates
from scraper.items import SIGNS
from scraper.signs import sign_in, signs_in
from tests.scraper.pages import MONTHS

NEAR = dt.date(2026, 11, 20)
FORMS = {
    "aries": "Овен Овна Овну Овном Овне Овны Овнов Овнам Овнами Овнах Aries ♈",
    "taurus": "Телец Тельца Тельцу Тельцом Тельце Тельцы Тельцов Тельцам Тельцами Тельцах Taurus ♉",
    "gemini": "Близнецы Близнецов Близнецам Близнецами Близнецах Gemini ♊",
    "cancer": "Рак Рака Раку Раком Раке Раки Раков Ракам Раками Раках Cancer ♋",
    "leo": "Лев Льва Льву Львом Льве Львы Львов Львам Львами Львах Leo ♌",
    "virgo": "Дева Девы Деве Деву Девой Дев Девам Девами Девах Virgo ♍",
    "libra": "Весы Весов Весам Весами Весах Libra ♎",
    "scorpio": "Скорпион Скорпиона Скорпиону Скорпионом Скорпионе Скорпионы Скорпионов Скорпионам Scorpio ♏",
    "sagittarius": "Стрелец Стрельца Стрельцу Стрельцом Стрельце Стрельцы Стрельцов Стрельцам Sagittarius ♐",
    "capricorn": "Козерог Козерога Козерогу Козерогом Козероге Козероги Козерогов Козерогам Capricorn ♑",
    "aquarius": "Водолей Водолея Водолею Водолеем Водолее Водолеи Водолеев Водолеям Водолеями Aquarius ♒",
    "pisces": "Рыбы Рыб Рыбам Рыбами Рыбах Pisces ♓",
}


@pytest.mark.parametrize("sign", SIGNS)
def test_a_sign_is_recognised_in_every_case_number_and_alphabet(sign):
    for form in FORMS[sign].split():
        for written in (
            form,
            form.upper(),
            form.lower(),
            f"Гороскоп для: {form}!",
            f"«{form}» (21.03–20.04)",
        ):
            assert sign_in(written) == sign, written


@pytest.mark.parametrize(
    "words",
    ["", "Гороскоп на сегодня", "левый берег", "ракета", "девушка", "весна", "рыбалка", "овник", "весомо"],
)
def test_ordinary_words_are_no_sign(words):
    assert sign_in(words) is None


def test_a_label_with_two_signs_names_none():
    assert sign_in("Овен и Телец") is None
    assert signs_in("Овен и Телец") == {"aries", "taurus"}


@given(st.sampled_from(SIGNS), st.text(alphabet=" .,:;!—«»()", max_size=12))
def test_punctuation_around_a_name_changes_nothing(sign, noise):
    for form in FORMS[sign].split():
        assert sign_in(noise + form + noise) == sign


@pytest.mark.parametrize(
    ("words", "day"),
    [
        ("Прогноз на 20 ноября. Обновлено", NEAR),
        ("среда, 20 Ноября 2024 года", dt.date(2024, 11, 20)),
        ("20.11.2026", NEAR),
        ("2026-11-20T00:00", NEAR),
        ("Nov 20, 2026 - today", NEAR),
        ("November 20, 2026", NEAR),
        ("на 3 мая", dt.date(2027, 5, 3)),  # nearer than the May before
        ("1 января", dt.date(2027, 1, 1)),
    ],
)
def test_a_printed_date_is_understood(words, day):
    assert [found.day for found in printed_dates(words, NEAR)] == [day]


@pytest.mark.parametrize(
    "words", ["31.02.2026", "45 ноября", "29 февраля 2025", "20.11", "встреча в 11.20", ""]
)
def test_what_is_no_day_is_no_date(words):
    assert printed_dates(words, NEAR) == []


@given(st.dates(dt.date(2004, 1, 1), dt.date(2040, 12, 31)))
def test_a_day_survives_each_way_of_printing_it(day):
    russian = f"{day.day} {MONTHS[day.month - 1]}"
    for printed in (day.isoformat(), f"{day:%d.%m.%Y}", f"{russian} {day.year}", russian):
        assert printed_dates(printed, near=day)[0].day == day


def test_days_of_a_spider():
    assert days_asked({"date": "tomorrow"}, NEAR) == [dt.date(2026, 11, 21)]
    assert days_asked({}, NEAR) == [NEAR]
    assert days_asked({"date_from": "2026-11-18", "date_to": "today"}, NEAR) == [
        dt.date(2026, 11, d) for d in (18, 19, 20)
    ]
    assert days_asked({"days": "2026-11-19,2026-11-18"}, NEAR) == [
        dt.date(2026, 11, 18),
        dt.date(2026, 11, 19),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        {"date": "2026-13-40"},
        {"date": "20.11.2026"},
        {"date": "2026-11-20", "date_from": "2026-11-19"},
        {"date_from": "2026-11-19"},
        {"date_from": "2026-11-20", "date_to": "2026-11-19"},
        {"days": ""},
    ],
)
def test_days_that_make_no_sense_are_refused_in_one_line(arguments):
    with pytest.raises(ValueError, match=r"expected .*, found .*"):
        days_asked(dict(arguments), NEAR)


def test_a_day_is_a_day_in_moscow():
    assert dt.datetime(2026, 11, 20, 22, tzinfo=dt.UTC).astimezone(MOSCOW).date() == dt.date(2026, 11, 21)
    assert parse_day("yesterday", NEAR) == dt.date(2026, 11, 19)
