"""Fast batched sampling on one machine. In: prompts and a seed for each. Out: their completions.

The KV cache is allocated once and grows in place; prompts of different lengths run side by side without
padding (a row still inside its prompt is fed its own next token), and rows that have ended leave the batch.
Each row draws from its own stream of uniform numbers, so its text does not depend on its neighbours.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

MAX_NEW_TOKENS = 176
BATCH_ROWS = 160
TEMPERATURE, TOP_P = 0.8, 0.95
TOP_K = 64
"""The nucleus is sought among so many most probable tokens: a full sort of the vocabulary costs more than
the model."""
ROWS_TO_SHED = 0.75
"""The cache is compacted when fewer than this share of its rows are still writing."""


class GrowingLayer(DynamicLayer):
    """Keys and values in a buffer allocated once; transformers' own layer copies everything at each token."""

    def __init__(self, max_tokens: int) -> None:
        super().__init__()
        self.max_tokens, self.used = max_tokens, 0

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if self.used == 0:
            rows, heads, _, width = key_states.shape
            self.lazy_initialization(key_states, value_states)
            self.keys = key_states.new_empty(rows, heads, self.max_tokens, width)
            self.values = torch.empty_like(self.keys)
        end = self.used + key_states.shape[-2]
        self.keys[:, :, self.used : end] = key_states
        self.values[:, :, self.used : end] = value_states
        self.used = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_seq_length(self) -> int:
        return self.used

    def keep(self, rows: torch.Tensor) -> None:
        self.keys, self.values = self.keys[rows], self.values[rows]


class TorchEngine:
    """A causal model from a local directory, in bf16 where the processor has it."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dtype = torch.bfloat16 if has_fast_bf16() else torch.float32
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, dtype=dtype
        )
        self.model = model.to(self.device).eval()

    def complete(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[str]:
        """Completions in the order of `prompts`; each depends on its prompt and seed only."""
        texts: list[str] = []
        for start in range(0, len(prompts), BATCH_ROWS):
            batch = slice(start, start + BATCH_ROWS)
            texts += self._complete_batch(prompts[batch], seeds[batch])
        return texts

    @torch.inference_mode()
    def _complete_batch(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[str]:
        prompt_ids = [
            ids or [self.tokenizer.eos_token_id]
            for ids in self.tokenizer(list(prompts), add_special_tokens=False)["input_ids"]
        ]
        shortest, longest = min(map(len, prompt_ids)), max(map(len, prompt_ids))
        total = longest + MAX_NEW_TOKENS
        draws = np.stack([np.random.default_rng(seed).random(MAX_NEW_TOKENS) for seed in seeds])
        cache = DynamicCache(config=self.model.config)
        cache.layers = [GrowingLayer(total) for _ in range(self.model.config.num_hidden_layers)]
        cache.layer_class_to_replicate = None
        written: list[list[int]] = [[] for _ in prompts]
        rows = list(range(len(prompts)))
        ended: set[int] = set()
        ids = torch.tensor([p[:shortest] for p in prompt_ids], device=self.device)
        for at in range(shortest, total):
            logits = self.model(
                input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1
            ).logits[:, -1]
            uniform = [draws[row, min(len(written[row]), MAX_NEW_TOKENS - 1)] for row in rows]
            sampled = sample(logits.float(), torch.tensor(uniform, device=self.device)).tolist()
            tokens = [
                prompt_ids[row][at] if at < len(prompt_ids[row]) else token
                for row, token in zip(rows, sampled, strict=True)
            ]
            for row, token in zip(rows, tokens, strict=True):
                if at >= len(prompt_ids[row]) and row not in ended:
                    if token == self.tokenizer.eos_token_id or len(written[row]) >= MAX_NEW_TOKENS:
                        ended.add(row)
                    else:
                        written[row].append(token)
            alive = [place for place, row in enumerate(rows) if row not in ended]
            if not alive:
                break
            if len(alive) < ROWS_TO_SHED * len(rows):
                keep = torch.tensor(alive, device=self.device)
                for layer in cache.layers:
                    layer.keep(keep)
                rows, tokens = [rows[place] for place in alive], [tokens[place] for place in alive]
            ids = torch.tensor(tokens, device=self.device)[:, None]
        return [self.tokenizer.decode(tokens, skip_special_tokens=True) for tokens in written]


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
