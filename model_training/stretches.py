"""What a text has word for word from the training texts. In: texts, training texts. Out: the longest common
stretch of each text, and whose it is.

A stretch begins at a word and is measured in characters of the text reduced to lower-case words with single
spaces, so that neither case, ё nor punctuation hides a copy. All texts are searched at once in one suffix
array (libdivsufsort) of training texts and texts together: the longest common stretch of a suffix is with a
neighbour in the array.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

WORD = re.compile(r"[^\W_]+")
TRAINING_END, TEXT_END, SPACE = b"\0", b"\1", ord(" ")
"""Training texts and the others end in different bytes, so no stretch crosses an end."""


class Stretch(NamedTuple):
    """The longest piece of a text that a training text has too."""

    chars: int
    text: str
    """The piece, as reduced."""
    owner: int
    """The number of a training text that has it; of no meaning when `chars` is 0."""


def reduced(text: str) -> bytes:
    """A space before every word; one byte a character (a letter that cp1251 lacks becomes a question
    mark)."""
    words = "".join(" " + word for word in WORD.findall(text.lower().replace("ё", "е")))
    return words.encode("cp1251", errors="replace")


def longest_stretches(texts: Sequence[str], training: Sequence[str]) -> list[Stretch]:
    """One for each of `texts`, in order. About a second for four million characters in all."""
    import pydivsufsort

    known = [reduced(text) for text in training]
    asked = [reduced(text) for text in texts]
    whole = b"".join(piece + TRAINING_END for piece in known) + b"".join(p + TEXT_END for p in asked)
    if not asked:
        return []
    border = sum(len(piece) + 1 for piece in known)
    places = pydivsufsort.divsufsort(whole)
    common = pydivsufsort.kasai(whole, places)
    is_known = places < border
    before, owner_before = _common_with_last_known(places, is_known, np.concatenate([[0], common[:-1]]))
    after, owner_after = _common_with_last_known(places[::-1], is_known[::-1], common[::-1])
    after, owner_after = after[::-1], owner_after[::-1]
    length = np.zeros(len(whole), np.int64)
    owner = np.zeros(len(whole), np.int64)
    length[places] = np.maximum(before, after)
    owner[places] = np.where(before >= after, owner_before, owner_after)
    at_word = np.frombuffer(whole, np.uint8) == SPACE
    return _longest_of_each(asked, border, np.where(at_word, length, 0), owner, _starts(known))


def _common_with_last_known(
    places: np.ndarray, is_known: np.ndarray, common: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each rank: characters shared with the last training suffix before it, and that suffix's place.

    `common` is what a suffix shares with the one before it; what it shares with one further away is the least
    on the way. The running minimum starts anew at each training suffix because its numbers are lowered by
    more than any length.
    """
    group = np.cumsum(is_known)
    step = len(places) + 1
    least = np.where(is_known, step - 1, common.astype(np.int64)) - group * step
    shared = np.minimum.accumulate(least) + group * step
    last = np.maximum.accumulate(np.where(is_known, np.arange(len(places)), -1))
    return np.where((last >= 0) & ~is_known, shared, 0), places[np.maximum(last, 0)]


def _starts(pieces: Sequence[bytes]) -> np.ndarray:
    return np.cumsum([0, *(len(piece) + 1 for piece in pieces)])


def _longest_of_each(
    asked: Sequence[bytes], border: int, length: np.ndarray, owner: np.ndarray, known_starts: np.ndarray
) -> list[Stretch]:
    found = []
    for start, piece in zip(_starts(asked)[:-1] + border, asked, strict=True):
        best = int(length[start : start + len(piece) + 1].argmax())
        size = int(length[start + best])
        number = int(np.searchsorted(known_starts, owner[start + best], side="right")) - 1
        text = piece[best : best + size].decode("cp1251").strip()
        found.append(Stretch(max(size - 1, 0), text, number if size else 0))
    return found


def windows(text: str, chars: int) -> list[bytes]:
    """Every stretch of `chars` characters that begins at a word: two texts share a stretch of that length
    exactly when they share a window."""
    piece = reduced(text)
    starts = [at for at in range(len(piece) - chars) if piece[at] == SPACE]
    return [piece[at : at + chars + 1] for at in starts]
