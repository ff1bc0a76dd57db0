"""What a human should look at: in come the ledger of the new part and those before it, out come named
warnings.

A warning stops nothing: it is in the ledger, in the job's summary and on stderr, and whoever calls the job
decides.
"""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import Any, Dict, Iterable, List, NamedTuple, Sequence

from spark_processing.ledger import LedgerError
from spark_processing.schema import SIGNS

LEAST_ROWS = 24
"""Two days of one source: fewer rows say nothing about it."""
LOST_MORE = 0.3
RARE_SIGN = 0.9
COPIED = 0.5
LESS_DIVERSE = 0.7
COPIES = ("duplicate_text", "near_duplicate")
COLLECTED_AGAIN = "repeated_id"


MOST_COPIED = 0.9
"""A source that did not copy before may lose this share to duplicates before a human is asked."""


class LossError(LedgerError):
    """A source would lose more than a program should decide; the message names the option that allows it."""


class Warned(NamedTuple):
    name: str
    detail: str


def find_warnings(ledger: Dict[str, Any], earlier: List[Dict[str, Any]]) -> List[Warned]:
    return [
        *lost_more("source", ledger, earlier),
        *lost_more("sign", ledger, earlier),
        *rare_signs([*earlier, ledger]),
        *copying_sources(ledger),
        *less_diverse_sources(ledger, earlier),
    ]


def lost_more(name: str, ledger: Dict[str, Any], earlier: List[Dict[str, Any]]) -> Iterable[Warned]:
    """`source_lost_more`, `sign_lost_more`: far more of it was rejected than ever before, most likely a page
    has changed."""
    before = _verdicts_by(name, earlier)
    for value, now in sorted(_verdicts_by(name, [ledger]).items()):
        past = before.get(value, Counter())
        if min(_fresh(now), _fresh(past)) >= LEAST_ROWS and _lost(now) > _lost(past) + LOST_MORE:
            detail = f"{value} lost {_lost(now):.0%} of its rows, {_lost(past):.0%} before"
            yield Warned(f"{name}_lost_more", detail)


def rare_signs(ledgers: List[Dict[str, Any]]) -> Iterable[Warned]:
    """`rare_sign`: over the whole dataset a sign has over a tenth fewer texts than the signs have on
    average."""
    kept = {sign: verdicts[""] for sign, verdicts in _verdicts_by("sign", ledgers).items()}
    mean = sum(kept.get(sign, 0) for sign in SIGNS) / len(SIGNS)
    for sign in SIGNS if mean >= LEAST_ROWS else ():
        if kept.get(sign, 0) < RARE_SIGN * mean:
            yield Warned(
                "rare_sign", f"{sign} has {kept.get(sign, 0)} texts, the signs have {mean:.0f} on average"
            )


def copying_sources(ledger: Dict[str, Any]) -> Iterable[Warned]:
    """`copying_source`: most of what a source sent is in the dataset already, or nearly so."""
    for source, now in sorted(_verdicts_by("source", [ledger]).items()):
        if _fresh(now) >= LEAST_ROWS and _copied(now) > COPIED:
            detail = f"{_copied(now):.0%} of {_fresh(now)} rows of {source} repeat other texts"
            yield Warned("copying_source", detail)


def refuse_sudden_copies(
    ledger: Dict[str, Any], earlier: List[Dict[str, Any]], accepted: Sequence[str]
) -> None:
    """LossError for sources that suddenly lose nearly everything to duplicates, but those accepted: either
    the site has begun to copy, or texts that differ are taken for the same."""
    before = _verdicts_by("source", earlier)
    for source, now in sorted(_verdicts_by("source", [ledger]).items()):
        past = before.get(source, Counter())
        enough = min(_fresh(now), _fresh(past)) >= LEAST_ROWS
        if enough and _copied(now) > MOST_COPIED >= COPIED >= _copied(past) and source not in accepted:
            raise LossError(
                f"expected {source} to lose at most {MOST_COPIED:.0%} of its fresh rows to duplicates, found "
                f"{_copied(now):.0%}, {_copied(past):.0%} before; look at its pages, then go on with "
                f"--accept-loss {source}"
            )


def less_diverse_sources(ledger: Dict[str, Any], earlier: List[Dict[str, Any]]) -> Iterable[Warned]:
    """`less_diverse`: a source says fewer different things than it did: its texts may come from a machine
    now."""
    past: Dict[str, List[float]] = {}
    for line in (line for known in earlier for line in known["diversity"]):
        past.setdefault(line["source"], []).append(line["distinct"])
    for line in ledger["diversity"]:
        usual = median(past[line["source"]]) if line["source"] in past else 0.0
        if line["distinct"] < LESS_DIVERSE * usual:
            now, when = f"{line['distinct']:.0%}", line["month"]
            detail = f"of {line['source']}'s phrases in {when} {now} differ, {usual:.0%} before"
            yield Warned("less_diverse", detail)


def _verdicts_by(name: str, ledgers: List[Dict[str, Any]]) -> Dict[str, Counter]:
    """Rows by verdict, '' for kept, for each source or sign."""
    verdicts: Dict[str, Counter] = {}
    for line in (line for ledger in ledgers for line in ledger["by_source_sign"]):
        verdicts.setdefault(line[name], Counter()).update({"": line["kept"], **line["rejected"]})
    return verdicts


def _fresh(verdicts: Counter) -> int:
    """Rows that had not been collected before."""
    return sum(verdicts.values()) - verdicts[COLLECTED_AGAIN]


def _copied(verdicts: Counter) -> float:
    """Share of the fresh rows that repeat other texts."""
    return sum(verdicts[reason] for reason in COPIES) / max(1, _fresh(verdicts))


def _lost(verdicts: Counter) -> float:
    """Share of the fresh rows that a rule rejected for what they are, not for being copies."""
    lost = _fresh(verdicts) - verdicts[""] - sum(verdicts[reason] for reason in COPIES)
    return lost / max(1, _fresh(verdicts))
