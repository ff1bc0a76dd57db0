"""The engine that reads any causal model or encoder-decoder: transformers' own forward pass in our sampling
loop."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    DynamicCache,
    EncoderDecoderCache,
)
from transformers.cache_utils import DynamicLayer
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils import logging

from model_training.engines.batch import Row
from model_training.engines.sampled import SampledEngine
from model_training.sampling import has_fast_bf16


class GrowingLayer(DynamicLayer):
    """Keys and values in buffers allocated once; transformers' own layer copies everything at each token."""

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self.capacity, self.used = capacity, 0
        self.kept_keys = self.kept_values = torch.empty(0)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if self.used == 0:
            rows, heads, _, width = key_states.shape
            self.lazy_initialization(key_states, value_states)
            self.kept_keys = key_states.new_empty(rows, heads, self.capacity, width)
            self.kept_values = torch.empty_like(self.kept_keys)
        end = self.used + key_states.shape[-2]
        self.kept_keys[:, :, self.used : end] = key_states
        self.kept_values[:, :, self.used : end] = value_states
        self.used = end
        return self.kept_keys[:, :, :end], self.kept_values[:, :, :end]

    def get_seq_length(self) -> int:
        return self.used

    def keep(self, rows: torch.Tensor) -> None:
        """Go on with these rows of the batch only, in this order."""
        if self.used:
            self.kept_keys, self.kept_values = self.kept_keys[rows], self.kept_values[rows]


class CachedWriting:
    """A batch in the making: transformers' model with a growing cache. See `batch.Writing`."""

    def __init__(self, model: Any, capacity: int) -> None:
        self.model = model
        self.layers = [GrowingLayer(capacity) for _ in range(model.config.num_hidden_layers)]
        self.cache = DynamicCache(config=model.config)
        self.cache.layers = list(self.layers)

    def keep(self, rows: torch.Tensor) -> None:
        for layer in self.layers:
            layer.keep(rows)

    def step(self, tokens: torch.Tensor, wanted: bool = True) -> torch.Tensor:
        told = self.model(input_ids=tokens[:, None], past_key_values=self.cache, use_cache=True)
        return told.logits[:, -1].float()


class PretrainedDecoder:
    """transformers' model as a `batch.Decoder`."""

    def __init__(self, model: Any) -> None:
        self.model, self.device = model, model.device

    def begin(self, rows: int, capacity: int, sources: Sequence[Sequence[int]] = ()) -> CachedWriting:
        return CachedWriting(self.model, capacity)


class TranslatedWriting:
    """A batch in the making that reads what an encoder made of each prompt. See `batch.Writing`."""

    def __init__(self, model: Any, sources: Sequence[Sequence[int]]) -> None:
        self.model = model
        prompts = [torch.tensor(source, device=model.device) for source in sources]
        ids = pad_sequence(prompts, batch_first=True)
        self.mask = pad_sequence([torch.ones_like(prompt) for prompt in prompts], batch_first=True)
        self.read = model.get_encoder()(input_ids=ids, attention_mask=self.mask).last_hidden_state
        self.cache: Any = EncoderDecoderCache(DynamicCache(), DynamicCache())

    def keep(self, rows: torch.Tensor) -> None:
        self.read, self.mask = self.read[rows], self.mask[rows]
        if self.cache.get_seq_length():
            self.cache.batch_select_indices(rows)

    def step(self, tokens: torch.Tensor, wanted: bool = True) -> torch.Tensor:
        told = self.model(
            decoder_input_ids=tokens[:, None],
            encoder_outputs=BaseModelOutput(last_hidden_state=self.read),
            attention_mask=self.mask,
            past_key_values=self.cache,
            use_cache=True,
        )
        return told.logits[:, -1].float()


class TranslatingDecoder:
    """transformers' encoder-decoder as a `batch.Decoder`."""

    def __init__(self, model: Any) -> None:
        self.model, self.device = model, model.device

    def begin(self, rows: int, capacity: int, sources: Sequence[Sequence[int]] = ()) -> TranslatedWriting:
        return TranslatedWriting(self.model, sources)


class TorchEngine(SampledEngine):
    """A model from a local directory, in bf16 where the processor has it. The model and transformers'
    tokenizer are there for whoever scores texts."""

    def __init__(self, folder: Path, threads: int | None = None, dtype: torch.dtype | None = None) -> None:
        logging.disable_progress_bar()
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dtype = dtype or (torch.bfloat16 if has_fast_bf16() else torch.float32)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.translates = AutoConfig.from_pretrained(folder, local_files_only=True).is_encoder_decoder
        kind: Any = AutoModelForSeq2SeqLM if self.translates else AutoModelForCausalLM
        model = kind.from_pretrained(folder, local_files_only=True, dtype=dtype)
        self.model = model.to(self.device).eval()
        decoder = TranslatingDecoder if self.translates else PretrainedDecoder
        super().__init__(folder, decoder(self.model), threads)

    def row(self, prompt: list[int], seed: int, banned: Sequence[int]) -> Row:
        """An encoder reads the prompt and its end; the decoder begins with its own first token."""
        if not self.translates:
            return super().row(prompt, seed, banned)
        first = self.model.config.decoder_start_token_id
        return Row([first], seed, banned, source=(*prompt, self.end))
