"""Which raw rows are ordinary: in comes a table of raw rows, out comes a mask.

Three quarters of real texts need no cleaning step, break no rule and deserve no remark. A few passes of RE2
over whole Arrow columns find them at a tenth of the price of asking each rule in Python, and only the others
are asked. The look is sound, not complete: what it lets pass, `clean` would leave as it is,
`first_objection` would let pass and `remarks_on` would be silent about (tests hold it to that); it may well
miss some.
"""

from __future__ import annotations

from functools import reduce
from typing import Any, Tuple

import pyarrow as pa
import pyarrow.compute as pc

from spark_processing.page_residue import HEADING_STARTS, MARKERS
from spark_processing.remarks import DANGEROUS, PROFANE
from spark_processing.rules import Options, is_day
from spark_processing.schema import LANGUAGES, SIGNS, TOPICS

_LETTERS_AND_MARKS = "[^А-Яа-яЁё .,!?:;—…-]"
_BADLY_SET = (
    r"  | [,.!?:;…-]|[,;:!?…][А-Яа-яЁё]|\.[А-ЯЁ]|[^ ]—|—[^ ]|-[ -]|\.\.|!!|\?\?|,,|^[ ,.:;!?…—-]|[ ,:;—-]$"
)
NEEDS_WORK = f"{_LETTERS_AND_MARKS}|{_BADLY_SET}"
"""The looks of `characters` and `typography` in RE2, which has no look-around: it matches where they would,
and at quotes and brackets, which may want their other half."""

_ALONE = "(?:^|[^а-яё])(?:{})(?:[^а-яё]|$)"
NEEDS_A_LOOK = "|".join(
    (
        _ALONE.format("|".join(sorted(MARKERS))),
        f"^[^а-яё]*(?:{HEADING_STARTS})",
        PROFANE.replace(r"\b", "(?:^|[^а-яё])", 1).replace(r"\b", ""),
        DANGEROUS,
    )
)
"""On the text in lower case: words that page residue, headings and remarks are made of."""

WHOLE = "[.!?…]$"
"""How a text ends that was not cut."""


def ordinary_rows(raw: pa.Table, options: Options) -> pa.Array:
    """True where a row is in order as it is; only its length, its hash and its likeness to others are
    open."""
    text = one_chunk(raw.column("text"))
    if options.language != "ru":
        return pa.array([False] * raw.num_rows, pa.bool_())
    looks = [
        *(among(raw.column(name), values) for name, values in vocabulary(options)),
        *(
            pc.match_substring_regex(one_chunk(raw.column(name)), "[0-9a-z]")
            for name in ("horoscope_id", "source")
        ),
        is_among_days(one_chunk(raw.column("date"))),
        pc.match_substring_regex(text, "ы|^[^ъ]*$"),  # a text with ъ and no ы may be Bulgarian
        pc.match_substring_regex(text, WHOLE),
        pc.invert(pc.match_substring_regex(text, NEEDS_WORK)),
        pc.invert(pc.match_substring_regex(pc.utf8_lower(text), NEEDS_A_LOOK)),
    ]
    return reduce(pc.and_, looks)


def vocabulary(options: Options) -> Tuple[Tuple[str, Tuple[str, ...]], ...]:
    return (("sign", SIGNS), ("topic", TOPICS), ("period", options.periods), ("language", LANGUAGES))


def among(column: Any, values: Tuple[str, ...]) -> pa.Array:
    return pc.is_in(one_chunk(column), value_set=pa.array(values, pa.string()))


def is_among_days(dates: pa.Array) -> pa.Array:
    """True for ISO dates; a file holds few different ones."""
    return among(dates, tuple(day for day in pc.unique(dates).to_pylist() if is_day(day)))


def one_chunk(column: Any) -> pa.Array:
    """A table's column as one array."""
    if isinstance(column, pa.ChunkedArray) and column.num_chunks == 1:
        return column.chunk(0)
    if isinstance(column, pa.ChunkedArray):
        return pa.concat_arrays([pa.array([], column.type), *column.chunks])
    return column
