"""How written texts look, beside people's. In: lists of texts. Out: shares and distances, each with its
interval."""

from collections import Counter
from collections.abc import Sequence

from model_training.gates import NEAR_DUPLICATE, WORD, Gates, is_well_formed
from model_training.intervals import Figure, mean
from model_training.safety import unsafe_spans
from model_training.signs import mentioned_signs


def words_of(text: str) -> list[str]:
    return [word.lower().replace("ё", "е") for word in WORD.findall(text)]


def distinct(texts: Sequence[str], length: int) -> Figure:
    """Different runs of `length` words over all runs: 1 when nothing is ever said twice."""
    runs: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        words = words_of(text)
        runs.update(tuple(words[at : at + length]) for at in range(len(words) - length + 1))
    total = sum(runs.values())
    value = len(runs) / total if total else 0.0
    spread = 1.96 * (value * (1 - value) / max(total, 1)) ** 0.5
    return Figure(value, total, value - spread, value + spread)


def self_overlap(texts: Sequence[str]) -> Figure:
    """For each text, the largest share of its four-word runs that one other text of the list has too."""
    sets = [set(zip(w, w[1:], w[2:], w[3:], strict=False)) for w in map(words_of, texts)]
    largest = [
        max((len(one & other) / max(len(one), 1) for at, other in enumerate(sets) if at != here), default=0.0)
        for here, one in enumerate(sets)
    ]
    return mean(largest)


def describe(texts: Sequence[str], signs: Sequence[str], gates: Gates, known: Gates) -> dict[str, Figure]:
    """The table's row for a list of texts and the signs they are for.

    `gates` are the model's own; `known` is built from the training texts themselves, not by the model.
    """
    nearest = [known.nearest(text)[0] for text in texts]
    copied = [known.copied_chars(text) for text in texts]
    return {
        "format_share": mean([is_well_formed(text) for text in texts]),
        "wrong_sign_share": mean([not mentioned_signs(t) <= {s} for t, s in zip(texts, signs, strict=True)]),
        "unsafe_share": mean([bool(unsafe_spans(text)) for text in texts]),
        "near_duplicate_share": mean([share >= NEAR_DUPLICATE for share in nearest]),
        "nearest_training_text": mean(nearest),
        "copied_chars": mean(copied),
        "copied_over_limit_share": mean([chars > gates.max_copied_chars for chars in copied]),
        "distinct_2": distinct(texts, 2),
        "self_overlap": self_overlap(texts),
        "chars": mean([len(text) for text in texts]),
    }
