"""What a text must pass before a reader may see it. In: a text and its sign. Out: gate name -> passed.

Gates: `format` (300-500 characters, our alphabet, whole sentences), `sign` (no other sign is addressed),
`copied` (no span longer than people's own texts share with the training set), `safe` (no orders about
health, money or law, no death, self-harm or profanity), `fluent` (no word or phrase repeated like a broken
record).
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model_training.safety import unsafe_spans
from model_training.signs import mentioned_signs

GATE_NAMES = ("format", "sign", "copied", "safe", "fluent")
MIN_TEXT_CHARS, MAX_TEXT_CHARS = 300, 500
SHINGLE_WORDS = 5
MIN_COPY_LIMIT = 60
"""Characters: shorter stretches are turns of speech that everybody uses."""

ALPHABET = re.compile(r"[А-Яа-яЁё0-9 .,!?…:;«»„“”\"'’()%№/–—−-]*")
WHOLE = re.compile(r"[А-ЯЁ«„\"(0-9—].*[.!?…][»”\")]?", re.DOTALL)
WORD = re.compile(r"[^\W_]+")


def is_well_formed(text: str) -> bool:
    """300-500 characters of Russian letters, digits and punctuation, from a capital to the end of a
    sentence."""
    return (
        MIN_TEXT_CHARS <= len(text) <= MAX_TEXT_CHARS
        and ALPHABET.fullmatch(text) is not None
        and WHOLE.fullmatch(text) is not None
        and all(text.count(a) == text.count(b) for a, b in ("«»", "()"))
    )


def is_fluent(text: str) -> bool:
    """No word three times running, no four words said twice, no sentence said twice."""
    words = [word.lower() for word in WORD.findall(text)]
    fours = Counter(zip(words, words[1:], words[2:], words[3:], strict=False))
    thrice = any(a == b == c for a, b, c in zip(words, words[1:], words[2:], strict=False))
    return not thrice and not any(count > 1 for count in fours.values())


def shingles(text: str) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """64-bit hashes of every five words running, and where each begins and ends in `text`."""
    spans = [
        (found.group().lower().replace("ё", "е"), found.start(), found.end()) for found in WORD.finditer(text)
    ]
    grams = [spans[at : at + SHINGLE_WORDS] for at in range(len(spans) - SHINGLE_WORDS + 1)]
    hashes = [_hash(" ".join(word for word, _, _ in gram)) for gram in grams]
    return np.array(hashes, dtype=np.uint64), [(gram[0][1], gram[-1][2]) for gram in grams]


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


@dataclass(frozen=True)
class Gates:
    """The training set as shingle hashes, and how long a copied span people allow themselves."""

    index: np.ndarray
    """Sorted distinct uint64."""
    max_copied_chars: int

    @classmethod
    def build(cls, training: Iterable[str], human: Sequence[str]) -> "Gates":
        """`human`: held-out texts; the limit is the 99th percentile of their own longest span found in
        `training`."""
        found = [shingles(text)[0] for text in training]
        index = np.unique(np.concatenate(found)) if found else np.zeros(0, np.uint64)
        unlimited = cls(index, 0)
        spans = [unlimited.copied_chars(text) for text in human]
        limit = int(np.quantile(spans, 0.99)) if spans else 0
        return cls(index, max(MIN_COPY_LIMIT, limit))

    def save(self, path: Path) -> None:
        settings = json.dumps(
            {"schema": 1, "max_copied_chars": self.max_copied_chars, "shingle_words": SHINGLE_WORDS}
        )
        np.savez_compressed(path, index=self.index, settings=np.array(settings))

    @classmethod
    def load(cls, path: Path) -> "Gates":
        with np.load(path, allow_pickle=False) as saved:
            return cls(saved["index"], json.loads(str(saved["settings"]))["max_copied_chars"])

    def check(self, text: str, sign: str) -> dict[str, bool]:
        """Gate name -> passed, for one text written for `sign`."""
        return {
            "format": is_well_formed(text),
            "sign": mentioned_signs(text) <= {sign},
            "copied": self.copied_chars(text) <= self.max_copied_chars,
            "safe": not unsafe_spans(text),
            "fluent": is_fluent(text),
        }

    def _known(self, text: str) -> tuple[np.ndarray, list[tuple[int, int]]]:
        hashes, places = shingles(text)
        if not len(hashes) or not len(self.index):
            return np.zeros(len(hashes), bool), places
        at = np.minimum(np.searchsorted(self.index, hashes), len(self.index) - 1)
        return self.index[at] == hashes, places

    def copied_chars(self, text: str) -> int:
        """Characters of the longest stretch all of whose five-word runs are in the training set."""
        known, places = self._known(text)
        longest, start = 0, None
        for is_known, (begin, end) in zip(known, places, strict=True):
            start = (begin if start is None else start) if is_known else None
            longest = max(longest, end - start) if start is not None else longest
        return longest

    def copied_share(self, text: str) -> float:
        """Share of the text's five-word runs that are in the training set."""
        known, _ = self._known(text)
        return float(known.mean()) if len(known) else 0.0
