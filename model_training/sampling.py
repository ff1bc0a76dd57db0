"""Fast batched sampling on one machine. In: prompts and a seed for each. Out: their completions.

The KV cache is allocated once and grows in place; prompts of different lengths run side by side without
padding (a row still inside its prompt is fed its own next token), and rows that have ended leave the batch.
Each row draws from its own stream of uniform numbers, so its text does not depend on its neighbours.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache
from transformers.cache_utils import DynamicLayer
from transformers.utils import logging

from model_training.signs import names_another_sign

MAX_NEW_TOKENS = 176
BATCH_ROWS = 160
TEMPERATURE, TOP_P = 0.9, 0.95
TOP_K = 64
"""The nucleus is sought among so many most probable tokens: a full sort of the vocabulary costs more than
the model."""
ROWS_TO_SHED = 0.75
"""The cache is compacted when fewer than this share of its rows are still writing."""


class GrowingLayer(DynamicLayer):
    """Keys and values in buffers allocated once; transformers' own layer copies everything at each token."""

    def __init__(self, max_tokens: int) -> None:
        super().__init__()
        self.max_tokens, self.used = max_tokens, 0
        self.kept_keys = self.kept_values = torch.empty(0)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if self.used == 0:
            rows, heads, _, width = key_states.shape
            self.lazy_initialization(key_states, value_states)
            self.kept_keys = key_states.new_empty(rows, heads, self.max_tokens, width)
            self.kept_values = torch.empty_like(self.kept_keys)
        end = self.used + key_states.shape[-2]
        self.kept_keys[:, :, self.used : end] = key_states
        self.kept_values[:, :, self.used : end] = value_states
        self.used = end
        return self.kept_keys[:, :, :end], self.kept_values[:, :, :end]

    def get_seq_length(self) -> int:
        return self.used

    def keep(self, rows: torch.Tensor) -> None:
        """Drop all rows of the batch but `rows`."""
        self.kept_keys, self.kept_values = self.kept_keys[rows], self.kept_values[rows]


class Completion(NamedTuple):
    """What a model wrote."""

    text: str
    log_likelihood: float
    """Mean over its tokens, nats: how sure the model is of what it wrote. Rounded, so that the order of
    texts does not hang on what stood beside them in a batch."""


class Row:
    """One text in the making: its prompt, its own random numbers, what is written."""

    def __init__(self, prompt: list[int], seed: int, sign: str, end: int) -> None:
        self.prompt, self.end, self.sign = prompt, end, sign
        self.draws = np.random.default_rng(seed).random(MAX_NEW_TOKENS)
        self.written: list[int] = []
        self.log_likelihoods: list[float] = []
        self.ended = False

    def draw(self) -> float:
        return float(self.draws[min(len(self.written), MAX_NEW_TOKENS - 1)])

    def take(self, at: int, sampled: int, log_likelihood: float) -> int:
        """The token at place `at`: the prompt's own while inside it, then the sampled one, which is kept."""
        if at < len(self.prompt):
            return self.prompt[at]
        self.ended = sampled == self.end or len(self.written) == MAX_NEW_TOKENS
        if not self.ended:
            self.written.append(sampled)
            self.log_likelihoods.append(log_likelihood)
        return sampled


class TorchEngine:
    """A causal model from a local directory, in bf16 where the processor has it."""

    def __init__(self, folder: Path) -> None:
        logging.disable_progress_bar()
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dtype = torch.bfloat16 if has_fast_bf16() else torch.float32
        model: Any = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=dtype)
        self.model = model.to(self.device).eval()
        self.banned: dict[str, torch.Tensor] = {}

    def complete(
        self, prompts: Sequence[str], seeds: Sequence[int], signs: Sequence[str]
    ) -> list[Completion]:
        """Completions in the order of `prompts`; each depends on its prompt, seed and sign only.

        Tokens that can only name another sign than the wanted one are never drawn: a small model is often
        unsure whom it speaks to, and all it says else is good.
        """
        encoded = self.tokenizer(list(prompts), add_special_tokens=False)["input_ids"]
        end = self.tokenizer.eos_token_id
        rows = [
            Row(ids or [end], seed, sign, end) for ids, seed, sign in zip(encoded, seeds, signs, strict=True)
        ]
        for start in range(0, len(rows), BATCH_ROWS):
            self._fill(rows[start : start + BATCH_ROWS])
        return [
            Completion(
                self.tokenizer.decode(row.written, skip_special_tokens=True),
                round(float(np.mean(row.log_likelihoods or [-np.inf])), 3),
            )
            for row in rows
        ]

    def _ban(self, sign: str) -> torch.Tensor:
        """[vocabulary]: minus infinity for the tokens that name another sign, else 0."""
        if sign not in self.banned:
            pieces = self.tokenizer.batch_decode([[token] for token in range(len(self.tokenizer))])
            banned = [names_another_sign(piece, sign) for piece in pieces]
            mask = torch.zeros(self.model.config.vocab_size, device=self.device)
            mask[: len(banned)].masked_fill_(torch.tensor(banned, device=self.device), -torch.inf)
            self.banned[sign] = mask
        return self.banned[sign]

    @torch.inference_mode()
    def _fill(self, rows: list[Row]) -> None:
        """Write all `rows` to their ends, one token for each at a step."""
        first, longest = min(len(row.prompt) for row in rows), max(len(row.prompt) for row in rows)
        layers = [GrowingLayer(longest + MAX_NEW_TOKENS) for _ in range(self.model.config.num_hidden_layers)]
        cache = DynamicCache(config=self.model.config)
        cache.layers = list(layers)
        ids = torch.tensor([row.prompt[:first] for row in rows], device=self.device)
        for at in range(first, longest + MAX_NEW_TOKENS):
            logits = self.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
            draws = torch.tensor([row.draw() for row in rows], device=self.device)
            allowed = logits[:, -1].float() + torch.stack([self._ban(row.sign) for row in rows])
            sampled = sample(allowed, draws)
            chances = logits[:, -1].float().log_softmax(-1).gather(1, sampled[:, None])[:, 0]
            told = zip(rows, sampled.tolist(), chances.tolist(), strict=True)
            tokens = [row.take(at, token, chance) for row, token, chance in told]
            alive = [place for place, row in enumerate(rows) if not row.ended]
            if not alive:
                return
            if len(alive) < ROWS_TO_SHED * len(rows):
                keep = torch.tensor(alive, device=self.device)
                for layer in layers:
                    layer.keep(keep)
                rows, tokens = [rows[place] for place in alive], [tokens[place] for place in alive]
            ids = torch.tensor(tokens, device=self.device)[:, None]


def sample(logits: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """One token a row, [rows, vocabulary] -> [rows]: top-k, then the nucleus, then the inverse of the
    cumulated chances."""
    best, tokens = logits.div(TEMPERATURE).topk(min(TOP_K, logits.shape[-1]), dim=-1)
    chances = best.softmax(-1)
    before = chances.cumsum(-1) - chances
    chances = chances.masked_fill(before >= TOP_P, 0.0)
    cumulated = chances.cumsum(-1)
    target = uniform.to(cumulated.dtype)[:, None] * cumulated[:, -1:]
    place = torch.searchsorted(cumulated, target, right=True).clamp(max=best.shape[-1] - 1)
    return tokens.gather(1, place)[:, 0]


def has_fast_bf16() -> bool:
    """Whether bf16 is computed by the hardware; emulated, it is several times slower than fp32."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
