"""The rules one row is judged by alone: in comes a row and its clean text, out comes the first rule that
objects.

A rule looks at a row and returns why it rejects it, or None. The first rule that objects names the row's
`reason`; what it returned is the `detail`. Rules that compare rows with one another are in `duplicates.py`.
"""

from __future__ import annotations

import datetime
from typing import Any, Dict, NamedTuple, Optional, Tuple

from spark_processing.characters import has_mojibake, has_unusual
from spark_processing.languages import language_of
from spark_processing.schema import LANGUAGES, PERIODS, SIGNS, TOPICS

RULES_VERSION = "2"
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
    long_texts: str = "trim"
    """`trim` keeps the sentences from the start that fit the bounds: four times the texts, a better
    model (EXPERIMENTS.md); `reject` keeps no longer text."""
    without_sources: Tuple[str, ...] = ()
    """Sources that are forgotten: their raw runs do not exist for the dataset."""
    near_duplicates: str = "mark"
    """`mark` keeps a near duplicate and says so by its `cluster_id`; `reject` does not keep it."""
    similarity: float = 0.5
    """Jaccard similarity of word shingles from which two texts are near duplicates."""

    def as_json(self) -> Dict[str, Any]:
        lists = {"periods": list(self.periods), "without_sources": list(self.without_sources)}
        return {**self._asdict(), **lists}


class Objection(NamedTuple):
    """Why a row is not kept."""

    reason: str
    """Name of the rule."""
    detail: str
    """What the rule found."""


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

REASONS = (
    "repeated_id",
    *(rule.__name__ for rule in ROW_RULES),
    *(rule.__name__ for rule in TEXT_RULES),
    "own_output",
    "duplicate_text",
    "near_duplicate",
)
"""Every reason a row can be rejected for, in the order in which the rules are asked."""


def first_objection(row: Row, options: Options) -> Optional[Objection]:
    """What the row rules say of a row as collected; None when it may go on."""
    return next(
        (Objection(r.__name__, d) for r in ROW_RULES for d in [r(row, options)] if d is not None), None
    )


def first_objection_to_text(row: Row, text: str, options: Options) -> Optional[Objection]:
    """What the text rules say of the row's clean text; None when it may go on."""
    return next(
        (Objection(r.__name__, d) for r in TEXT_RULES for d in [r(row, text, options)] if d is not None), None
    )
