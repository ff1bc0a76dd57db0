"""Do a text's words go together? In: training texts, then a text. Out: a number, higher for more sense.

For every two content words two to eight apart, so beyond most set phrases: how much oftener the training
texts have the pair than chance would (smoothed pointwise mutual information), the mean over the text.
It sees a text whose words have nothing to do with each other; it does not see a wrong claim.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model_training.morphology import content_lemmas

NEAREST, FARTHEST = 2, 8
"""Content words between which pairs are counted."""
PRIOR = 1.0
"""Pseudo-count: a pair never expected and never seen says nothing."""


@dataclass(frozen=True)
class Coherence:
    """Counts of lemmas and of pairs of lemmas in the training texts."""

    numbers: dict[str, int]
    """Lemma -> its number; those of other texts have none."""
    chances: np.ndarray
    """Share of each lemma among all."""
    pairs: np.ndarray
    """Sorted keys of the pairs seen."""
    counts: np.ndarray

    @classmethod
    def build(cls, training: Sequence[str]) -> "Coherence":
        spoken = [content_lemmas(text) for text in training]
        vocabulary = dict.fromkeys(lemma for text in spoken for lemma in text)
        numbers = {lemma: at for at, lemma in enumerate(vocabulary)}
        coded = [np.array([numbers[lemma] for lemma in text], dtype=np.int64) for text in spoken]
        everything = np.concatenate([np.zeros(0, np.int64), *coded])
        frequencies = np.bincount(everything, minlength=len(numbers))
        keys = np.concatenate([np.zeros(0, np.int64), *(_keys(text, len(numbers)) for text in coded)])
        pairs, counts = np.unique(keys, return_counts=True)
        return cls(numbers, frequencies / max(len(everything), 1), pairs, counts)

    def score(self, text: str) -> float:
        """Nats; 0 when the pairs are as frequent as chance has it, or none is known."""
        coded = np.array([self.numbers.get(lemma, -1) for lemma in content_lemmas(text)], dtype=np.int64)
        keys = _keys(coded, len(self.numbers))
        if not len(keys) or not len(self.pairs):
            return 0.0
        at = np.minimum(np.searchsorted(self.pairs, keys), len(self.pairs) - 1)
        seen = np.where(self.pairs[at] == keys, self.counts[at], 0)
        chance = self.chances[keys // len(self.numbers)] * self.chances[keys % len(self.numbers)]
        expected = 2 * chance * self.counts.sum()
        return float(np.log((seen + PRIOR) / (expected + PRIOR)).mean())


def _keys(coded: np.ndarray, size: int) -> np.ndarray:
    """One integer for each pair of different known lemmas within reach, the order of the two set aside."""
    near = [(coded[:-gap], coded[gap:]) for gap in range(NEAREST, min(FARTHEST, len(coded) - 1) + 1)]
    if not near:
        return np.zeros(0, np.int64)
    left, right = (np.concatenate(side) for side in zip(*near, strict=True))
    told = (left >= 0) & (right >= 0) & (left != right)
    return np.minimum(left, right)[told] * size + np.maximum(left, right)[told]
