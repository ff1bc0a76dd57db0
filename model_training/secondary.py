"""In what the texts of two models differ, prompt by prompt. In: what each wrote for the same prompts. Out:
changes with their intervals.

Paired, a change shows that is lost between the intervals of two models measured apart. `decision.SECONDARY`
says in which order they count, and why the intervals are wider than 95 %.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence

from model_training.decision import SECONDARY
from model_training.diversity import distinct
from model_training.inference import Text
from model_training.intervals import Figure, mean, ratio
from model_training.samples import Yardstick

LEVEL = 1 - 0.05 / len(SECONDARY)


def changes(answers: Sequence[tuple[dt.date, Text, Text]], yardstick: Yardstick) -> dict[str, Figure]:
    """Metric -> ours less theirs, clustered by day; of texts, where both answered."""
    days = [day for day, _, _ in answers]
    gained = [len(ours.accepted) - len(theirs.accepted) for _, ours, theirs in answers]
    found = {"yield": ratio(gained, [ours.candidates for _, ours, _ in answers], days, level=LEVEL)}
    both = [(day, a.text, b.text) for day, a, b in answers if a.text is not None and b.text is not None]
    if not both:
        return found
    answered, own, other = zip(*both, strict=True)
    scores: dict[str, list[float]] = {}
    for name, judge in {"coherence": yardstick.coherences, "acceptable_sentences": yardstick.judge}.items():
        if judge:
            scores[name] = [a - b for a, b in zip(judge(own), judge(other), strict=True)]
    found |= {name: mean(values, answered, level=LEVEL) for name, values in scores.items()}
    by_day: dict[dt.date, list[tuple[str, str]]] = defaultdict(list)
    for day, a, b in both:
        by_day[day].append((a, b))
    handfuls = [tuple(zip(*pairs, strict=True)) for pairs in by_day.values()]
    measures = {"distinct_2": lambda texts: distinct(texts, 2), "spread": yardstick.space.spread}
    return found | {
        name: mean([measure(ours) - measure(theirs) for ours, theirs in handfuls], level=LEVEL)
        for name, measure in measures.items()
    }
