"""Written texts and what is found of them. In: what a model wrote, and what it is measured with. Out: one row
of the report's tables: each metric with its interval.

The rows beside a model's (people, template, retrieval, nonsense) have its shape: as many texts for each day
and topic, so that figures that depend on how many texts there are can be compared.
"""

import datetime as dt
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from model_training.coherence import Coherence
from model_training.corpus import Horoscope, Split
from model_training.diversity import MeaningSpace, distinct, self_bleu
from model_training.freshness import shares_seen
from model_training.gates import NEAR_DUPLICATE, Gates, copy_limit, is_well_formed
from model_training.intervals import Figure, mean
from model_training.morphology import mistakes
from model_training.safety import RULES, unsafe_spans
from model_training.signs import mentioned_signs
from model_training.stretches import longest_stretches

COHERENT_QUANTILE = 0.05
"""A text is coherent when it scores at least as high as all but this share of people's held-out texts."""
DIVERSITY = ("distinct_2", "spread")
"""What the gate of diversity asks for. Self-BLEU is shown only: of eight days it cannot see a tenth less."""
DIVERSITY_METRICS = (*DIVERSITY, *(f"{name}_over_days" for name in DIVERSITY))


@dataclass(frozen=True)
class Sample:
    """One text, and the place it has in a day."""

    day: dt.date
    topic: str
    asked: str
    """The sign whose place it takes."""
    sign: str
    """The sign it was written for; people's and retrieved texts may be another's."""
    text: str


def people_like(samples: Sequence[Sample], held_out: Sequence[Horoscope], seed: int = 0) -> list[Sample]:
    """Held-out rows in the places of `samples`: of the same topic, each at most once, so fewer where too few
    are held out."""
    rng = random.Random(seed)
    by_topic: dict[str, list[Horoscope]] = defaultdict(list)
    for row in rng.sample(list(held_out), len(held_out)):
        by_topic[row.topic].append(row)
    return [
        replace(sample, sign=row.sign, text=row.clean_text)
        for sample in samples
        if by_topic[sample.topic]
        for row in [by_topic[sample.topic].pop()]
    ]


def in_place_of(samples: Sequence[Sample], write: Callable[[Sample, int], str]) -> list[Sample]:
    """`write(sample, number)` in the places of `samples`."""
    return [replace(sample, text=write(sample, number)) for number, sample in enumerate(samples)]


@dataclass(frozen=True)
class Yardstick:
    """What texts are measured with. All of it comes from the data, nothing from the model."""

    known: Gates
    training: Sequence[str]
    max_copied_chars: int
    space: MeaningSpace
    coherence: Coherence
    min_coherence: float
    published: Sequence[str]
    """Our own texts of the last days."""
    judge: Callable[[Sequence[str]], list[float]] | None = None
    """Texts -> share of acceptable sentences of each, by a RuCoLA model."""

    @classmethod
    def build(
        cls,
        parts: Split,
        published: Sequence[str] = (),
        judge: Callable[[Sequence[str]], list[float]] | None = None,
    ) -> "Yardstick":
        training = [row.clean_text for row in parts.train]
        people = [row.clean_text for row in parts.held_out]
        known, coherence = Gates.build(training, people), Coherence.build(training)
        return cls(
            known=known,
            training=training,
            max_copied_chars=copy_limit([found.chars for found in longest_stretches(people, training)]),
            space=MeaningSpace.build(training),
            coherence=coherence,
            min_coherence=float(np.quantile([coherence.score(t) for t in people], COHERENT_QUANTILE)),
            published=published,
            judge=judge,
        )

    def describe(self, samples: Sequence[Sample]) -> dict[str, Figure]:
        """Each metric with its interval: texts clustered by day; what needs several texts, by day or by sign.

        Empty when there are no samples.
        """
        if not samples:
            return {}
        texts, days = [sample.text for sample in samples], [sample.day for sample in samples]
        nearest = [self.known.nearest(text)[0] for text in texts]
        copied = [found.chars for found in longest_stretches(texts, self.training)]
        scores = np.array(self.coherences(texts))
        columns: dict[str, Sequence[float] | np.ndarray] = {
            "format_share": [is_well_formed(text) for text in texts],
            "wrong_sign_share": [not mentioned_signs(s.text) <= {s.sign} for s in samples],
            "unsafe_share": [bool(unsafe_spans(text)) for text in texts],
            "near_duplicate_share": [share >= NEAR_DUPLICATE for share in nearest],
            "nearest_training_text": nearest,
            "known_runs_share": [self.known.known_share(text) for text in texts],
            "copied_chars": copied,
            "copied_over_limit_share": [chars > self.max_copied_chars for chars in copied],
            "made_up_words_share": [bool(self.known.made_up_words(text)) for text in texts],
            "mistakes_share": [bool(mistakes(text)) for text in texts],
            "coherence": scores,
            "coherent_share": scores >= self.min_coherence,
            "chars": [len(text) for text in texts],
        }
        if self.judge:
            columns["acceptable_sentences"] = self.judge(texts)
        if self.published:
            seen = shares_seen(texts, self.published)
            columns |= {"seen_lately": seen, "repeats_lately_share": [s >= NEAR_DUPLICATE for s in seen]}
        figures = {name: mean(values, days) for name, values in columns.items()}
        by_day, by_sign = _grouped(samples, "day"), _grouped(samples, "asked")
        return (
            figures
            | {name: mean(values) for name, values in self._varied(by_day).items()}
            | {f"{name}_over_days": mean(values) for name, values in self._varied(by_sign).items()}
        )

    def coherences(self, texts: Sequence[str]) -> list[float]:
        """Nats, for each text."""
        return [self.coherence.score(text) for text in texts]

    def _varied(self, groups: Sequence[Sequence[str]]) -> dict[str, list[float]]:
        return {
            **{f"distinct_{n}": [distinct(texts, n) for texts in groups] for n in (1, 2, 3)},
            "self_bleu": [self_bleu(texts) for texts in groups],
            "spread": [self.space.spread(texts) for texts in groups],
        }


def _grouped(samples: Sequence[Sample], field: str) -> list[list[str]]:
    groups: dict[object, list[str]] = defaultdict(list)
    for sample in samples:
        groups[getattr(sample, field)].append(sample.text)
    return list(groups.values())


def against_people(own: dict[str, Figure], people: dict[str, Figure]) -> dict[str, Figure]:
    """Diversity and sense as a share of people's; `diversity_to_human` is the least of its kinds."""
    shares = {f"{name}_to_human": _share(own, people, name) for name in DIVERSITY_METRICS}
    worst = min(shares.values(), key=lambda figure: figure.value)
    shares |= {"diversity_to_human": worst, "coherent_to_human": _share(own, people, "coherent_share")}
    if "acceptable_sentences" in own:
        shares["acceptable_to_human"] = _share(own, people, "acceptable_sentences")
    return shares


def _share(own: dict[str, Figure], people: dict[str, Figure], name: str) -> Figure:
    """The quotient; its relative errors are added in squares."""
    figure, human = own[name], people[name]
    value = figure.value / human.value if human.value else float("nan")
    spread = np.hypot(
        figure.smallest_visible_difference / max(abs(figure.value), 1e-9),
        human.smallest_visible_difference / max(abs(human.value), 1e-9),
    )
    return Figure(value, figure.n, float(value * (1 - spread)), float(value * (1 + spread)))


def discriminating(people: dict[str, Figure], others: Sequence[dict[str, Figure]]) -> dict[str, bool]:
    """Metric -> whether it tells people from at least one of the baselines: the intervals do not meet."""
    return {
        name: any(o[name].low > human.high or o[name].high < human.low for o in others if name in o)
        for name, human in people.items()
    }


def unsafe_counts(texts: Sequence[str]) -> dict[str, int]:
    """Safety rule -> texts that break it, every rule named."""
    found = Counter(rule for text in texts for rule in {rule for rule, _ in unsafe_spans(text)})
    return {rule: found[rule] for rule in RULES}
