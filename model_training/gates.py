"""What a text must pass before a reader may see it. In: a text and its sign. Out: gate name -> passed.

Gates: `format` (300-500 characters, our alphabet, whole sentences), `sign` (no other sign is addressed),
`copied` (no stretch longer than people's own texts share with the training set), `near_duplicate` (not a
training text retold), `safe` (no orders about
health, money or law, no death, self-harm or profanity), `fluent` (no word or phrase repeated like a broken
record), `words` (none that neither a dictionary nor a training text has), `agreement` (no neighbours whose
forms do not fit). People's held-out texts pass the last two in 98 of 100 cases or more.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model_training.morphology import mistakes, unknown_words
from model_training.safety import unsafe_spans
from model_training.signs import mentioned_signs
from model_training.stretches import WORD, longest_stretches, windows

GATE_NAMES = ("format", "sign", "copied", "near_duplicate", "safe", "fluent", "words", "agreement")
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


def shingles(text: str) -> np.ndarray:
    """64-bit hashes of every five words running."""
    words = WORD.findall(text.lower().replace("ё", "е"))
    runs = (words[at : at + SHINGLE_WORDS] for at in range(len(words) - SHINGLE_WORDS + 1))
    return np.array([_hash(" ".join(run)) for run in runs], dtype=np.uint64)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _whole(text: str) -> int:
    return _hash(" ".join(WORD.findall(text)).lower().replace("ё", "е"))


def copy_limit(stretches: Sequence[int]) -> int:
    """Characters a text may have from one training text: the 99th percentile of people's held-out texts."""
    return max(MIN_COPY_LIMIT, int(np.quantile(stretches, 0.99))) if stretches else MIN_COPY_LIMIT


def _window_hashes(texts: Sequence[str], limit: int) -> np.ndarray:
    digests = {hashlib.blake2b(w, digest_size=8).digest() for text in texts for w in windows(text, limit + 1)}
    return np.array(sorted(int.from_bytes(digest, "big") for digest in digests), dtype=np.uint64)


def _found(wanted: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Which of `wanted` are in the sorted `index`, bool."""
    return np.searchsorted(index, wanted, side="right") > np.searchsorted(index, wanted)


ARRAYS = ("index", "owners", "texts", "vocabulary", "too_long")


@dataclass(frozen=True)
class Gates:
    """The training set as hashes, and how long a copied stretch people allow themselves."""

    index: np.ndarray
    """Hash of every five words running, sorted, uint64; one entry for each text that has it."""
    owners: np.ndarray
    """For each entry of `index`, the number of its training text, int32."""
    texts: np.ndarray
    """Hashes of the whole texts, sorted."""
    vocabulary: np.ndarray
    """Hashes of the words of the training texts that no dictionary has, sorted."""
    too_long: np.ndarray
    """Hashes of every stretch one character longer than the limit that begins at a word, sorted."""
    max_copied_chars: int

    @classmethod
    def build(cls, training: Sequence[str], human: Sequence[str]) -> "Gates":
        """`human`: held-out texts; the limit is the 99th percentile of their own longest stretch."""
        found = [np.unique(shingles(text)) for text in training]
        keys = np.concatenate(found) if found else np.zeros(0, np.uint64)
        owners = np.repeat(np.arange(len(found), dtype=np.int32), [len(hashes) for hashes in found])
        order = np.argsort(keys, kind="stable")
        wholes = np.unique(np.array([_whole(text) for text in training], dtype=np.uint64))
        limit = copy_limit([stretch.chars for stretch in longest_stretches(human, training)])
        own = np.unique(np.array([_hash(w) for text in training for w in unknown_words(text)], np.uint64))
        return cls(keys[order], owners[order], wholes, own, _window_hashes(training, limit), limit)

    def save(self, path: Path) -> None:
        settings = {"schema": 2, "max_copied_chars": self.max_copied_chars, "shingle_words": SHINGLE_WORDS}
        arrays = {name: getattr(self, name) for name in ARRAYS}
        np.savez_compressed(path, settings=np.array(json.dumps(settings)), **arrays)

    @classmethod
    def load(cls, path: Path) -> "Gates":
        with np.load(path, allow_pickle=False) as saved:
            limit = json.loads(str(saved["settings"]))["max_copied_chars"]
            return cls(**{name: saved[name] for name in ARRAYS}, max_copied_chars=limit)

    def check(self, text: str, sign: str) -> dict[str, bool]:
        """Gate name -> passed, for one text written for `sign`."""
        return {
            "format": is_well_formed(text),
            "sign": mentioned_signs(text) <= {sign},
            "copied": not self.copies_too_much(text),
            "near_duplicate": self.nearest(text)[0] < NEAR_DUPLICATE,
            "safe": not unsafe_spans(text),
            "fluent": is_fluent(text),
            "words": not self.made_up_words(text),
            "agreement": not mistakes(text),
        }

    def copies_too_much(self, text: str) -> bool:
        """Whether some stretch of the text longer than the limit is in a training text."""
        return bool(_found(_window_hashes([text], self.max_copied_chars), self.too_long).any())

    def known_share(self, text: str) -> float:
        """Share of the text's five-word runs that are in the training set."""
        known = _found(shingles(text), self.index)
        return float(known.mean()) if len(known) else 0.0

    def made_up_words(self, text: str) -> list[str]:
        """Words that neither the dictionary nor a training text has."""
        words = unknown_words(text)
        known = _found(np.array([_hash(word) for word in words], dtype=np.uint64), self.vocabulary)
        return [word for word, is_known in zip(words, known, strict=True) if not is_known]

    def has_learnt(self, text: str) -> bool:
        """Whether this very text, case, punctuation and ё aside, was in the training set."""
        return bool(_found(np.array([_whole(text)], dtype=np.uint64), self.texts)[0])

    def nearest(self, text: str) -> tuple[float, int]:
        """The largest share of `text`'s five-word runs that one training text has, and that text's number."""
        hashes = np.unique(shingles(text))
        first, last = np.searchsorted(self.index, hashes), np.searchsorted(self.index, hashes, side="right")
        votes = Counter(
            owner for a, b in zip(first, last, strict=True) for owner in self.owners[a:b].tolist()
        )
        owner, count = votes.most_common(1)[0] if votes else (0, 0)
        return count / max(len(hashes), 1), owner
