"""Our own published texts that come back through the sites: in come `published/` days, out comes a look-up by
likeness.

A model that learns from its own output gets worse with each round. Only what was published before a page was
fetched can be its source, so an old text is never rejected for a later forecast that resembles it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any, Dict, List, NamedTuple, Optional

import numpy as np

from spark_processing.cleaning import comparison_key
from spark_processing.shingles import SKETCH, as_array, shingles_of

SIMILARITY = 0.5


class PublishedText(NamedTuple):
    day: str
    name: str
    """Where it was published: `2026-11-20/leo/love`."""
    generated_at: str
    shingles: bytes


class Source(NamedTuple):
    """The published text that a row repeats."""

    day: str
    name: str
    similarity: float


class Published:
    """All published texts, found by the smallest hashes of their shingles and compared on all of them."""

    def __init__(self, texts: List[PublishedText]) -> None:
        self._texts = texts
        self._with_hash: Dict[int, List[int]] = defaultdict(list)
        for number, text in enumerate(texts):
            for value in as_array(text.shingles)[:SKETCH].tolist():
                self._with_hash[value].append(number)

    def __bool__(self) -> bool:
        return bool(self._texts)

    def resembling(self, shingles: bytes, fetched_at: str) -> Optional[Source]:
        """The first text published before `fetched_at` that these shingles repeat."""
        own = as_array(shingles)
        met = [self._with_hash[value] for value in own[:SKETCH].tolist() if value in self._with_hash]
        if len(met) < 2:
            return None
        for number, shared in sorted(Counter(n for numbers in met for n in numbers).items()):
            text = self._texts[number]
            if shared > 1 and text.generated_at < fetched_at:
                similarity = similarity_of(own, as_array(text.shingles))
                if similarity >= SIMILARITY:
                    return Source(text.day, text.name, similarity)
        return None


def similarity_of(one: np.ndarray, other: np.ndarray) -> float:
    """Jaccard similarity of two texts by their shingles, to four digits."""
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return round(shared / (len(one) + len(other) - shared), 4)


def read_published(storage: Any) -> Published:
    """Every complete day under `published/`."""
    found: List[Dict[str, Any]] = []
    for folder in storage.names("published"):
        path = f"published/{folder}/horoscopes.json"
        if folder.startswith("date=") and storage.exists(path):
            state = json.loads(storage.read(path))
            found += [{**text, **{k: state[k] for k in ("date", "generated_at")}} for text in state["texts"]]
    shingles = shingles_of([comparison_key(text["text"]) for text in found])
    return Published(
        [
            PublishedText(t["date"], f"{t['date']}/{t['sign']}/{t['topic']}", t["generated_at"], own)
            for t, own in zip(found, shingles)
        ]
    )
