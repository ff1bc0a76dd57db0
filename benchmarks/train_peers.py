"""The peers of `benchmarks.train`: what others would write for the same model, texts and steps.

`hand`: a plain PyTorch loop of a Llama or Qwen3 forward pass written out, bf16, fused AdamW. On a CPU texts
of like length share a batch and attention is explicit; on a GPU they are packed, attention is ragged and each
layer compiled. `trainer_256` and `trainer_longest`: transformers' Trainer, padded.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainingArguments

from model_training.packing import collate, pack, shape_of
from model_training.tokens import NO_LOSS, Example

Attend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, int], torch.Tensor]


def rms(states: torch.Tensor, norm: Any) -> torch.Tensor:
    return functional.rms_norm(
        states, (states.shape[-1],), norm.weight.to(states.dtype), norm.variance_epsilon
    )


def rotated(states: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    left, right = states.chunk(2, -1)
    return states * cos + torch.cat((-right, left), -1) * sin


def layer_forward(
    layer: Any,
    hidden: torch.Tensor,
    cos: torch.Tensor,
    sin: torch.Tensor,
    attend: Attend,
    starts: torch.Tensor,
    longest: int,
) -> torch.Tensor:
    """hidden [..., tokens, width], cos and sin [..., tokens, 1, head width]."""
    own, mlp = layer.self_attn, layer.mlp
    normed = rms(hidden, layer.input_layernorm)
    heads = [
        project(normed).unflatten(-1, (-1, own.head_dim)) for project in (own.q_proj, own.k_proj, own.v_proj)
    ]
    if hasattr(own, "q_norm"):
        heads[0], heads[1] = rms(heads[0], own.q_norm), rms(heads[1], own.k_norm)
    mixed = attend(rotated(heads[0], cos, sin), rotated(heads[1], cos, sin), heads[2], starts, longest)
    hidden = hidden + own.o_proj(mixed.flatten(-2))
    normed = rms(hidden, layer.post_attention_layernorm)
    return hidden + mlp.down_proj(functional.silu(mlp.gate_proj(normed)) * mlp.up_proj(normed))


def explicit(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, starts: torch.Tensor, longest: int
) -> torch.Tensor:
    """Causal attention of [texts, tokens, heads, width] by two batched products: on a CPU the fastest for
    short texts."""
    groups = query.shape[2] // key.shape[2]
    key, value = (states.repeat_interleave(groups, 2).transpose(1, 2) for states in (key, value))
    scores = query.transpose(1, 2) @ key.transpose(2, 3) * query.shape[-1] ** -0.5
    later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
    weights = scores.masked_fill(later, float("-inf")).softmax(-1).to(value.dtype)
    return (weights @ value).transpose(1, 2)


def ragged_attention(registered: Callable[..., Any]) -> Attend:
    """An attention function as transformers registers it, over [1, tokens, heads, width]."""

    def ragged(
        query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, starts: torch.Tensor, longest: int
    ) -> torch.Tensor:
        parts = [states.transpose(1, 2) for states in (query, key, value)]
        return registered(None, *parts, None, starts=starts, longest=longest)[0]

    return ragged


class HandLoop:
    """The whole peer: batches made beforehand, one optimiser, no logging."""

    def __init__(self, model: PreTrainedModel, ragged: Callable[..., Any] | None, compiled: bool) -> None:
        self.model, self.longest = model, 0
        self.attend = ragged_attention(ragged) if ragged else explicit
        self.device = next(model.parameters()).device
        self.layer = torch.compile(layer_forward) if compiled else layer_forward
        self.loss = torch.compile(_loss) if compiled else _loss

    def batches(
        self, examples: Sequence[Example], texts_a_step: int, seed: int
    ) -> list[dict[str, torch.Tensor]]:
        """On a GPU packs of one shape; else [texts, longest] of like length, padded on the right."""
        if self.attend is not explicit:
            tokens = round(sum(len(example.ids) for example in examples) * texts_a_step / len(examples))
            packs = pack(examples, tokens, seed)
            shape = shape_of([packs])
            self.longest = shape.longest
            return [self._ragged_batch(one, shape) for one in packs]
        order = sorted(examples, key=lambda example: len(example.ids))
        groups = [order[at : at + texts_a_step] for at in range(0, len(order), texts_a_step)]
        random.Random(seed).shuffle(groups)
        return [
            {name: made.to(self.device) for name, made in padded_batch(group).items()} for group in groups
        ]

    def _ragged_batch(self, one: list[Example], shape: Any) -> dict[str, torch.Tensor]:
        made = collate(one, shape)
        labels = torch.full_like(made["input_ids"], NO_LOSS)
        labels[0, made["scored"] + 1] = made["targets"]
        parts = {"input_ids": made["input_ids"], "labels": labels, "position_ids": made["position_ids"]}
        return {name: part.to(self.device) for name, part in (parts | {"starts": made["starts"]}).items()}

    def summed_loss(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        body: Any = self.model.model
        ids = batch["input_ids"]
        positions = batch.get("position_ids", torch.arange(ids.shape[1], device=ids.device)[None])
        like = torch.empty(0, dtype=torch.bfloat16, device=ids.device)
        cos, sin = (part.unsqueeze(2) for part in body.rotary_emb(like, positions))

        hidden = body.embed_tokens(ids).to(torch.bfloat16)
        for layer in body.layers:
            hidden = self.layer(layer, hidden, cos, sin, self.attend, batch.get("starts"), self.longest)
        return self.loss(rms(hidden, body.norm), self.model.lm_head.weight, batch["labels"])

    def run(self, batches: list[dict[str, torch.Tensor]], steps: int, lr: float) -> Iterator[int]:
        """Yields the number of steps made, after each."""
        optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=lr, betas=(0.9, 0.95), weight_decay=0.0, fused=True
        )
        for step in range(steps):
            batch = batches[step % len(batches)]
            for group in optimizer.param_groups:
                group["lr"] = lr * (1 - step / steps)
            with torch.autocast(self.device.type, torch.bfloat16):
                loss = self.summed_loss(batch) / (batch["labels"] != NO_LOSS).sum()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            yield step + 1


def _loss(hidden: torch.Tensor, weight: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    logits = functional.linear(hidden[:, :-1], weight)
    return functional.cross_entropy(
        logits.float().flatten(0, 1), labels[:, 1:].flatten(), ignore_index=NO_LOSS, reduction="sum"
    )


def padded_batch(examples: Sequence[Example], to: int | None = None) -> dict[str, torch.Tensor]:
    """`input_ids`, `labels` and `attention_mask` [texts, longest or `to`]."""
    longest = to or max(len(example.ids) for example in examples)
    ids = torch.zeros(len(examples), longest, dtype=torch.long)
    labels = torch.full((len(examples), longest), NO_LOSS)
    mask = torch.zeros(len(examples), longest, dtype=torch.long)
    for row, example in enumerate(examples):
        length = len(example.ids)
        ids[row, :length] = torch.tensor(example.ids)
        labels[row, example.prompt_tokens : length] = ids[row, example.prompt_tokens : length]
        mask[row, :length] = 1
    return {"input_ids": ids, "labels": labels, "attention_mask": mask}


def padded_trainer(
    model: PreTrainedModel,
    examples: Sequence[Example],
    *,
    texts_a_step: int,
    parts: int,
    steps: int,
    lr: float,
    to: int | None,
    callback: TrainerCallback,
) -> None:
    """transformers' Trainer in bf16: random order, padded to `to` tokens or, with None, to the longest
    of the batch; a step in `parts` micro-batches."""
    on_gpu = torch.cuda.is_available()
    arguments = TrainingArguments(
        output_dir=tempfile.gettempdir(),
        max_steps=steps,
        per_device_train_batch_size=texts_a_step // parts,
        gradient_accumulation_steps=parts,
        learning_rate=lr,
        adam_beta2=0.95,
        lr_scheduler_type="linear",
        optim="adamw_torch_fused",
        bf16=True,
        use_cpu=not on_gpu,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=on_gpu,
        remove_unused_columns=False,
        logging_steps=10_000,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=list(examples),  # type: ignore[arg-type]
        data_collator=lambda items: padded_batch(items, to),
        callbacks=[callback],
    )
    trainer.train()
