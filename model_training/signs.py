"""Which signs a text speaks of. In: a text. Out: the set of signs named in it, in any case and number.

The forms are stems with their endings, held equal to pymorphy3's declensions by a test, so that serving
needs no dictionary in memory. Four names are also everyday words («рак», «весы», «лев», «дева»); they count
only with a capital inside a sentence, or in the plural address at its start («Весам стоит…» but not «весы
покажут»).
"""

import re

STEMS = {
    "aries": r"ов(?:ен|на|ну|ном|не|ны|нов|нам|нами|нах)",
    "taurus": r"тел(?:ец|ьца|ьцу|ьцом|ьце|ьцы|ьцов|ьцам|ьцами|ьцах)",
    "gemini": r"близнец(?:|а|у|ом|е|ы|ов|ам|ами|ах)",
    "cancer": r"рак(?:|а|у|ом|е|и|ов|ам|ами|ах)",
    "leo": r"(?:лев|льв(?:а|у|ом|е|ы|ов|ам|ами|ах))",
    "virgo": r"дев(?:а|ы|е|у|ой|ою||ам|ами|ах)",
    "libra": r"вес(?:ы|ов|ам|ами|ах)",
    "scorpio": r"скорпион(?:|а|у|ом|е|ы|ов|ам|ами|ах)",
    "sagittarius": r"стрел(?:ец|ьца|ьцу|ьцом|ьце|ьцы|ьцов|ьцам|ьцами|ьцах)",
    "capricorn": r"козерог(?:|а|у|ом|е|и|ов|ам|ами|ах)",
    "aquarius": r"водоле(?:й|я|ю|ем|е|и|ев|ям|ями|ях)",
    "pisces": r"рыб(?:а|ы|е|у|ой|ою||ам|ами|ах)",
}
EVERYDAY = {"cancer", "leo", "virgo", "libra", "pisces", "gemini"}
FORMS = {sign: re.compile(rf"\b{stem}\b", re.IGNORECASE) for sign, stem in STEMS.items()}
BEGINNINGS = {
    "aries": ("овн",),
    "taurus": ("тельц",),
    "gemini": ("близнец",),
    "leo": ("льв",),
    "scorpio": ("скорп", "скорпи"),
    "sagittarius": ("стрельц",),
    "capricorn": ("козер", "козеро"),
    "aquarius": ("водоле",),
}
"""Pieces of words that nothing but the sign begins with."""
MAY_NAME = re.compile(
    "|".join([*STEMS.values(), *(s for starts in BEGINNINGS.values() for s in starts)]), re.IGNORECASE
)


def signs_named_by(piece: str) -> set[str]:
    """Signs that a token, as decoded, can only be the name of, or the beginning of the name."""
    word = piece.strip()
    if not MAY_NAME.match(word):
        return set()
    whole = {
        s for s, form in FORMS.items() if form.fullmatch(word) and (s not in EVERYDAY or word[0].isupper())
    }
    return whole | {sign for sign, starts in BEGINNINGS.items() if word.lower() in starts}


def mentioned_signs(text: str) -> set[str]:
    """Signs named in `text`; a lower-case everyday word («рыба на ужин») is no sign."""
    return {
        sign
        for sign, forms in FORMS.items()
        for found in forms.finditer(text)
        if sign not in EVERYDAY or found.group()[0].isupper()
    }
