"""How varied a handful of texts is. In: texts, and a space of meaning made of the training texts. Out:
numbers that are comparable between handfuls of the same size.

- distinct-n (Li et al. 2016, arXiv:1510.03055): different runs of n words over all runs;
- self-BLEU (Zhu et al. 2018, arXiv:1802.01886): each text's BLEU-4 with all others as references, the mean;
- spread: the mean cosine distance between two texts' vectors in a space of meaning (TF-IDF of words, reduced
  by truncated SVD: latent semantic analysis of the training texts, so no pretrained embedding is needed).
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from model_training.stretches import WORD

BLEU_ORDER = 4
SPACE_DIMENSIONS = 64


def words_of(text: str) -> list[str]:
    return WORD.findall(text.lower().replace("ё", "е"))


def runs(words: Sequence[str], length: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[at : at + length]) for at in range(len(words) - length + 1))


def distinct(texts: Sequence[str], length: int) -> float:
    """1 when no run of `length` words is said twice."""
    found: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        found += runs(words_of(text), length)
    return len(found) / max(found.total(), 1)


def self_bleu(texts: Sequence[str]) -> float:
    """0 when no text has a word of another, 1 when each is a piece of another; 0 for fewer than two texts."""
    tokens = [words_of(text) for text in texts]
    counted = [[runs(words, length) for length in range(1, BLEU_ORDER + 1)] for words in tokens]
    scores = []
    for here, own in enumerate(counted):
        others = [at for at in range(len(texts)) if at != here]
        if not others or not tokens[here]:
            continue
        logs = []
        for order, hypothesis in enumerate(own):
            best: Counter[tuple[str, ...]] = Counter()
            for at in others:
                best |= counted[at][order]
            hits, total = (hypothesis & best).total(), hypothesis.total()
            logs.append(math.log((hits or 0.5) / max(total, 1)))  # a count of 0 smoothed, as sacrebleu does
        length = len(tokens[here])
        nearest = min((abs(len(tokens[at]) - length), len(tokens[at])) for at in others)[1]
        scores.append(math.exp(min(0.0, 1 - nearest / length) + sum(logs) / BLEU_ORDER))
    return float(np.mean(scores)) if scores else 0.0


@dataclass(frozen=True)
class MeaningSpace:
    """Latent semantic analysis of the training texts."""

    pipeline: Any
    """sklearn: TF-IDF, truncated SVD, normalised."""

    @classmethod
    def build(cls, training: Sequence[str], seed: int = 0) -> "MeaningSpace":
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import Normalizer

        counts = TfidfVectorizer(analyzer=words_of, sublinear_tf=True)
        terms = counts.fit_transform(training)
        size = max(1, min(SPACE_DIMENSIONS, min(terms.shape) - 1))
        reduction = TruncatedSVD(size, random_state=seed).fit(terms)
        return cls(make_pipeline(counts, reduction, Normalizer()))

    def spread(self, texts: Sequence[str]) -> float:
        """0 when all texts mean the same; 0 for fewer than two."""
        if len(texts) < 2:
            return 0.0
        vectors = self.pipeline.transform(texts)
        cosines = (vectors @ vectors.T)[np.triu_indices(len(texts), 1)]
        return float(1 - cosines.mean())
