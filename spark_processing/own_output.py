"""Our own published texts that come back through the sites: in come `published/` days, out comes a look-up by
likeness.

A model that learns from its own output gets worse with each round. Only what was published before a page was
fetched can be its source, so an old text is never rejected for a later forecast that resembles it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any, Dict, List, NamedTuple, Tuple

from spark_processing.cleaning import comparison_key
from spark_processing.shingles import SKETCH, shingles_of

SIMILARITY = 0.5


class PublishedText(NamedTuple):
    day: str
    generated_at: str
    shingles: Tuple[int, ...]


class Published:
    """All published texts, found by the smallest hashes of their shingles and compared on all of them."""

    def __init__(self, texts: List[PublishedText]) -> None:
        self._texts = texts
        self._with_hash: Dict[int, List[int]] = defaultdict(list)
        for number, text in enumerate(texts):
            for value in text.shingles[:SKETCH]:
                self._with_hash[value].append(number)

    def resembling(self, shingles: List[int], fetched_at: str) -> str:
        """The day of a text published before `fetched_at` that these shingles repeat; `''` when there is
        none."""
        meetings = Counter(n for value in shingles[:SKETCH] for n in self._with_hash.get(value, ()))
        for number, shared in sorted(meetings.items()):
            text = self._texts[number]
            if (
                shared > 1
                and text.generated_at < fetched_at
                and _similarity(shingles, text.shingles) >= SIMILARITY
            ):
                return text.day
        return ""


def _similarity(one: List[int], other: Tuple[int, ...]) -> float:
    shared = len(set(one) & set(other))
    return shared / (len(one) + len(other) - shared)


def read_published(storage: Any) -> Published:
    """Every complete day under `published/`."""
    texts: List[PublishedText] = []
    for folder in storage.names("published"):
        path = f"published/{folder}/horoscopes.json"
        if folder.startswith("date=") and storage.exists(path):
            state = json.loads(storage.read(path))
            texts += [
                PublishedText(
                    state["date"], state["generated_at"], tuple(shingles_of(comparison_key(text["text"])))
                )
                for text in state["texts"]
            ]
    return Published(texts)
