"""How well a model foretells texts. In: a model directory and (prompt, text) pairs. Out: bits for each text.

Bits per character = sum of -log2 p(text and its end) over all texts / characters of all texts. Tokenizers
differ between models, characters do not, so two models can be compared.
"""

import math
import sys
from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional
from transformers import PreTrainedTokenizerBase

from model_training.engines.batch import Decoder
from model_training.engines.pretrained import TorchEngine
from model_training.packing import collate_pairs
from model_training.tokens import NO_LOSS, Example, collate, encode

TOKENS_PER_BATCH = 8192


@torch.inference_mode()
def bits_of(engine: TorchEngine, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
    """Bits of each completion and its end of text, in the order given; a text is never cut."""
    limit = getattr(engine.model.config, "max_position_embeddings", sys.maxsize)
    examples = encode(pairs, engine.tokenizer, limit, prompt_ends=engine.translates)
    foretell = _translated if engine.translates else _continued
    bits = np.zeros(len(examples))
    for group in _groups(examples):
        logits, labels = foretell(engine, [examples[at] for at in group])
        loss = functional.cross_entropy(
            logits.float().transpose(1, 2), labels, ignore_index=NO_LOSS, reduction="none"
        )
        bits[group] = loss.double().sum(1).cpu().numpy() / math.log(2)
    return bits


@torch.inference_mode()
def stepped_bits_of(
    decoder: Decoder, tokenizer: PreTrainedTokenizerBase, pairs: Sequence[tuple[str, str]]
) -> np.ndarray:
    """The same as an engine's own decoder has it, token by token: what its rounding costs."""
    examples = encode(pairs, tokenizer, sys.maxsize)
    bits = np.zeros(len(examples))
    for group in _groups(examples):
        batch = collate([[examples[at] for at in group]])
        ids, labels = batch["input_ids"].to(decoder.device), batch["labels"].to(decoder.device)
        writing = decoder.begin(*ids.shape)
        for at in range(ids.shape[1] - 1):
            logits = writing.step(ids[:, at])
            assert logits is not None
            loss = functional.cross_entropy(logits, labels[:, at + 1], ignore_index=NO_LOSS, reduction="none")
            bits[group] += loss.double().cpu().numpy() / math.log(2)
    return bits


Foretold = tuple[torch.Tensor, torch.Tensor]
"""Logits [texts, places, vocabulary] and the labels of the same places."""


def _continued(engine: TorchEngine, examples: Sequence[Example]) -> Foretold:
    """By a causal model, which reads prompt and completion as one text."""
    batch = collate([examples])
    logits = engine.model(input_ids=batch["input_ids"].to(engine.device), use_cache=False).logits
    return logits[:, :-1], batch["labels"][:, 1:].to(engine.device)


def _translated(engine: TorchEngine, examples: Sequence[Example]) -> Foretold:
    """By an encoder-decoder, whose encoder reads the prompt."""
    batch = {name: tensor.to(engine.device) for name, tensor in collate_pairs(list(examples)).items()}
    return engine.model(**batch, use_cache=False).logits, batch["labels"]


def _groups(examples: Sequence[Example]) -> list[list[int]]:
    """Indices of texts of like length, a token budget a group."""
    groups: list[list[int]] = [[]]
    for at in sorted(range(len(examples)), key=lambda at: len(examples[at].ids)):
        if (len(groups[-1]) + 1) * len(examples[at].ids) > TOKENS_PER_BATCH and groups[-1]:
            groups.append([])
        groups[-1].append(at)
    return groups
