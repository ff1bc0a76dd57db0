"""What a human should look at: in come the ledger of the new part and those before it, out come named
warnings.

A warning stops nothing: it is in the ledger, in the job's summary and on stderr, and whoever calls the job
decides.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, Iterable, List, NamedTuple

LEAST_ROWS = 24
"""Two days of one source: fewer rows say nothing about it."""
LOST_MORE = 0.3
RARE_SIGN = 0.9
COPIED = 0.5
COPIES = ("duplicate_text", "near_duplicate")
COLLECTED_AGAIN = "repeated_id"


class Warned(NamedTuple):
    name: str
    detail: str


def find_warnings(ledger: Dict[str, Any], earlier: List[Dict[str, Any]]) -> List[Warned]:
    return [*sources_that_lost_more(ledger, earlier), *rare_signs(ledger), *copying_sources(ledger)]


def sources_that_lost_more(ledger: Dict[str, Any], earlier: List[Dict[str, Any]]) -> Iterable[Warned]:
    """`source_lost_more`: far more of a source was rejected than ever before, most likely its page has
    changed."""
    before = _verdicts_by_source(earlier)
    for source, now in sorted(_verdicts_by_source([ledger]).items()):
        past = before.get(source, Counter())
        if min(_fresh(now), _fresh(past)) >= LEAST_ROWS and _lost(now) > _lost(past) + LOST_MORE:
            detail = f"{source} lost {_lost(now):.0%} of its rows, {_lost(past):.0%} before"
            yield Warned("source_lost_more", detail)


def rare_signs(ledger: Dict[str, Any]) -> Iterable[Warned]:
    """`rare_sign`: a sign has over a tenth fewer kept texts than the signs have on average."""
    kept = Counter({line["sign"]: 0 for line in ledger["by_source_sign"] if line["kept"]})
    for line in ledger["by_source_sign"]:
        kept[line["sign"]] += line["kept"]
    mean = ledger["kept"] / 12
    if ledger["kept"] >= LEAST_ROWS * 12:
        for sign, texts in sorted(kept.items()):
            if 0 < texts < RARE_SIGN * mean:
                yield Warned("rare_sign", f"{sign} has {texts} texts, the signs have {mean:.0f} on average")


def copying_sources(ledger: Dict[str, Any]) -> Iterable[Warned]:
    """`copying_source`: most of what a source sent is in the dataset already, or nearly so."""
    for source, now in sorted(_verdicts_by_source([ledger]).items()):
        copied = sum(now[reason] for reason in COPIES)
        if _fresh(now) >= LEAST_ROWS and copied > COPIED * _fresh(now):
            yield Warned("copying_source", f"{copied} of {_fresh(now)} rows of {source} repeat other texts")


def _verdicts_by_source(ledgers: List[Dict[str, Any]]) -> Dict[str, Counter]:
    verdicts: Dict[str, Counter] = {}
    for ledger in ledgers:
        for line in ledger["by_source_sign"]:
            verdicts.setdefault(line["source"], Counter()).update({"": line["kept"], **line["rejected"]})
    return verdicts


def _fresh(verdicts: Counter) -> int:
    """Rows that had not been collected before."""
    return sum(verdicts.values()) - verdicts[COLLECTED_AGAIN]


def _lost(verdicts: Counter) -> float:
    """Share of the fresh rows that a rule rejected for what they are, not for being copies."""
    lost = _fresh(verdicts) - verdicts[""] - sum(verdicts[reason] for reason in COPIES)
    return lost / max(1, _fresh(verdicts))
