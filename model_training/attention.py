"""Attention that stays within each text of a pack. In: a model. Out: the same model, taught to read packs.

transformers lets an attention function be registered by name; ours get the border of each text beside the
usual tensors. `varlen` is FlashAttention over ragged texts (a GPU of the Ampere class or newer, half
precision); `padded` lays the texts out as [texts, longest] for this step only and is causal attention there:
whatever stands to the right of a text is not seen by it. Everything else of the model runs on tokens without
padding. `masked` is transformers' own block mask made from the positions, quadratic in the pack, for
architectures that hand no extra arguments to their attention.
"""

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional
from transformers import AttentionInterface, PreTrainedModel

KINDS = ("varlen", "padded", "masked")
PREFIX = "packed_"


def read_packs(model: PreTrainedModel, kind: str) -> None:
    """Let `model` attend by `kind`, one of KINDS."""
    if kind == "masked":
        model.set_attn_implementation("sdpa")
        return
    functions: dict[str, Callable[[], Any]] = {"varlen": _varlen, "padded": lambda: padded}
    AttentionInterface.register(PREFIX + kind, functions[kind]())
    model.set_attn_implementation(PREFIX + kind)


def best_kind(device: torch.device, dtype: torch.dtype) -> str:
    """`varlen` where it is seen to work, else `padded`."""
    if device.type != "cuda" or dtype == torch.float32:
        return "padded"
    try:
        query = torch.randn(1, 4, 16, 64, device=device, dtype=dtype, requires_grad=True)
        keys = torch.randn(1, 2, 16, 64, device=device, dtype=dtype, requires_grad=True)
        borders: dict[str, Any] = {"starts": torch.tensor([0, 9, 16, 16], device=device, dtype=torch.int32)}
        borders |= {"longest": 9, "scaling": 0.125}
        ragged = _varlen()(None, query, keys, keys, None, **borders)[0]
        ragged.float().square().sum().backward()
        if not torch.allclose(ragged, padded(None, query, keys, keys, None, **borders)[0], atol=0.05):
            raise RuntimeError("its answer differs from padded attention's")
    except (RuntimeError, ImportError, TypeError, NotImplementedError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        warnings.warn(
            f"no attention over ragged texts here, padding inside attention: {reason}", stacklevel=2
        )
        return "padded"
    return "varlen"


def padded(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    starts: torch.Tensor,
    longest: int,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """query [1, heads, tokens, width], key and value with as many heads or fewer -> [1, tokens, heads, width]
    and no weights."""
    texts, tokens = starts.shape[0] - 1, query.shape[2]
    token = torch.arange(tokens, device=query.device)
    text = torch.searchsorted(starts[1:], token, right=True)
    place = text * longest + token - starts[text]

    def laid_out(states: torch.Tensor) -> torch.Tensor:
        rows = states[0].transpose(0, 1).to(value.dtype)
        grid = rows.new_zeros(texts * longest, *rows.shape[1:]).index_copy(0, place, rows)
        return grid.view(texts, longest, *rows.shape[1:]).transpose(1, 2)

    attend = _explicit if query.device.type == "cpu" else functional.scaled_dot_product_attention
    answer = attend(
        laid_out(query),
        laid_out(key),
        laid_out(value),
        dropout_p=dropout,
        scale=scaling,
        is_causal=True,
        enable_gqa=query.shape[1] != key.shape[1],
    )
    flat = answer.transpose(1, 2).reshape(texts * longest, query.shape[1], value.shape[3])
    return flat.index_select(0, place)[None], None


def _explicit(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    dropout_p: float,
    scale: float | None,
    is_causal: bool,
    enable_gqa: bool,
) -> torch.Tensor:
    """Two batched products and a softmax: on a CPU a third of what torch's fused attention costs short
    texts."""
    heads = query.shape[1]
    if enable_gqa:
        key, value = (states.repeat_interleave(heads // states.shape[1], 1) for states in (key, value))
    scores = query @ key.transpose(2, 3)
    later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
    scores = (scores * (scale or query.shape[3] ** -0.5)).masked_fill(later, float("-inf"))
    weights = functional.dropout(scores.softmax(3, dtype=torch.float32), dropout_p)
    return weights.to(value.dtype) @ value


def _varlen() -> Callable[..., tuple[torch.Tensor, None]]:
    """FlashAttention over ragged texts, whatever this torch calls its options (2.10 to 2.13)."""
    from torch.nn.attention.varlen import varlen_attn

    known = inspect.signature(varlen_attn).parameters
    options: dict[str, Any] = {"window_size": (-1, 0)} if "window_size" in known else {"is_causal": True}
    if "enable_gqa" in known:
        options["enable_gqa"] = True

    def varlen(
        module: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor | None,
        *,
        starts: torch.Tensor,
        longest: int,
        scaling: float | None = None,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, None]:
        rows = [states[0].transpose(0, 1).to(value.dtype).contiguous() for states in (query, key, value)]
        given = options | {"scale": scaling} if "scale" in known else options
        answer: Any = varlen_attn(rows[0], rows[1], rows[2], starts, starts, longest, longest, **given)
        return answer[None], None

    return varlen
