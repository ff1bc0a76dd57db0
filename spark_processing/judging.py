"""A raw part's rows judged one by one: in come the tables of some files, out comes one table with a verdict
on each row.

Ordinary rows are judged by whole columns, the others by Python, rule by rule. The file is also where
boilerplate shows: a sentence that stands in many different texts of one source and day was put there by the
page, and is taken out before the texts are judged.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any, Dict, FrozenSet, List, NamedTuple, Optional, Set

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_processing.cleaning import Cleaned, clean, comparison_key
from spark_processing.ordinary import one_chunk, ordinary_rows
from spark_processing.own_output import Published
from spark_processing.page_residue import sentences
from spark_processing.remarks import remarks_on
from spark_processing.rules import Objection, Options, Row, first_objection, first_objection_to_text
from spark_processing.schema import JUDGED, RAW_COLUMNS
from spark_processing.shingles import shingles_of

BOILERPLATE_TEXTS = 5
BOILERPLATE_SHARE = 0.5
"""A sentence is boilerplate from so many different texts of a file on, and from this share of them."""


class Judged(NamedTuple):
    """What becomes of a row by itself."""

    text: Optional[str]
    """The clean text, None where a rule rejected the row before cleaning."""
    flags: List[str]
    objection: Optional[Objection]


class Suspect(NamedTuple):
    """A row that is not ordinary, as far as it is judged."""

    row: Row
    objection: Optional[Objection]
    cleaned: Cleaned


def judge_parts(parts: List[pa.Table], options: Options, published: Published) -> pa.Table:
    """The raw rows of parts, `''` for what is absent, as `schema.JUDGED`, where it is null; part after
    part."""
    raw = pa.concat_tables(parts).combine_chunks()
    texts = one_chunk(raw.column("text")).to_pylist()
    suspects = find_suspects(raw, options)
    for number, suspect in suspects.items():
        texts[number] = suspect.cleaned.text
    boilerplate: Dict[int, FrozenSet[str]] = {}
    column, begin = pa.array(texts, pa.string()), 0
    for part in parts:
        sentences_of_page = repeated_sentences(column.slice(begin, part.num_rows))
        if sentences_of_page:
            numbers = range(begin, begin + part.num_rows)
            boilerplate.update(dict.fromkeys(numbers, sentences_of_page))
            rows = raw.slice(begin, part.num_rows).to_pylist()
            for number, row in zip(numbers, rows):
                suspects.setdefault(number, Suspect(row, None, Cleaned(row["text"], ())))
        begin += part.num_rows
    judged = {
        number: Judged(None, [], objection)
        if objection
        else judge(row, without(boilerplate.get(number, frozenset()), cleaned), options)
        for number, (row, objection, cleaned) in sorted(suspects.items())
    }
    return with_likeness(judge_rows(raw, judged, options), published)


def find_suspects(raw: pa.Table, options: Options) -> Dict[int, Suspect]:
    """The rows that are not ordinary by their numbers, cleaned where no rule on the row objects."""
    is_ordinary = ordinary_rows(raw, options)
    if options.long_texts == "trim":
        fits = pc.less_equal(pc.utf8_length(one_chunk(raw.column("text"))), options.max_chars)
        is_ordinary = pc.and_(is_ordinary, fits)
    numbers = np.flatnonzero(~is_ordinary.to_numpy(zero_copy_only=False))
    suspects = {}
    for number, row in zip(numbers.tolist(), raw.take(pa.array(numbers)).to_pylist()):
        objection = first_objection(row, options)
        suspects[number] = Suspect(row, objection, clean("" if objection else row["text"]))
    return suspects


def judge_rows(raw: pa.Table, judged: Dict[int, Judged], options: Options) -> pa.Table:
    """All rows with their verdicts: those judged already, and the ordinary ones, of which only the length is
    open."""
    text = one_chunk(raw.column("text"))
    chars = pc.utf8_length(text)
    short, long = pc.less(chars, options.min_chars), pc.greater(chars, options.max_chars)
    nothing = pa.nulls(raw.num_rows, pa.string())
    reason = pc.if_else(short, "too_short", pc.if_else(long, "too_long", nothing))
    detail = pc.binary_join_element_wise(pc.cast(chars, pa.string()), "characters", " ")
    columns = {
        **{name: absent_as_null(one_chunk(raw.column(name))) for name in RAW_COLUMNS},
        "clean_text": text,
        "chars": chars,
        "reason": reason,
        "detail": pc.if_else(pc.is_valid(reason), detail, nothing),
    }
    where = np.zeros(raw.num_rows, bool)
    where[list(judged)] = True
    verdicts = list(judged.values())
    found: Dict[str, List[Any]] = {
        "clean_text": [verdict.text for verdict in verdicts],
        "chars": [None if verdict.text is None else len(verdict.text) for verdict in verdicts],
        "reason": [verdict.objection and verdict.objection.reason for verdict in verdicts],
        "detail": [verdict.objection and verdict.objection.detail for verdict in verdicts],
    }
    for name, values in found.items():
        columns[name] = with_values(columns[name], where, values)
    flags: List[List[str]] = [[]] * raw.num_rows
    for number, verdict in judged.items():
        flags[number] = verdict.flags
    columns["quality_flags"] = pa.array(flags, JUDGED.field("quality_flags").type)
    rows = raw.num_rows
    filled = [columns[f.name] if f.name in columns else pa.nulls(rows, f.type) for f in JUDGED]
    return pa.Table.from_arrays(filled, schema=JUDGED)


def absent_as_null(column: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)


def judge(row: Row, cleaned: Cleaned, options: Options) -> Judged:
    """The verdict on a row that the row rules let pass, by its clean text."""
    cleaned = trimmed(cleaned, options) if options.long_texts == "trim" else cleaned
    objection = first_objection_to_text(row, cleaned.text, options)
    return Judged(cleaned.text, [] if objection else [*cleaned.flags, *remarks_on(cleaned.text)], objection)


def with_likeness(judged: pa.Table, published: Published) -> pa.Table:
    """Adds to rows that may be kept what they are compared by; what we published ourselves is rejected."""
    where = pc.is_null(judged.column("reason")).to_numpy()
    rows = judged.select(["clean_text", "fetched_at"]).filter(pa.array(where))
    keys = [comparison_key(text) for text in one_chunk(rows.column("clean_text")).to_pylist()]
    shingles: List[Optional[bytes]] = [*shingles_of(keys)]
    hashes: List[Optional[str]] = [hash_of(key) for key in keys]
    found: Dict[str, List[Any]] = {"text_hash": hashes, "shingles": shingles}
    if published:
        fetched = one_chunk(rows.column("fetched_at")).to_pylist()
        sources = [published.resembling(own, at or "") for own, at in zip(shingles_of(keys), fetched)]
        for number, source in enumerate(sources):
            if source:
                hashes[number] = shingles[number] = None
        found.update(
            reason=[source and "own_output" for source in sources],
            detail=[source and f"published for {source.day}" for source in sources],
            matched_id=[source and source.name for source in sources],
            similarity=[source and source.similarity for source in sources],
        )
    for name, values in found.items():
        column = with_values(one_chunk(judged.column(name)), where, values)
        judged = judged.set_column(judged.schema.get_field_index(name), JUDGED.field(name), column)
    return judged


def with_values(column: pa.Array, where: np.ndarray, values: List[Any]) -> pa.Array:
    """The column with these values where the mask says so, in their order."""
    place = np.full(len(column), -1)
    place[where] = np.arange(len(values))
    taken = pa.array(values, column.type).take(pa.array(place, mask=~where))
    return pc.if_else(pa.array(where), taken, column)


def repeated_sentences(texts: pa.Array) -> FrozenSet[str]:
    """The boilerplate of one file, from its clean texts."""
    different = pc.unique(texts)
    least = max(
        BOILERPLATE_TEXTS, BOILERPLATE_SHARE * (len(different) - pc.sum(pc.equal(different, "")).as_py())
    )
    if not has_repeated_piece(different, least):
        return frozenset()
    found: Set[str] = set(different.to_pylist()) - {""}
    counts = Counter(sentence for text in found for sentence in set(sentences(text)))
    return frozenset(sentence for sentence, texts_with_it in counts.items() if texts_with_it >= least)


def has_repeated_piece(texts: pa.Array, least: float) -> bool:
    """The look before the sentences are counted: a sentence that repeats has pieces between marks that do."""
    if len(texts) < BOILERPLATE_TEXTS:
        return False
    pieces = pc.value_counts(pc.split_pattern_regex(texts, r"[.!?…][»)]*(?:\s+|$)").flatten())
    counts = pieces.field("counts").filter(pc.not_equal(pieces.field("values"), ""))
    return bool((pc.max(counts).as_py() or 0) >= least)


def without(boilerplate: FrozenSet[str], cleaned: Cleaned) -> Cleaned:
    if not boilerplate:
        return cleaned
    kept = " ".join(sentence for sentence in sentences(cleaned.text) if sentence not in boilerplate)
    if kept == cleaned.text:
        return cleaned
    return Cleaned(clean(kept).text, (*cleaned.flags, "boilerplate_removed"))


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
