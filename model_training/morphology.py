"""Russian words, by the dictionary of pymorphy3. In: a text. Out: the words no dictionary has, neighbours
that do not agree, the lemmas that carry the meaning.

Each check is one that people's texts pass: only pairs whose every reading is wrong count as a mistake.
"""

import functools
import re
from itertools import pairwise
from typing import Any

WORD_OR_MARK = re.compile(r"[^\W\d_]+|[^\w\s]")
CASES = {"loc2": "loct", "loc1": "loct", "gen2": "gent", "gen1": "gent", "acc2": "accs"}
PREPOSITIONS = {
    "в": {"accs", "loct"}, "во": {"accs", "loct"}, "на": {"accs", "loct"}, "о": {"accs", "loct"},
    "об": {"accs", "loct"}, "к": {"datv"}, "ко": {"datv"}, "от": {"gent"}, "до": {"gent"}, "из": {"gent"},
    "у": {"gent"}, "без": {"gent"}, "для": {"gent"}, "после": {"gent"}, "ради": {"gent"}, "среди": {"gent"},
    "над": {"ablt"}, "перед": {"ablt"}, "между": {"ablt", "gent"}, "при": {"loct"}, "через": {"accs"},
    "под": {"ablt", "accs"}, "по": {"datv", "loct", "accs"}, "с": {"ablt", "gent", "accs"},
    "со": {"ablt", "gent", "accs"},
}  # fmt: skip
"""Preposition -> the cases it governs. «за» is left out: «что за человек»."""
STAND_ALONE = {
    *("весь", "сам", "каждый", "другой", "который", "один", "иной", "его", "её", "их", "полный", "лишний"),
    *("свойственный", "достойный", "нужный", "близкий", "готовый", "похожий", "присущий", "подобный"),
    *("должный", "равный", "благодарный", "верный"),
}
"""Adjectives that may stand before a noun without belonging to it: «всем вечер», «полный событий»."""
CONTENT = {"NOUN", "VERB", "INFN", "ADJF", "ADJS", "PRTF", "PRTS", "GRND", "ADVB", "PRED"}


@functools.cache
def _analyzer() -> Any:
    import pymorphy3

    return pymorphy3.MorphAnalyzer()


@functools.lru_cache(200_000)
def _readings(word: str) -> tuple[Any, ...]:
    """All parses of a lower-case word, the likeliest first."""
    return tuple(_analyzer().parse(word))


def tokens_of(text: str) -> list[str]:
    """Lower-case words (hyphens split them) and marks, digits left out."""
    return WORD_OR_MARK.findall(text.lower())


@functools.lru_cache(200_000)
def is_word(word: str) -> bool:
    """Whether the dictionary knows this lower-case form."""
    return bool(_analyzer().word_is_known(word))


def unknown_words(text: str) -> list[str]:
    """Words that are in no dictionary."""
    return [token for token in tokens_of(text) if token[0].isalpha() and not is_word(token)]


def mistakes(text: str) -> list[str]:
    """Pairs of neighbours that no reading makes agree: «вредный плане», «к вечера», «вы зависит»."""
    return [f"{left} {right}" for left, right in pairwise(tokens_of(text)) if _disagree(left, right)]


@functools.lru_cache(200_000)
def _disagree(left: str, right: str) -> bool:
    if not left[0].isalpha() or not right[0].isalpha():
        return False
    before, after = _readings(left), _readings(right)
    is_governed = all(p.tag.POS in ("NOUN", "ADJF") for p in after) and right not in STAND_ALONE
    if left in PREPOSITIONS and is_governed:
        return not any(_case(p) in PREPOSITIONS[left] or "Fixd" in p.tag for p in after)
    if left == "вы" and all(p.tag.POS == "VERB" for p in after):
        return not any(p.tag.number == "plur" and p.tag.person in ("2per", None) for p in after)
    if any(p.tag.POS != "ADJF" or p.normal_form in STAND_ALONE or "Fixd" in p.tag for p in before):
        return False
    if any(p.tag.POS != "NOUN" or "Fixd" in p.tag for p in after):
        return False
    return not any(_agree(a, n) for a in before for n in after)


def _case(parse: Any) -> str | None:
    return CASES.get(parse.tag.case, parse.tag.case)


def _agree(adjective: Any, noun: Any) -> bool:
    if _case(adjective) != _case(noun) or adjective.tag.number != noun.tag.number:
        return False
    genders = {adjective.tag.gender, noun.tag.gender}
    return noun.tag.number == "plur" or None in genders or "ms-f" in noun.tag or len(genders) == 1


@functools.lru_cache(200_000)
def _lemma(word: str) -> str:
    best = _readings(word)[0]
    return best.normal_form if best.tag.POS in CONTENT and "Apro" not in best.tag else ""


def content_lemmas(text: str) -> list[str]:
    """Dictionary forms of nouns, verbs, adjectives and adverbs, in order."""
    return [lemma for token in tokens_of(text) if token[0].isalpha() and (lemma := _lemma(token))]


def content_lemmas_after_not(text: str) -> list[tuple[str, bool]]:
    """The same, each with whether «не» stands right before it."""
    tokens = tokens_of(text)
    return [
        (lemma, before == "не")
        for before, token in zip(["", *tokens], tokens, strict=False)
        if token[0].isalpha() and (lemma := _lemma(token))
    ]
