"""The twelve signs in every Russian case, with the gender and element that texts agree with.

In: nothing. Out: `SIGNS`, English slug -> `Sign`. Case keys are those the fragments use: `nom gen dat acc ins
pre` are the people of a sign (Овны, Овнам), `sg`, `sg_gen` … the sign itself (Овен, Овну), `en` in English.
"""

from __future__ import annotations

from dataclasses import dataclass

CASES = ("nom", "gen", "dat", "acc", "ins", "pre")


@dataclass(frozen=True)
class Sign:
    """One sign: its English slug, its words by case key, its gender and its element."""

    slug: str
    words: dict[str, str]
    gender: int
    """Which form of `готов/готова/готовы` the sign itself takes: 0 masculine, 1 feminine, 2 plural."""
    element: str


def _sign(slug: str, gender: int, element: str, singular: str, plural: str) -> Sign:
    words = dict(zip(CASES, plural.split(), strict=True))
    names = ["sg", *(f"sg_{case}" for case in CASES[1:])]
    words.update(zip(names, singular.split(), strict=True))
    words["en"] = slug.capitalize()
    return Sign(slug, words, gender, element)


_MASCULINE, _FEMININE, _PLURAL = range(3)
_TWINS = "Близнецы Близнецов Близнецам Близнецов Близнецами Близнецах"
_SCALES = "Весы Весов Весам Весов Весами Весах"
_FISH = "Рыбы Рыб Рыбам Рыб Рыбами Рыбах"
# fmt: off
SIGNS = {
    sign.slug: sign
    for sign in (
        _sign("aries", _MASCULINE, "fire", "Овен Овна Овну Овна Овном Овне",
              "Овны Овнов Овнам Овнов Овнами Овнах"),
        _sign("taurus", _MASCULINE, "earth", "Телец Тельца Тельцу Тельца Тельцом Тельце",
              "Тельцы Тельцов Тельцам Тельцов Тельцами Тельцах"),
        _sign("gemini", _PLURAL, "air", _TWINS, _TWINS),
        _sign("cancer", _MASCULINE, "water", "Рак Рака Раку Рака Раком Раке",
              "Раки Раков Ракам Раков Раками Раках"),
        _sign("leo", _MASCULINE, "fire", "Лев Льва Льву Льва Львом Льве",
              "Львы Львов Львам Львов Львами Львах"),
        _sign("virgo", _FEMININE, "earth", "Дева Девы Деве Деву Девой Деве",
              "Девы Дев Девам Дев Девами Девах"),
        _sign("libra", _PLURAL, "air", _SCALES, _SCALES),
        _sign("scorpio", _MASCULINE, "water", "Скорпион Скорпиона Скорпиону Скорпиона Скорпионом Скорпионе",
              "Скорпионы Скорпионов Скорпионам Скорпионов Скорпионами Скорпионах"),
        _sign("sagittarius", _MASCULINE, "fire", "Стрелец Стрельца Стрельцу Стрельца Стрельцом Стрельце",
              "Стрельцы Стрельцов Стрельцам Стрельцов Стрельцами Стрельцах"),
        _sign("capricorn", _MASCULINE, "earth", "Козерог Козерога Козерогу Козерога Козерогом Козероге",
              "Козероги Козерогов Козерогам Козерогов Козерогами Козерогах"),
        _sign("aquarius", _MASCULINE, "air", "Водолей Водолея Водолею Водолея Водолеем Водолее",
              "Водолеи Водолеев Водолеям Водолеев Водолеями Водолеях"),
        _sign("pisces", _PLURAL, "water", _FISH, _FISH),
    )
}
# fmt: on
