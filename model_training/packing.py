"""Texts side by side without padding. In: examples. Out: packs of them, and the tensors of one pack.

Our texts are short, 70-150 tokens, so padding would be most of the cost of a naive run. A pack is one row of
tokens, [1, tokens]; `model_training.attention` keeps each text to itself, positions begin anew with each, so
the logits equal those of each text alone. Only places that foretell a token of a completion are scored.
"""

import bisect
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence

from model_training.tokens import NO_LOSS, Example

Pack = list[Example]
Batch = list[Pack]
"""What one optimiser step learns from."""
ROUND_TO = 8
"""Fixed shapes are rounded up to a multiple of it."""


@dataclass(frozen=True)
class Shape:
    """Every pack of a run made to one shape, so that a compiled model is compiled once."""

    tokens: int
    texts: int
    """The filling at the end, which is no text of anybody, included."""
    longest: int
    """Tokens of the longest text or filling."""


def pack(examples: Sequence[Example], capacity: int, seed: int) -> list[Pack]:
    """Best fit decreasing: each example once, the longest first, into the fullest pack that still takes it.

    An example longer than `capacity` gets a pack of its own.
    """
    rng = random.Random(seed)
    packs: list[Pack] = []
    room: list[tuple[int, int]] = []
    """(tokens free, pack), sorted."""
    for example in sorted(examples, key=lambda one: (-len(one.ids), rng.random())):
        at = bisect.bisect_left(room, (len(example.ids), -1))
        if at == len(room):
            free, number = max(capacity, len(example.ids)), len(packs)
            packs.append([])
        else:
            free, number = room.pop(at)
        packs[number].append(example)
        bisect.insort(room, (free - len(example.ids), number))
    rng.shuffle(packs)
    return packs


def batches(examples: Sequence[Example], tokens: int, micro_tokens: int, seed: int) -> list[Batch]:
    """Batches of about `tokens` tokens in packs of at most `micro_tokens`, which is what memory must hold."""
    packs_a_batch = max(1, round(tokens / micro_tokens))
    packs = pack(examples, min(tokens, micro_tokens), seed)
    return [packs[at : at + packs_a_batch] for at in range(0, len(packs), packs_a_batch)]


def shape_of(all_batches: Sequence[Batch]) -> Shape:
    """The one shape that holds every pack."""
    packs = [one for batch in all_batches for one in batch]
    tokens = _rounded(max(sum(len(example.ids) for example in one) for one in packs))
    filling = tokens - min(sum(len(example.ids) for example in one) for one in packs)
    longest = max(len(example.ids) for one in packs for example in one)
    # A filling longer than the longest text is cut into texts of its own.
    texts = max(len(one) + -(-filling // longest) for one in packs)
    return Shape(tokens, _rounded(texts), _rounded(longest))


def half_of(shape: Shape) -> Shape:
    """The shape that holds either half of every pack of `shape`."""
    return Shape(_rounded(shape.tokens // 2 + shape.longest), shape.texts + 2, shape.longest)


def _rounded(number: int) -> int:
    return -(-number // ROUND_TO) * ROUND_TO


def halves(one: Pack) -> list[Pack]:
    """The pack as two, of about as many tokens each; a single text cannot be halved."""
    if len(one) < 2:
        return [one]
    tokens = sum(len(example.ids) for example in one)
    seen, at = 0, 0
    while at < len(one) - 1 and seen + len(one[at].ids) <= tokens / 2:
        seen += len(one[at].ids)
        at += 1
    at = max(at, 1)
    return [one[:at], one[at:]]


def scored(one: Pack, pairs: bool = False) -> int:
    """How many tokens of the pack are learnt. In a plain text the first one is not: nothing foretells it."""
    least = 0 if pairs else 1
    return sum(max(0, len(example.ids) - max(example.prompt_tokens, least)) for example in one)


def collate(one: Pack, shape: Shape | None = None) -> dict[str, Any]:
    """The tensors of a pack.

    `input_ids` and `position_ids`, [1, tokens]; `scored`, the places whose next token is learnt, and
    `targets`, that token, both [scored]; `starts`, where each text begins and, last, where the last one ends,
    [texts + 1], int32; `longest`, tokens. With a `shape` the row is filled up with texts that nobody scores.
    """
    lengths = [len(example.ids) for example in one]
    ids = [token for example in one for token in example.ids]
    longest = max(lengths)
    if shape:
        longest = shape.longest
        while (left := shape.tokens - sum(lengths)) > 0:
            lengths.append(min(left, longest))
        ids += [0] * (shape.tokens - len(ids))
    sizes = torch.tensor(lengths)
    starts = torch.zeros((shape.texts if shape else len(lengths)) + 1, dtype=torch.int32)
    starts[1 : len(lengths) + 1] = sizes.cumsum(0)
    starts[len(lengths) + 1 :] = len(ids)
    begin = torch.repeat_interleave(starts[: len(lengths)], sizes)
    position = torch.arange(len(ids)) - begin
    row = torch.tensor(ids)
    wanted = torch.zeros(len(ids), dtype=torch.bool)
    at = 0
    for example in one:
        # The first token of a text is foretold by nothing.
        wanted[at + max(example.prompt_tokens, 1) : at + len(example.ids)] = True
        at += len(example.ids)
    targets = wanted.nonzero().squeeze(1)
    return {
        "input_ids": row[None],
        "position_ids": position[None],
        "scored": targets - 1,
        "targets": row[targets],
        "starts": starts,
        "longest": longest,
    }


def collate_pairs(one: Pack) -> dict[str, Any]:
    """The tensors of a pack for an encoder-decoder, padded: `input_ids` and `attention_mask`
    [texts, longest prompt], `labels` [texts, longest completion]. Packs hold texts of like length."""
    prompts = [torch.tensor(example.ids[: example.prompt_tokens]) for example in one]
    completions = [torch.tensor(example.ids[example.prompt_tokens :]) for example in one]
    mask = [torch.ones_like(prompt) for prompt in prompts]
    return {
        "input_ids": pad_sequence(prompts, batch_first=True),
        "attention_mask": pad_sequence(mask, batch_first=True),
        "labels": pad_sequence(completions, batch_first=True, padding_value=NO_LOSS),
    }
