"""The engines: logits equal transformers', and a text depends on its prompt, seed and sign alone."""

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from model_training.engines.llama import Llama
from model_training.prompts import DEFAULT_TEMPLATE, SIGN_NAMES

CPU = torch.device("cpu")
PROMPTS = [
    DEFAULT_TEMPLATE.render({"sign": sign, "length": "400-450", **({"topic": "love"} if number % 2 else {})})
    for number, sign in enumerate(SIGN_NAMES)
]
SIGNS = list(SIGN_NAMES)


def stepped(model: Llama, ids: torch.Tensor) -> torch.Tensor:
    """Logits of all places, one step at a time, [rows, places, vocabulary]."""
    with torch.inference_mode():
        writing = model.begin(*ids.shape)
        return torch.stack([writing.step(ids[:, at]) for at in range(ids.shape[1])], 1)


SHAPES = {
    "like the base": {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64},
    "one key head": {"num_attention_heads": 4, "num_key_value_heads": 1},
    "no groups, own head, another base": {
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "tie_word_embeddings": False,
        "rope_parameters": {"rope_type": "default", "rope_theta": 500.0},
    },
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_compact_decoder_gives_transformers_logits(shape: dict, tmp_path: Path) -> None:
    torch.manual_seed(3)
    sizes = {"hidden_size": 128, "intermediate_size": 192, "num_hidden_layers": 3, "vocab_size": 320}
    config = LlamaConfig(**{"tie_word_embeddings": True, **sizes, **shape}, max_position_embeddings=64)
    model = LlamaForCausalLM(config).eval()
    for norm in [module for name, module in model.named_modules() if name.endswith("norm")]:
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
    model.save_pretrained(tmp_path)
    ids = torch.randint(0, 320, (3, 40))
    with torch.inference_mode():
        exact = model(ids).logits
        rounded = model.to(torch.bfloat16)(ids).logits.float()
    assert (stepped(Llama(tmp_path, "float32", CPU), ids) - exact).abs().max() < 1e-5
    theirs = (rounded - exact).abs().mean()
    assert (stepped(Llama(tmp_path, "bfloat16", CPU), ids) - exact).abs().mean() < 1.2 * theirs
    assert (stepped(Llama(tmp_path, "int8", CPU), ids) - exact).abs().mean() < 4 * theirs
