"""What a model must beat. In: training texts. Out: bits of held-out texts under three simple models, and
their texts.

- `CharacterNgram`: five characters, interpolated by Witten and Bell's rule;
- `SentenceTemplate`: each sentence is either one known from training or spelled by the n-gram; it writes by
gluing known sentences of the sign's texts together;
- retrieval: a training text of the same topic, as it stands (writes only).
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from model_training.corpus import Horoscope

ORDER = 5
END, START = "\x03", "\x02"
SENTENCE = re.compile(r"[^.!?…]+[.!?…]+[»”\")]?\s*|[^.!?…]+$")
KNOWN_SHARE = 0.5
"""Weight of known sentences in the mixture."""


def sentences_of(text: str) -> list[str]:
    """Sentences with their closing marks; joined by a space they give the text again."""
    return [found.group().strip() for found in SENTENCE.finditer(text)]


class CharacterNgram:
    """Counts of all 1- to 5-character runs of the training texts, as sorted integer keys."""

    def __init__(self, texts: Sequence[str], order: int = ORDER) -> None:
        self.order = order
        alphabet = sorted(set("".join(texts)) | {END, START})
        self.code = {char: number for number, char in enumerate(alphabet, 1)}
        self.base = len(alphabet) + 2
        stream = np.concatenate([self._encode(text) for text in texts])
        starts = stream == self.code[START]
        self.grams: list[tuple[np.ndarray, np.ndarray]] = []
        self.contexts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for length in range(1, order + 1):
            keys = self._keys(stream, length)[~starts]
            grams, counts = np.unique(keys, return_counts=True)
            contexts, first, kinds = np.unique(grams // self.base, return_index=True, return_counts=True)
            totals = np.add.reduceat(counts, first)
            self.grams.append((grams, counts))
            self.contexts.append((contexts, totals, kinds))

    def _encode(self, text: str) -> np.ndarray:
        unknown = self.base - 1
        body = [self.code.get(char, unknown) for char in text]
        return np.array([self.code[START]] * (self.order - 1) + body + [self.code[END]], dtype=np.int64)

    def _keys(self, stream: np.ndarray, length: int) -> np.ndarray:
        """The `length` characters that end at each place as one integer."""
        keys = np.zeros(len(stream), dtype=np.int64)
        for back in range(length):
            shifted = np.concatenate([np.zeros(back, np.int64), stream[: len(stream) - back]])
            keys += shifted * self.base**back
        return keys

    def bits_of(self, text: str) -> float:
        """-log2 of the text and its end."""
        stream = self._encode(text)
        chance = np.full(len(stream), 1.0 / self.base)
        for length, (grams, counts), (contexts, totals, kinds) in zip(
            range(1, self.order + 1), self.grams, self.contexts, strict=True
        ):
            keys = self._keys(stream, length)
            count = _look_up(grams, counts, keys)
            total = _look_up(contexts, totals, keys // self.base)
            kind = _look_up(contexts, kinds, keys // self.base)
            seen = total > 0
            mixed = (count + kind * chance) / np.maximum(total + kind, 1)
            chance = np.where(seen, mixed, chance)
        return float(-np.log2(chance[self.order - 1 :]).sum())


def _look_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], 0)


class SentenceTemplate:
    """The mixture of known sentences and the n-gram."""

    def __init__(self, rows: Sequence[Horoscope], ngram: CharacterNgram) -> None:
        self.ngram = ngram
        self.known = Counter(sentence for row in rows for sentence in sentences_of(row.clean_text))
        self.total = sum(self.known.values())
        self.by_topic: dict[str, list[list[str]]] = defaultdict(list)
        for row in rows:
            self.by_topic[row.topic].append(sentences_of(row.clean_text))

    def bits_of(self, text: str) -> float:
        """-log2 of the text: each sentence by the better-informed of the two, mixed half and half."""
        bits = 0.0
        for sentence in sentences_of(text):
            known = KNOWN_SHARE * self.known[sentence] / self.total
            spelled = (1 - KNOWN_SHARE) * 2.0 ** -min(self.ngram.bits_of(sentence), 1000.0)
            bits -= float(np.log2(known + spelled)) if known + spelled > 0 else -1000.0
        return bits

    def write(self, topic: str, seed: int) -> str:
        """Sentences of several texts of the topic, each in its own place (first, second, …), glued
        together."""
        rng = random.Random(seed)
        texts = self.by_topic[topic] or [text for group in self.by_topic.values() for text in group]
        result: list[str] = []
        while len(" ".join(result)) < 320:
            text = rng.choice(texts)
            result.append(text[min(len(result), len(text) - 1)])
        return " ".join(result)


def retrieve(rows: Sequence[Horoscope], sign: str, topic: str, seed: int) -> str:
    """A training text of the sign and topic (of the topic, or any, where there is none)."""
    fitting = [row for row in rows if row.topic == topic and row.sign == sign]
    fitting = fitting or [row for row in rows if row.topic == topic] or list(rows)
    return random.Random(seed).choice(fitting).clean_text
