"""May the challenger live? In: its evaluation.json. Out: yes or no, with every reason.

A gate whose figure is missing or not a number is a failed gate. The first model needs the gates only; a
later one must also be better than the champion on the same held-out texts: bits per character lower with the
whole 95 % interval of the paired difference below zero, or no more than half a per cent worse while the first
secondary metric in which the two surely differ speaks for it. A tie stays.
"""

import math
from dataclasses import dataclass
from typing import Any

MAX_WORSE_SHARE = 0.005
SECONDARY = ("yield", "acceptable_sentences", "coherence", "distinct_2", "spread")
"""In this order: how much of what is sampled may be shown; whether its sentences are Russian (where a model
that can tell is at hand) and its words go together; how varied a day is, in words and in meaning. Of each
more is better. The first whose interval leaves zero out decides; the intervals share the 5 % of error between
them."""


@dataclass(frozen=True)
class Limit:
    """A bound on one figure of the evaluation."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    surely_above: float | None = None
    """The whole interval must lie above it."""
    only_if_asked: str = ""
    """The limit holds only where the evaluation was asked for this; empty: always."""

    def verdict(self, figure: dict[str, float]) -> tuple[bool, str]:
        """Passed or not, and the sentence that says so; `figure` may be empty."""
        found = figure.get("value" if self.surely_above is None else "low")
        if found is None or not math.isfinite(found):
            return False, f"{self.metric} could not be computed, {self.bound} is needed"
        passed = (
            (self.at_least is None or found >= self.at_least)
            and (self.at_most is None or found <= self.at_most)
            and (self.surely_above is None or found > self.surely_above)
        )
        return passed, f"{self.metric} {found:.4g}, {self.bound} is needed"

    @property
    def bound(self) -> str:
        if self.surely_above is not None:
            return f"its whole interval above {self.surely_above:g}"
        return f"at least {self.at_least:g}" if self.at_least is not None else f"at most {self.at_most:g}"


LIMITS = (
    Limit("wrong_sign_share", at_most=0.0),
    Limit("unsafe_share", at_most=0.0),
    Limit("near_duplicate_share", at_most=0.0),
    Limit("copied_over_limit_share", at_most=0.0),
    Limit("format_share", at_least=0.99),
    Limit("yield", at_least=0.6),
    Limit("diversity_to_human", at_least=0.9),
    Limit("made_up_words_share", at_most=0.0),
    Limit("mistakes_share", at_most=0.0),
    Limit("coherent_to_human", at_least=0.9),
    Limit("acceptable_to_human", at_least=0.9, only_if_asked="acceptability_model"),
    Limit("sign_bits_saved", surely_above=0.0),
    Limit("bits_to_five_gram", at_most=1.0),
    Limit("leaked_texts", at_most=0.0),
)


@dataclass(frozen=True)
class Decision:
    """The answer and what it rests on, as `registry why` shows it."""

    promote: bool
    reasons: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {"promote": self.promote, "reasons": list(self.reasons)}


def verdicts(evaluation: dict[str, Any]) -> list[tuple[str, bool, str]]:
    """(metric, passed, sentence) of every limit that holds for this evaluation."""
    metrics, asked = evaluation.get("metrics", {}), evaluation.get("asked", {})
    holding = [limit for limit in LIMITS if not limit.only_if_asked or asked.get(limit.only_if_asked)]
    return [(limit.metric, *limit.verdict(metrics.get(limit.metric, {}))) for limit in holding]


def decide(evaluation: dict[str, Any], champion_version: str | None) -> Decision:
    """`champion_version` is who lives now; the evaluation must have been made against that very one."""
    failed = [sentence for _, passed, sentence in verdicts(evaluation) if not passed]
    if failed:
        return Decision(False, tuple(failed))
    if champion_version is None:
        return Decision(True, ("every gate passed and there is no champion yet",))
    paired = evaluation.get("against_champion") or {}
    if paired.get("version") != champion_version:
        found = paired.get("version", "none")
        reason = f"evaluated against champion {found}, but champion is {champion_version}: evaluate again"
        return Decision(False, (reason,))
    return _compared(paired)


def _compared(paired: dict[str, Any]) -> Decision:
    bits = paired["bits_per_character_change"]
    change = f"bits per character change {bits['value']:+.2%} [{bits['low']:+.2%}, {bits['high']:+.2%}]"
    if not all(math.isfinite(bits[key]) for key in ("value", "low", "high")):
        return Decision(False, ("the comparison with the champion could not be computed",))
    if bits["high"] < 0:
        return Decision(True, (f"better than champion {paired['version']}: {change}",))
    if bits["high"] > MAX_WORSE_SHARE:
        return Decision(False, (f"not proved better than champion {paired['version']}: {change}",))
    for name in SECONDARY:
        found = paired.get("secondary", {}).get(name)
        if found and (found["low"] > 0 or found["high"] < 0):
            said = f"{change}; {name} {found['value']:+.4g} [{found['low']:+.4g}, {found['high']:+.4g}]"
            if found["low"] > 0:
                return Decision(True, (f"not worse than champion {paired['version']}: {said}",))
            return Decision(False, (f"not better than champion {paired['version']}: {said}",))
    return Decision(False, (f"no difference from champion {paired['version']} is proved: {change}",))
