"""A Llama-style decoder that writes one token for many texts at a time. In: config.json and safetensors of
a model directory. Out: logits.

Every text of a batch stands at the same place, so keys and values are written and read as plain slices,
and the attention of a text has the same shape whatever else is written beside it. Prompts take the same
steps as what is written after them. The query, key and value weights are one matrix, and so are gate and
up.

Architecture: https://arxiv.org/abs/2302.13971; rotary embedding in transformers' half-split form.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch.nn import functional

from model_training.engines.linear import Float, Int8


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
        self.max_tokens = config["max_position_embeddings"]
        rope = config.get("rope_parameters") or {}
        self.turns = self._turns(rope.get("rope_theta") or config.get("rope_theta", 10_000.0))
        weights = load_file(folder / "model.safetensors", device=str(device))
        embedding = weights["model.embed_tokens.weight"]
        self.embedding = embedding.to(self.dtype)
        head = embedding if config["tie_word_embeddings"] else weights["lm_head.weight"]
        self.head = self.linear(head, norm=weights["model.norm.weight"])
        self.layers = [Layer(self, weights, number) for number in range(config["num_hidden_layers"])]

    def linear(self, *parts: torch.Tensor, norm: torch.Tensor | None = None) -> Int8 | Float:
        """One product with all `parts` at once."""
        weight = torch.cat([part.to(self.dtype) for part in parts])
        return self.make(weight, None if norm is None else norm.to(self.dtype), self.epsilon)

    def _turns(self, theta: float) -> torch.Tensor:
        """The rotary embedding as complex numbers of length 1, [place, width / 2]."""
        steps = torch.arange(0, self.width, 2, dtype=torch.float32) / self.width
        angles = torch.outer(torch.arange(self.max_tokens, dtype=torch.float32), theta**-steps)
        return torch.polar(torch.ones_like(angles), angles).to(self.device)

    def paired(self, weight: torch.Tensor) -> torch.Tensor:
        """A query or key matrix with the two numbers that are turned together made neighbours in each head:
        transformers keeps them half a head apart."""
        return weight.unflatten(0, (-1, 2, self.width // 2)).transpose(1, 2).reshape(weight.shape)

    def begin(self, rows: int, capacity: int, sources: Sequence[Sequence[int]] = ()) -> "Writing":
        """An empty batch of `rows` texts with room for `capacity` tokens each; there is no encoder."""
        return Writing(self, rows, capacity)


class Layer:
    """One block: attention, then the gated feed-forward."""

    def __init__(self, model: Llama, weights: Mapping[str, torch.Tensor], number: int) -> None:
        def part(name: str) -> torch.Tensor:
            return weights[f"model.layers.{number}.{name}.weight"]

        query = model.paired(part("self_attn.q_proj").to(model.dtype)) * model.width**-0.5
        key = model.paired(part("self_attn.k_proj"))
        norm = part("input_layernorm")
        self.qkv = model.linear(query, key, part("self_attn.v_proj"), norm=norm)
        self.out = model.linear(part("self_attn.o_proj"))
        norm = part("post_attention_layernorm")
        self.gate_up = model.linear(part("mlp.gate_proj"), part("mlp.up_proj"), norm=norm)
        self.down = model.linear(part("mlp.down_proj"))


class Writing:
    """A batch in the making: keys and values of every text so far, in buffers allocated once."""

    def __init__(self, model: Llama, rows: int, capacity: int) -> None:
        self.model, self.at, self.capacity = model, 0, capacity
        shape = (len(model.layers), rows)
        held = model.groups * model.width
        self.keys = torch.empty(*shape, held, capacity, dtype=model.dtype, device=model.device)
        self.values = torch.empty(*shape, capacity, held, dtype=model.dtype, device=model.device)
        self.queries = self._no_queries(rows)

    def _no_queries(self, rows: int) -> torch.Tensor:
        model = self.model
        shape = (rows, model.heads, model.groups * model.width)
        return torch.zeros(shape, dtype=model.dtype, device=model.device)

    def keep(self, rows: torch.Tensor) -> None:
        """Go on with these texts of the batch only, in this order; one may be named several times."""
        self.keys, self.values = self.keys[:, rows], self.values[:, rows]
        self.queries = self._no_queries(len(rows))

    def step(self, tokens: torch.Tensor, wanted: bool = True) -> torch.Tensor | None:
        """The next token of every text, [rows] -> logits [rows, vocabulary], float32; None if not
        `wanted`."""
        stream = self.model.embedding[tokens]
        for number, layer in enumerate(self.model.layers):
            stream = stream + layer.out(self._attend(number, layer.qkv(stream)))
            gate, up = layer.gate_up(stream).chunk(2, dim=1)
            stream = stream + layer.down(functional.silu(gate) * up)
        self.at += 1
        return self.model.head(stream).float() if wanted else None

    def _attend(self, number: int, qkv: torch.Tensor) -> torch.Tensor:
        """Queries, keys and values of the new tokens, [rows, q + k + v] -> what they look up, [rows, q].

        One product a row serves all heads: a query is as wide as the keys of all groups, zero outside its
        own. Many small products cost more than the multiplications by zero.
        """
        model, at, rows = self.model, self.at, len(qkv)
        turned, values = qkv.split(
            [(model.heads + model.groups) * model.width, model.groups * model.width], 1
        )
        pairs = torch.view_as_complex(turned.float().view(rows, -1, model.width // 2, 2))
        turned = torch.view_as_real(pairs * model.turns[at]).view(rows, -1)
        queries, self.keys[number, :, :, at] = turned.split(
            [model.heads * model.width, model.groups * model.width], 1
        )
        self.values[number, :, at] = values
        self._own(self.queries).copy_(queries.view(rows, model.groups, -1, model.width))
        chances = (self.queries @ self.keys[number, :, :, : at + 1]).softmax(-1)
        return self._own(chances @ self.values[number, :, : at + 1]).reshape(rows, -1)

    def _own(self, heads: torch.Tensor) -> torch.Tensor:
        """The view of each head's own group, [rows, heads, groups * width] -> [rows, groups, heads,
        width]."""
        groups, width = self.model.groups, self.model.width
        split = heads.view(len(heads), groups, -1, groups, width)
        return split.diagonal(dim1=1, dim2=3).movedim(-1, 1)
