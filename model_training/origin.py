"""The model a run starts from. In: a recipe. Out: model and tokenizer, adapters in place if the recipe wants
them.

A base is a causal model or an encoder-decoder, in a directory or on the hub; which of the two, its own
config.json says.
"""

import dataclasses
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

from model_training.failures import StartProblem
from model_training.loop import half_precision
from model_training.pretrain import new_model
from model_training.recipe import Recipe
from model_training.tokens import train_tokenizer


def start(recipe: Recipe, pairs: list[tuple[str, str]]) -> tuple[Any, Any]:
    """Model and tokenizer: the base's, or new ones. Raises StartProblem when the base cannot be loaded."""
    if not recipe.base:
        tokenizer: Any = train_tokenizer((prompt + text for prompt, text in pairs), recipe.vocabulary)
        return new_model(tokenizer, dataclasses.asdict(recipe.shape), recipe.max_text_tokens), tokenizer
    model, tokenizer = _load(recipe)
    return (_with_adapters(model, recipe) if recipe.lora else model), tokenizer


def _load(recipe: Recipe) -> tuple[Any, Any]:
    address = recipe.base_address()
    # What adapters leave alone needs no fp32 copy.
    frozen_in_half = recipe.lora and half_precision() == torch.bfloat16
    dtype = torch.bfloat16 if frozen_in_half else torch.float32
    try:
        tokenizer = AutoTokenizer.from_pretrained(address)
        pairs = AutoConfig.from_pretrained(address).is_encoder_decoder
        kind = AutoModelForSeq2SeqLM if pairs else AutoModelForCausalLM
        return kind.from_pretrained(address, dtype=dtype), tokenizer
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise StartProblem(
            f"expected a causal model or an encoder-decoder, found none ({reason}), in {address}; "
            "give a directory, go online, or use --from-scratch"
        ) from error


def _with_adapters(model: Any, recipe: Recipe) -> Any:
    from peft import LoraConfig, get_peft_model

    assert recipe.lora
    adapters = LoraConfig(
        r=recipe.lora.rank,
        lora_alpha=recipe.lora.alpha,
        lora_dropout=recipe.lora.dropout,
        target_modules="all-linear",
        task_type="SEQ_2_SEQ_LM" if model.config.is_encoder_decoder else "CAUSAL_LM",
    )
    return get_peft_model(model, adapters)
