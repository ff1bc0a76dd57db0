"""Drawing the next tokens. In: logits and uniform random numbers. Out: a token for every row.

What is drawn from: the logits at a temperature, cut to the nucleus (the most probable tokens that together
have `TOP_P`) and to `TOP_K`. Each row draws with numbers of its own, so it does not depend on its
neighbours.
"""

from collections.abc import Sequence

import torch

from model_training.signs import STEMS, signs_named_by

MAX_NEW_TOKENS = 176
TEMPERATURE, TOP_P, TOP_K = 0.8, 0.95, 64
BLOCK = 64
"""Chances are summed by so many at first."""
DRAWS = 2
"""Uniform numbers a token needs at most."""


def sample(logits: torch.Tensor, uniform: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """[rows, vocabulary] and [rows, 2] in [0, 1) -> tokens and their log-chances before the cut, [rows] each.

    First a draw from the whole distribution, which needs no sorting; the few rows whose token lies outside
    the nucleus draw again, from the sorted nucleus. Together that is a draw from the nucleus.
    """
    chances = logits.mul(1 / TEMPERATURE).softmax(-1)
    tokens = _draw(chances, uniform[:, :1])
    chance = chances.gather(1, tokens)
    doubtful = (chance[:, 0] <= max(1 - TOP_P, 1 / TOP_K)).nonzero()[:, 0]
    """A likelier token than that cannot have `TOP_P`, nor `TOP_K` tokens, above it."""
    if len(doubtful):
        among = chances[doubtful]
        above = among > chance[doubtful]
        outside = ((among * above).sum(-1) >= TOP_P) | (above.sum(-1) >= TOP_K)
        if len(again := doubtful[outside]):
            tokens[again] = _draw_from_nucleus(among[outside], uniform[again, 1:2])
            chance = chances.gather(1, tokens)
    return tokens[:, 0], chance[:, 0].log()


def _draw(chances: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """The inverse of the cumulated chances, [rows, vocabulary] and [rows, 1] -> [rows, 1]: first the block
    it falls in, then the place in that block."""
    rows, vocabulary = chances.shape
    if vocabulary % BLOCK:
        return _inverse(chances, uniform * chances.sum(-1, keepdim=True))
    blocks = chances.view(rows, -1, BLOCK)
    cumulated = blocks.sum(-1).cumsum(-1)
    target = uniform * cumulated[:, -1:]
    block = torch.searchsorted(cumulated, target, right=True).clamp_(max=blocks.shape[1] - 1)
    within = blocks[torch.arange(rows, device=chances.device), block[:, 0]]
    before = cumulated.gather(1, block) - within.sum(-1, keepdim=True)
    return block * BLOCK + _inverse(within, target - before)


def _inverse(chances: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Where the cumulated chances pass `target`; the last place that has a chance, if rounding misses it."""
    cumulated = chances.cumsum(-1)
    target = torch.minimum(target, cumulated[:, -1:] * (1 - 1e-6))
    return torch.searchsorted(cumulated, target, right=True)


def _draw_from_nucleus(chances: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    best, tokens = chances.topk(min(TOP_K, chances.shape[-1]), dim=-1)
    best = best.masked_fill(best.cumsum(-1) - best >= TOP_P, 0.0)
    return tokens.gather(1, _inverse(best, uniform * best.sum(-1, keepdim=True)))


def banned_tokens(pieces: Sequence[str]) -> dict[str, list[int]]:
    """Sign -> ids of the tokens (as decoded, by id) that can only name another sign."""
    naming = [(token, signs) for token, piece in enumerate(pieces) if (signs := signs_named_by(piece))]
    return {sign: [token for token, signs in naming if signs - {sign}] for sign in STEMS}


def has_fast_bf16() -> bool:
    """Whether bf16 is computed by the hardware; emulated, it is several times slower than fp32."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
