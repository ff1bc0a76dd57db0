"""How sure a figure is. In: values, their weights and the day each belongs to. Out: a figure with n and an
interval, of 95 % if nothing else is said.

Texts of one day resemble each other, so days are drawn again, not texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 1000


@dataclass(frozen=True)
class Figure:
    """A metric as `evaluation.json` holds it."""

    value: float
    n: int
    low: float
    high: float

    @property
    def smallest_visible_difference(self) -> float:
        """Half the interval: a smaller change cannot be told from chance."""
        return (self.high - self.low) / 2

    def as_json(self) -> dict[str, float | int]:
        return {
            "value": round(self.value, 5),
            "n": self.n,
            "low": round(self.low, 5),
            "high": round(self.high, 5),
            "smallest_visible_difference": round(self.smallest_visible_difference, 5),
        }


def ratio(
    numerators: Sequence[float] | np.ndarray,
    denominators: Sequence[float] | np.ndarray,
    clusters: Sequence[object],
    seed: int = 0,
    level: float = 0.95,
) -> Figure:
    """sum(numerators) / sum(denominators), its interval by bootstrap over clusters."""
    names, at = np.unique(np.array([str(cluster) for cluster in clusters]), return_inverse=True)
    tops = np.bincount(at, weights=np.asarray(numerators, float), minlength=len(names))
    bottoms = np.bincount(at, weights=np.asarray(denominators, float), minlength=len(names))
    draws = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / len(names)), RESAMPLES
    )
    resampled = (draws @ tops) / (draws @ bottoms)
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return Figure(float(tops.sum() / bottoms.sum()), len(numerators), float(low), float(high))


def mean(
    values: Sequence[float] | np.ndarray, clusters: Sequence[object] | None = None, level: float = 0.95
) -> Figure:
    """The mean; without clusters every value stands alone."""
    named = clusters if clusters is not None else range(len(values))
    return ratio(values, np.ones(len(values)), named, level=level)
