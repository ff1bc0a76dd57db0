"""The rules one row is judged by alone: in come a raw part's rows, out come the rows with a verdict each.

A rule looks at a row and returns why it rejects it, or None. The first rule that objects names the row's
`reason`; what it returned is the `detail`. Rules that compare rows with one another are in `duplicates.py`.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from spark_processing.characters import has_mojibake, has_unusual
from spark_processing.cleaning import Cleaned, clean, comparison_key
from spark_processing.schema import LANGUAGES, PERIODS, RAW_COLUMNS, SIGNS, TOPICS
from spark_processing.shingles import shingles_of

RULES_VERSION = "1"
"""Changed whenever the same raw row may get another verdict or another clean text; the next run then
cleans all anew."""

Row = Dict[str, str]


class Options(NamedTuple):
    """What may differ between datasets; kept in dataset.json, so that one dataset has one set of options."""

    min_chars: int = 300
    max_chars: int = 500
    """Bounds of `clean_text`, inclusive."""
    language: str = "ru"
    periods: Tuple[str, ...] = ("day",)
    """Spans of texts that are kept: a text for a month is no daily horoscope."""
    near_duplicates: str = "mark"
    """`mark` keeps a near duplicate and says so by its `cluster_id`; `reject` does not keep it."""
    similarity: float = 0.5
    """Jaccard similarity of word shingles from which two texts are near duplicates."""

    def as_json(self) -> Dict[str, Any]:
        return {**self._asdict(), "periods": list(self.periods)}


class Judged(NamedTuple):
    """The columns of `schema.JUDGED` after the raw ones."""

    clean_text: Optional[str]
    chars: Optional[int]
    text_hash: Optional[str]
    quality_flags: List[str]
    reason: Optional[str]
    detail: Optional[str]
    shingles: Optional[List[int]]


# --- rules on the row as collected ---

REQUIRED = ("horoscope_id", "date", "sign", "topic", "period", "language", "text", "source")


def empty_field(row: Row, options: Options) -> Optional[str]:
    """A row without one of the fields every horoscope has, or whose date is no day."""
    missing = [name for name in REQUIRED if not row[name].strip()]
    if missing:
        return ", ".join(missing)
    return None if is_day(row["date"]) else f"date {row['date']}"


def is_day(value: str) -> bool:
    try:
        return datetime.date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def pseudo_sign(row: Row, options: Options) -> Optional[str]:
    """A text for everybody, or for a sign that does not exist."""
    return None if row["sign"] in SIGNS else row["sign"]


def unknown_value(row: Row, options: Options) -> Optional[str]:
    """A topic, period or language outside the vocabulary of DATA_FORMAT.md."""
    known = {"topic": TOPICS, "period": PERIODS, "language": LANGUAGES}
    strange = [f"{name} {row[name]}" for name, values in known.items() if row[name] not in values]
    return ", ".join(strange) or None


def wrong_period(row: Row, options: Options) -> Optional[str]:
    return None if row["period"] in options.periods else row["period"]


ROW_RULES = (empty_field, pseudo_sign, unknown_value, wrong_period)

# --- rules on the clean text ---


def broken_text(row: Row, text: str, options: Options) -> Optional[str]:
    """A text whose letters were lost before it reached us."""
    return "encoding" if has_unusual(text) and has_mojibake(text) else None


def wrong_language(row: Row, text: str, options: Options) -> Optional[str]:
    is_plainly_russian = "ы" in text and not has_unusual(text)  # spares most texts the counting
    found = "ru" if is_plainly_russian else language_of(text)
    return None if found == options.language or not text else found


def too_short(row: Row, text: str, options: Options) -> Optional[str]:
    return f"{len(text)} characters" if len(text) < options.min_chars else None


def too_long(row: Row, text: str, options: Options) -> Optional[str]:
    return f"{len(text)} characters" if len(text) > options.max_chars else None


TEXT_RULES = (broken_text, wrong_language, too_short, too_long)

_CYRILLIC = re.compile("[\u0400-\u04ff]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
_FOREIGN_LETTERS = {"be": "ў", "kk": "әғқңөұүһ", "uk": "іїєґ", "sr": "јљњћђџѓќѕ"}
_ENGLISH = re.compile(
    r"\b(?:the|and|you|your|to|of|a|is|in|will|that|it|with|for|be|this|are|on)\b", re.IGNORECASE
)


def language_of(text: str) -> str:
    """`ru`, `en`, another code that the letters give away, or `unknown`.

    Letters decide: Russian is the Cyrillic text without its neighbours' letters; Bulgarian, which has none of
    its own, uses ъ as a vowel and knows no ы, э or ё.
    """
    cyrillic, latin = len(_CYRILLIC.findall(text)), len(_LATIN.findall(text))
    if cyrillic and cyrillic >= 2 * latin:
        return _cyrillic_language(text.lower(), cyrillic)
    if latin > cyrillic:
        return "en" if len(_ENGLISH.findall(text)) * 8 >= len(text.split()) else "latin"
    return "mixed" if cyrillic else "unknown"


def _cyrillic_language(lower: str, letters: int) -> str:
    for language, foreign in _FOREIGN_LETTERS.items():
        if sum(map(lower.count, foreign)) * 100 > letters:
            return language
    is_bulgarian = lower.count("ъ") * 100 > letters and not any(letter in lower for letter in "ыэё")
    return "bg" if is_bulgarian else "ru"


# --- remarks that do not reject ---


def cut_end(text: str) -> bool:
    """The text stops before its sentence does."""
    return not text.rstrip("»)").endswith((".", "!", "?", "…"))


def unbalanced_quotes(text: str) -> bool:
    return text.count("«") != text.count("»") or text.count("(") != text.count(")")


REMARKS: Tuple[Callable[[str], bool], ...] = (cut_end, unbalanced_quotes)

# --- the verdict ---


def judge(row: Row, options: Options) -> Judged:
    """The verdict on one raw row; `reason` is None while the row may be kept."""
    for rule in ROW_RULES:
        detail = rule(row, options)
        if detail is not None:
            return Judged(None, None, None, [], rule.__name__, detail, None)
    cleaned: Cleaned = clean(row["text"])
    for text_rule in TEXT_RULES:
        detail = text_rule(row, cleaned.text, options)
        if detail is not None:
            return Judged(cleaned.text, len(cleaned.text), None, [], text_rule.__name__, detail, None)
    flags = [*cleaned.flags, *(remark.__name__ for remark in REMARKS if remark(cleaned.text))]
    key = comparison_key(cleaned.text)
    return Judged(cleaned.text, len(cleaned.text), hash_of(key), flags, None, None, shingles_of(key))


def judge_rows(rows: Iterable[List[str]], options: Options) -> Iterator[Tuple[Any, ...]]:
    """Raw rows, values in the order of RAW_COLUMNS, each with its verdict behind; `''` becomes None."""
    for values in rows:
        yield (*(value or None for value in values), *judge(dict(zip(RAW_COLUMNS, values)), options))


def hash_of(key: str) -> str:
    """`text_hash`: the same for two prints of one text, whose comparison key this is."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


REASONS = (
    "repeated_id",
    *(rule.__name__ for rule in ROW_RULES),
    *(rule.__name__ for rule in TEXT_RULES),
    "duplicate_text",
    "near_duplicate",
)
"""Every reason a row can be rejected for, in the order in which the rules are asked."""
