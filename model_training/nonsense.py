"""A weak writer on purpose: it knows which word follows which, and nothing of sense. In: training texts. Out:
texts whose every few words are good Russian and whose sentences mean nothing.

A measure of sense must tell its texts from people's; so must a report's reader, beside whose figures they
stand.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

TOKEN = re.compile(r"[^\W_]+(?:-[^\W_]+)*|[.,!?…:;—–]")
SENTENCE_MARKS = ".!?…"
MARKS = SENTENCE_MARKS + ",:;"
START, END = "\x02", "\x03"
FORGET = 0.15
"""Chance to look at one word less than it could: else it recites."""


class WordChain:
    """A Markov chain of words: the next one by the two before, or by one where two were never seen."""

    def __init__(self, texts: Sequence[str], order: int = 3) -> None:
        self.order = order
        self.following: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for text in texts:
            tokens = [START] * (order - 1) + TOKEN.findall(text) + [END]
            for at in range(order - 1, len(tokens)):
                for length in range(1, order):
                    self.following[tuple(tokens[at - length : at])][tokens[at]] += 1

    def write(self, seed: int, min_chars: int = 330, max_chars: int = 500) -> str:
        """A text of whole sentences, `min_chars` long or a little longer (cut where no sentence ends)."""
        rng = random.Random(seed)
        written, chars = [START] * (self.order - 1), 0
        while chars < max_chars:
            length = self.order - 1
            while length > 1 and (tuple(written[-length:]) not in self.following or rng.random() < FORGET):
                length -= 1
            choices = self.following[tuple(written[-length:])]
            token = rng.choices(list(choices), list(choices.values()))[0]
            if token == END:  # a new text begins where this one was too short
                written += [START] * (self.order - 1)
            else:
                written.append(token)
                chars += len(token) + (token not in MARKS)
            if chars >= min_chars and written[-1] in (*SENTENCE_MARKS, START):
                break
        text = " ".join(token for token in written if token != START)
        return re.sub(r" ([.,!?…:;])", r"\1", text)
