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
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from model_training.safety import unsafe_spans
from model_training.signs import mentioned_signs

GATE_NAMES = ("format", "sign", "copied", "near_duplicate", "safe", "fluent")
MIN_TEXT_CHARS, MAX_TEXT_CHARS = 300, 500
SHINGLE_WORDS = 5
NEAR_DUPLICATE = 0.8
"""A text is a near duplicate of a training text that has this share of its five-word runs."""
MIN_COPY_LIMIT = 60
"""Characters: shorter stretches are turns of speech that everybody uses."""

ALPHABET = re.compile(r"[А-Яа-яЁё0-9 .,!?…:;«»„“”\"'’()%№/–—−-]*")
WHOLE = re.compile(r"[А-ЯЁ«„\"(0-9—].*[.!?…][»”\")]?", re.DOTALL)
BROKEN = re.compile(r"[.!?] [а-яё]|(?<![.!?])\.\.(?!\.)|[.!?…][:;,]|[.!?…][А-Яа-яЁё]| [.,:;!?]|[:;,][:;,]")
"""A sentence that begins small, marks that never stand together, a space forgotten or too many."""
WORD = re.compile(r"[^\W_]+")


def is_well_formed(text: str) -> bool:
    """300-500 characters of Russian letters, digits and punctuation, from a capital to the end of a
    sentence."""
    return (
        MIN_TEXT_CHARS <= len(text) <= MAX_TEXT_CHARS
        and ALPHABET.fullmatch(text) is not None
        and WHOLE.fullmatch(text) is not None
        and all(text.count(a) == text.count(b) for a, b in ("«»", "()"))
        and not BROKEN.search(text)
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


def _whole(text: str) -> int:
    return _hash(" ".join(WORD.findall(text)).lower().replace("ё", "е"))


@dataclass(frozen=True)
class Gates:
    """The training set as shingle hashes, and how long a copied span people allow themselves."""

    index: np.ndarray
    """Hash of every five words running, sorted, uint64; one entry for each text that has it."""
    owners: np.ndarray
    """For each entry of `index`, the number of its training text, int32."""
    texts: np.ndarray
    """Hashes of the whole texts, sorted."""
    max_copied_chars: int

    @classmethod
    def build(cls, training: Sequence[str], human: Sequence[str]) -> "Gates":
        """`human`: held-out texts; the limit is the 99th percentile of their own longest copied span."""
        found = [np.unique(shingles(text)[0]) for text in training]
        keys = np.concatenate(found) if found else np.zeros(0, np.uint64)
        owners = np.repeat(np.arange(len(found), dtype=np.int32), [len(hashes) for hashes in found])
        order = np.argsort(keys, kind="stable")
        wholes = np.unique(np.array([_whole(text) for text in training], dtype=np.uint64))
        unlimited = cls(keys[order], owners[order], wholes, 0)
        spans = [unlimited.copied_chars(text) for text in human]
        limit = int(np.quantile(spans, 0.99)) if spans else 0
        return replace(unlimited, max_copied_chars=max(MIN_COPY_LIMIT, limit))

    def save(self, path: Path) -> None:
        settings = {"schema": 1, "max_copied_chars": self.max_copied_chars, "shingle_words": SHINGLE_WORDS}
        packed = np.array(json.dumps(settings))
        np.savez_compressed(path, index=self.index, owners=self.owners, texts=self.texts, settings=packed)

    @classmethod
    def load(cls, path: Path) -> "Gates":
        with np.load(path, allow_pickle=False) as saved:
            limit = json.loads(str(saved["settings"]))["max_copied_chars"]
            return cls(saved["index"], saved["owners"], saved["texts"], limit)

    def check(self, text: str, sign: str) -> dict[str, bool]:
        """Gate name -> passed, for one text written for `sign`."""
        return {
            "format": is_well_formed(text),
            "sign": mentioned_signs(text) <= {sign},
            "copied": self.copied_chars(text) <= self.max_copied_chars,
            "near_duplicate": self.nearest(text)[0] < NEAR_DUPLICATE,
            "safe": not unsafe_spans(text),
            "fluent": is_fluent(text),
        }

    def _known(self, hashes: np.ndarray) -> np.ndarray:
        if not len(hashes) or not len(self.index):
            return np.zeros(len(hashes), bool)
        at = np.minimum(np.searchsorted(self.index, hashes), len(self.index) - 1)
        return self.index[at] == hashes

    def has_learnt(self, text: str) -> bool:
        """Whether this very text, case, punctuation and ё aside, was in the training set."""
        return bool(np.isin(np.uint64(_whole(text)), self.texts))

    def nearest(self, text: str) -> tuple[float, int]:
        """The largest share of `text`'s five-word runs that one training text has, and that text's number."""
        hashes = np.unique(shingles(text)[0])
        first, last = np.searchsorted(self.index, hashes), np.searchsorted(self.index, hashes, side="right")
        votes = Counter(
            owner for a, b in zip(first, last, strict=True) for owner in self.owners[a:b].tolist()
        )
        owner, count = votes.most_common(1)[0] if votes else (0, 0)
        return count / max(len(hashes), 1), owner

    def copied_chars(self, text: str) -> int:
        """Characters of the longest stretch all of whose five-word runs are in the training set."""
        hashes, places = shingles(text)
        longest, start = 0, None
        for is_known, (begin, end) in zip(self._known(hashes), places, strict=True):
            start = (begin if start is None else start) if is_known else None
            longest = max(longest, end - start) if start is not None else longest
        return longest

    def copied_share(self, text: str) -> float:
        """Share of the text's five-word runs that are in the training set."""
        known = self._known(shingles(text)[0])
        return float(known.mean()) if len(known) else 0.0
