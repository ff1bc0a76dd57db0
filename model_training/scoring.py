"""Bits of held-out texts, and what they tell of two models. In: a writer and rows. Out: figures clustered by
day.
"""

import functools
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model_training.corpus import Horoscope, Split
from model_training.inference import Writer
from model_training.intervals import RESAMPLES, Figure, mean, ratio
from model_training.prompts import controls_of
from model_training.signs import mentioned_signs
from model_training.tone import tone_of

MAX_TEST, MAX_GOLDEN = 400, 100
"""Held-out texts that are scored; more would only narrow the interval."""
MAX_SWAPPED = 150
MIN_SLICE = 10
"""A slice of fewer texts says nothing."""
SLICED_BY = ("source", "topic", "sign")


@dataclass(frozen=True)
class Scored:
    """Bits of the same texts under one model."""

    rows: Sequence[Horoscope]
    bits: np.ndarray

    def figure(self, chosen: Sequence[int] | None = None) -> Figure:
        """Bits per character, of the texts at `chosen` places (default all)."""
        places = list(range(len(self.rows)) if chosen is None else chosen)
        rows = [self.rows[at] for at in places]
        return ratio(self.bits[places], [len(row.clean_text) for row in rows], [row.date for row in rows])

    def slices(self) -> dict[str, dict[str, Figure]]:
        """By source, topic and sign."""
        result: dict[str, dict[str, Figure]] = {}
        for field in SLICED_BY:
            places: dict[str, list[int]] = defaultdict(list)
            for at, row in enumerate(self.rows):
                places[getattr(row, field)].append(at)
            result[field] = {k: self.figure(v) for k, v in sorted(places.items()) if len(v) >= MIN_SLICE}
        return result


def scored_rows(parts: Split, seed: int) -> list[Horoscope]:
    rng = random.Random(seed)
    test = parts.test if len(parts.test) <= MAX_TEST else rng.sample(parts.test, MAX_TEST)
    golden = parts.golden if len(parts.golden) <= MAX_GOLDEN else rng.sample(parts.golden, MAX_GOLDEN)
    return [*test, *golden]


@functools.lru_cache(2)
def _engine(folder: Path) -> Any:
    """The model as transformers runs it, whatever engine writes."""
    from model_training.engines.pretrained import TorchEngine

    return TorchEngine(folder)


def score(writer: Writer, rows: Sequence[Horoscope], instead: Sequence[dict[str, str]] = ()) -> Scored:
    """The prompts are rendered by the model's own template; `instead`: for each row, controls to change."""
    from model_training.likelihood import bits_of

    changes = instead or [{}] * len(rows)
    controls = [
        controls_of(row.sign, row.topic, row.clean_text) | change
        for row, change in zip(rows, changes, strict=True)
    ]
    pairs = [(writer.template.render(c), row.clean_text) for c, row in zip(controls, rows, strict=True)]
    return Scored(rows, bits_of(_engine(writer.engine.folder), pairs))


def bits_saved(writer: Writer, own: Scored, field: str, seed: int) -> Figure | None:
    """The swap test: bits a text that names its sign costs more when another sign (or topic) is asked for.

    Nothing saved: the model does not listen. To know the sign beforehand is worth 3.6 bits (log2 of 12).
    Signs are swapped for texts that name theirs, since the others would suit any. None where too few texts,
    or no other values, are held out.
    """
    rng = random.Random(seed)
    values = sorted({getattr(row, field) for row in own.rows})
    places = [
        at
        for at, row in enumerate(own.rows)
        if field != "sign" or mentioned_signs(row.clean_text) == {row.sign}
    ]
    if len(places) < MIN_SLICE or len(values) < 2:
        return None
    places = sorted(rng.sample(places, min(MAX_SWAPPED, len(places))))
    rows = [own.rows[at] for at in places]
    others = [{field: rng.choice([v for v in values if v != getattr(row, field)])} for row in rows]
    return mean(score(writer, rows, others).bits - own.bits[places], [row.date for row in rows])


def tone_bits_saved(writer: Writer, rows: Sequence[Horoscope], seed: int) -> Figure | None:
    """The swap test for tones: bits a text costs more when another tone than its own is asked for. None for a
    model that was taught none, or too few texts."""
    tones = sorted(writer.template.values.get("tone", ()))
    rng = random.Random(seed)
    chosen = sorted(rng.sample(range(len(rows)), min(MAX_SWAPPED, len(rows))))
    if not tones or len(chosen) < MIN_SLICE:
        return None
    texts = [rows[at] for at in chosen]
    own = [tone_of(row.clean_text) for row in texts]
    others = [rng.choice([tone for tone in tones if tone != here]) for here in own]
    asked, swapped = (score(writer, texts, [{"tone": one} for one in each]).bits for each in (own, others))
    return mean(swapped - asked, [row.date for row in texts])


def compare(own: Scored, other: Scored) -> Figure:
    """Relative change of bits per character against `other` on the same texts, paired, clustered by day."""
    change = own.bits - other.bits
    return ratio(change, other.bits, [row.date for row in own.rows])


def repeats(own: Scored, other: Scored, seed: int = 0, draws: int = 200) -> float:
    """How often the same comparison on other days would again find the model better (or again not).

    The days are drawn again `draws` times, and each drawing is judged by its own bootstrap.
    """
    days = np.array([row.date.toordinal() for row in own.rows])
    names, at = np.unique(days, return_inverse=True)
    change = np.bincount(at, weights=own.bits - other.bits)
    before = np.bincount(at, weights=other.bits)
    rng = np.random.default_rng(seed)
    even = np.full(len(names), 1 / len(names))
    verdict = compare(own, other).high < 0
    same = 0
    for outer in rng.multinomial(len(names), even, draws):
        inner = rng.multinomial(len(names), outer / len(names), RESAMPLES)
        same += (np.quantile((inner @ change) / (inner @ before), 0.975) < 0) == verdict
    return same / draws
