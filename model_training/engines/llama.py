"""A Llama-style decoder that writes one token for many texts at a time. In: config.json and safetensors of
a model directory. Out: logits.

Every text of a batch stands at the same place, so keys and values are written and read as plain slices,
and the attention of a text has the same shape whatever else is written beside it. Prompts take the same
steps as what is written after them. The query, key and value weights are one matrix, and so are gate and
up.

Architecture: https://arxiv.org/abs/2302.13971; rotary embedding in transformers' half-split form.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch.nn import functional

from model_training.engines.linear import Float, Int8, Linear


def why_not_readable(config: Mapping[str, Any]) -> str | None:
    """What in config.json this decoder does not know; None when it reads the model."""
    expected = {"model_type": "llama", "hidden_act": "silu", "attention_bias": False, "mlp_bias": False}
    for name, value in expected.items():
        if config.get(name, value) != value:
            return f"{name} {config[name]!r}"
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = rope.get("rope_type", "default")
    return None if kind == "default" else f"rope_type {kind!r}"


class Llama:
    """The weights of one model, in one precision."""

    def __init__(self, folder: Path, precision: str, device: torch.device) -> None:
        """`precision`: `int8`, or the name of a torch float dtype."""
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.device = device
        self.dtype = torch.float32 if precision == "int8" else getattr(torch, precision)
        self.make: type[Int8] | type[Float] = Int8 if precision == "int8" else Float
        self.heads = config["num_attention_heads"]
        self.groups = config.get("num_key_value_heads") or self.heads
        self.width = config.get("head_dim") or config["hidden_size"] // self.heads
        self.epsilon = config["rms_norm_eps"]
        self.vocabulary = config["vocab_size"]
        self.max_tokens = config["max_position_embeddings"]
        rope = config.get("rope_parameters") or {}
        self.turns = self._turns(rope.get("rope_theta") or config.get("rope_theta", 10_000.0))
        weights = load_file(folder / "model.safetensors", device=str(device))
        self.embedding = weights["model.embed_tokens.weight"].to(self.dtype)
        self.head = self._linear(
            weights["model.embed_tokens.weight" if config["tie_word_embeddings"] else "lm_head.weight"]
        )
        self.norm = weights["model.norm.weight"].to(self.dtype)
        self.layers = [Layer(self, weights, number) for number in range(config["num_hidden_layers"])]

    def _linear(self, *parts: torch.Tensor) -> Linear:
        return self.make(torch.cat([part.to(self.dtype) for part in parts]))

    def _turns(self, theta: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines of the rotary embedding, [place, width]; the first half of the sines negated."""
        steps = torch.arange(0, self.width, 2, dtype=torch.float32) / self.width
        angles = torch.outer(torch.arange(self.max_tokens, dtype=torch.float32), theta**-steps)
        cosines = torch.cat([angles.cos(), angles.cos()], 1)
        sines = torch.cat([-angles.sin(), angles.sin()], 1)
        return cosines.to(self.device, self.dtype), sines.to(self.device, self.dtype)

    def begin(self, rows: int, capacity: int) -> "Writing":
        """An empty batch of `rows` texts with room for `capacity` tokens each."""
        return Writing(self, rows, capacity)


class Layer:
    """One block: attention, then the gated feed-forward."""

    def __init__(self, model: Llama, weights: Mapping[str, torch.Tensor], number: int) -> None:
        def part(name: str) -> torch.Tensor:
            return weights[f"model.layers.{number}.{name}.weight"]

        self.attention_norm = part("input_layernorm").to(model.dtype)
        self.qkv = model._linear(*(part(f"self_attn.{name}_proj") for name in "qkv"))
        self.out = model._linear(part("self_attn.o_proj"))
        self.feed_norm = part("post_attention_layernorm").to(model.dtype)
        self.gate_up = model._linear(part("mlp.gate_proj"), part("mlp.up_proj"))
        self.down = model._linear(part("mlp.down_proj"))


class Writing:
    """A batch in the making: keys and values of every text so far, in buffers allocated once."""

    def __init__(self, model: Llama, rows: int, capacity: int) -> None:
        self.model, self.at, self.capacity = model, 0, capacity
        shape = (len(model.layers), rows)
        held = model.groups * model.width
        self.keys = torch.empty(*shape, held, capacity, dtype=model.dtype, device=model.device)
        self.values = torch.empty(*shape, capacity, held, dtype=model.dtype, device=model.device)

    def keep(self, rows: torch.Tensor) -> None:
        """Go on with these texts of the batch only, in this order; one may be named several times."""
        self.keys, self.values = self.keys[:, rows], self.values[:, rows]

    def step(self, tokens: torch.Tensor, wanted: bool = True) -> torch.Tensor | None:
        """The next token of every text, [rows] -> logits [rows, vocabulary], float32; None if not
        `wanted`."""
        model = self.model
        stream = model.embedding[tokens]
        for number, layer in enumerate(model.layers):
            normed = functional.rms_norm(stream, stream.shape[-1:], layer.attention_norm, model.epsilon)
            stream = stream + layer.out(self._attend(number, layer.qkv(normed)))
            normed = functional.rms_norm(stream, stream.shape[-1:], layer.feed_norm, model.epsilon)
            gate, up = layer.gate_up(normed).chunk(2, dim=1)
            stream = stream + layer.down(functional.silu(gate) * up)
        self.at += 1
        if not wanted:
            return None
        return model.head(functional.rms_norm(stream, stream.shape[-1:], model.norm, model.epsilon)).float()

    def _attend(self, number: int, qkv: torch.Tensor) -> torch.Tensor:
        """Queries, keys and values of the new tokens, [rows, q + k + v] -> what they look up, [rows, q].

        One product a row serves all heads: a query is as wide as the keys of all groups, zero outside its
        own. Many small products cost more than the multiplications by zero.
        """
        model, at = self.model, self.at
        rows, turned = len(qkv), model.heads + model.groups
        parts = qkv.view(rows, turned + model.groups, model.width)
        cosines, sines = model.turns[0][at], model.turns[1][at]
        turning = parts[:, :turned]
        turning = turning * cosines + turning.roll(model.width // 2, -1) * sines
        self.keys[number, :, :, at] = turning[:, model.heads :].flatten(1)
        self.values[number, :, at] = parts[:, turned:].flatten(1)
        queries = turning.new_zeros(rows, model.heads, model.groups * model.width)
        self._own(queries).copy_(turning[:, : model.heads].view(rows, model.groups, -1, model.width))
        scores = queries @ self.keys[number, :, :, : at + 1]
        seen = scores.mul_(model.width**-0.5).softmax(-1) @ self.values[number, :, : at + 1]
        return self._own(seen).reshape(rows, -1)

    def _own(self, heads: torch.Tensor) -> torch.Tensor:
        """The view of each head's own group, [rows, heads, groups * width] -> [rows, groups, heads,
        width]."""
        groups, width = self.model.groups, self.model.width
        split = heads.view(len(heads), groups, -1, groups, width)
        return split.diagonal(dim1=1, dim2=3).movedim(-1, 1)
