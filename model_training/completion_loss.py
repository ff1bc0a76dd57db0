"""The loss on completions. In: hidden states of the places that foretell a token. Out: the summed loss.

A vocabulary of 151,936 makes the logits of 16,000 tokens 9.7 GB in fp32, and the softmax as much again. Here
they exist for CHUNK places at a time: the gradient is taken in the same pass (softmax minus one-hot), so
nothing is kept for the backward pass and no matrix product is done twice. (torch 2.13's
`linear_cross_entropy` does the like, older ones do not have it.)
"""

from collections.abc import Callable
from types import MethodType
from typing import Any

import torch
from torch.nn import functional
from transformers import PreTrainedModel

from model_training.tokens import NO_LOSS

CHUNK = 4096
"""Places whose logits exist at one time."""


class SummedCrossEntropy(torch.autograd.Function):
    """Sum of -log p(target) under softmax(hidden @ weight.T)."""

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, softmax: Any
    ) -> torch.Tensor:
        """hidden [places, width] in the type to multiply in, weight [vocabulary, width], targets [places]."""
        weight_here = weight.to(hidden.dtype)
        total = torch.zeros((), device=hidden.device, dtype=torch.float32)
        of_hidden = torch.empty_like(hidden)
        of_weight = torch.zeros_like(weight, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        parts = max(1, -(-len(targets) // CHUNK))
        for rows, wanted, out in zip(
            hidden.chunk(parts), targets.chunk(parts), of_hidden.chunk(parts), strict=True
        ):
            loss, of_logits = softmax(functional.linear(rows, weight_here), wanted)
            total += loss
            torch.mm(of_logits, weight_here, out=out)
            if of_weight is not None:
                of_weight += of_logits.T @ rows
        ctx.save_for_backward(of_hidden, of_weight)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[Any, ...]:
        of_hidden, of_weight = ctx.saved_tensors
        scale = gradients[0]
        if of_weight is not None:
            of_weight = of_weight * scale
        return of_hidden * scale, of_weight, None, None


def loss_and_gradient(logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Summed cross-entropy of logits [places, vocabulary], and its gradient in their own type."""
    if not torch.compiler.is_compiling():
        # The same in place, in as few passes as may be.
        log_shares = logits.log_softmax(1, dtype=torch.float32)
        loss = -log_shares.gather(1, targets[:, None]).sum()
        shares = log_shares.exp_()
        shares[torch.arange(len(targets), device=logits.device), targets] -= 1
        return loss, shares.to(logits.dtype)
    values = logits.float()
    log_sum = values.logsumexp(1, keepdim=True)
    loss = (log_sum.squeeze(1) - values.gather(1, targets[:, None]).squeeze(1)).sum()
    tokens = torch.arange(logits.shape[1], device=logits.device)
    gradient = (values - log_sum).exp() - (tokens == targets[:, None]).float()
    return loss, gradient.to(logits.dtype)


def score_completions(model: PreTrainedModel, compiled: bool) -> None:
    """Let `model(**collate(pack))` give the summed loss of the pack's completions (`collate_pairs` for an
    encoder-decoder); `del model.forward` undoes it."""
    score = _score_pairs(model) if model.config.is_encoder_decoder else _score_pack(compiled)
    model.forward = MethodType(score, model)  # type: ignore[method-assign]


def _score_pairs(model: PreTrainedModel) -> Callable[..., dict[str, torch.Tensor]]:
    plain = model.forward

    def forward(
        self: PreTrainedModel, labels: torch.Tensor, **prompt: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        logits = plain(**prompt, labels=labels, use_cache=False).logits.float()
        flat = logits.flatten(0, 1), labels.flatten()
        return {"loss": functional.cross_entropy(*flat, ignore_index=NO_LOSS, reduction="sum")}

    return forward


def _score_pack(compiled: bool) -> Callable[..., dict[str, torch.Tensor]]:
    softmax = torch.compile(loss_and_gradient) if compiled else loss_and_gradient

    def forward(
        self: PreTrainedModel,
        input_ids: torch.Tensor,
        position_ids: torch.Tensor,
        scored: torch.Tensor,
        targets: torch.Tensor,
        **borders: Any,
    ) -> dict[str, torch.Tensor]:
        body = self.base_model(input_ids=input_ids, position_ids=position_ids, use_cache=False, **borders)
        hidden = body.last_hidden_state[0].index_select(0, scored)
        weight = self.get_output_embeddings().weight
        kind = hidden.device.type
        if torch.is_autocast_enabled(kind):
            hidden = hidden.to(torch.get_autocast_dtype(kind))
        with torch.autocast(kind, enabled=False):
            return {"loss": SummedCrossEntropy.apply(hidden, weight, targets, softmax)}

    return forward
