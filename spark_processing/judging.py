"""A raw part's rows judged one by one: in come the rows of one file, out come the rows with a verdict each.

The file is also where boilerplate shows: a sentence that stands in many different texts of one source and day
was put there by the page, and is taken out before the texts are judged.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any, FrozenSet, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from spark_processing.cleaning import Cleaned, clean, comparison_key
from spark_processing.own_output import Published
from spark_processing.page_residue import sentences
from spark_processing.remarks import remarks_on
from spark_processing.rules import Objection, Options, Row, first_objection, first_objection_to_text
from spark_processing.schema import RAW_COLUMNS
from spark_processing.shingles import shingles_of

BOILERPLATE_TEXTS = 5
BOILERPLATE_SHARE = 0.5
"""A sentence is boilerplate from so many different texts of a file on, and from this share of them."""


class Judged(NamedTuple):
    """The columns of `schema.JUDGED` after the raw ones."""

    clean_text: Optional[str]
    chars: Optional[int]
    text_hash: Optional[str]
    quality_flags: List[str]
    reason: Optional[str]
    """None while the row may be kept."""
    detail: Optional[str]
    shingles: Optional[List[int]]


def judge_part(rows: List[List[str]], options: Options, published: Published) -> Iterator[Tuple[Any, ...]]:
    """Raw rows, values in the order of RAW_COLUMNS, each with its verdict behind; `''` becomes None."""
    table = [dict(zip(RAW_COLUMNS, values)) for values in rows]
    objections = [first_objection(row, options) for row in table]
    cleaned = [clean("" if objection else row["text"]) for row, objection in zip(table, objections)]
    boilerplate = repeated_sentences({text for text, _ in cleaned})
    for row, objection, text in zip(table, objections, cleaned):
        verdict = (
            rejected(objection, None)
            if objection
            else judge(row, without(boilerplate, text), options, published)
        )
        yield (*(value or None for value in row.values()), *verdict)


def judge(row: Row, cleaned: Cleaned, options: Options, published: Published) -> Judged:
    """The verdict on a row that the row rules let pass, by its clean text."""
    cleaned = trimmed(cleaned, options) if options.long_texts == "trim" else cleaned
    text = cleaned.text
    objection = first_objection_to_text(row, text, options)
    if objection:
        return rejected(objection, text)
    key = comparison_key(text)
    shingles = shingles_of(key)
    day = published.resembling(shingles, row["fetched_at"])
    if day:
        return rejected(Objection("own_output", f"published for {day}"), text)
    return Judged(text, len(text), hash_of(key), [*cleaned.flags, *remarks_on(text)], None, None, shingles)


def rejected(objection: Objection, text: Optional[str]) -> Judged:
    return Judged(
        text, None if text is None else len(text), None, [], objection.reason, objection.detail, None
    )


def repeated_sentences(texts: Iterable[str]) -> FrozenSet[str]:
    """The boilerplate of one file, from its different clean texts."""
    found: Set[str] = set(texts) - {""}
    counts = Counter(sentence for text in found for sentence in set(sentences(text)))
    least = max(BOILERPLATE_TEXTS, BOILERPLATE_SHARE * len(found))
    return frozenset(sentence for sentence, texts_with_it in counts.items() if texts_with_it >= least)


def without(boilerplate: FrozenSet[str], cleaned: Cleaned) -> Cleaned:
    kept = (
        [sentence for sentence in sentences(cleaned.text) if sentence not in boilerplate]
        if boilerplate
        else []
    )
    if not boilerplate or " ".join(kept) == cleaned.text:
        return cleaned
    again = clean(" ".join(kept))
    return Cleaned(again.text, (*cleaned.flags, "boilerplate_removed"))


def trimmed(cleaned: Cleaned, options: Options) -> Cleaned:
    """A text over the upper bound, cut after the last sentence that fits; left alone when too little would
    remain."""
    if len(cleaned.text) <= options.max_chars:
        return cleaned
    kept = ""
    for sentence in sentences(cleaned.text):
        longer = f"{kept} {sentence}".strip()
        if len(longer) > options.max_chars:
            break
        kept = longer
    return Cleaned(kept, (*cleaned.flags, "trimmed")) if len(kept) >= options.min_chars else cleaned


def hash_of(key: str) -> str:
    """`text_hash`: the same for two prints of one text, whose comparison key this is."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]
