"""The loop that every engine of ours samples with. In: prompts as token ids, with a seed and the banned
tokens of each. Out: what was written.

Prompts are read as texts are written, a token at a time: first what every row is still inside, once for
each distinct beginning, then each row follows its own prompt to its end and draws after that. Rows that
have ended leave the batch. No row waits for padding, and none sees another.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch

from model_training import sampling

ROWS_TO_SHED = 0.9
"""The batch is compacted when fewer than this share of its rows are still writing."""


class Writing(Protocol):
    """A decoder's batch in the making."""

    def step(self, tokens: torch.Tensor, wanted: bool = True) -> torch.Tensor | None:
        """The next token of every row, [rows] -> logits [rows, vocabulary], float32; None if not `wanted`."""

    def keep(self, rows: torch.Tensor) -> None:
        """Go on with these rows only, in this order; one may be named several times."""


class Decoder(Protocol):
    """A model that writes."""

    device: torch.device

    def begin(self, rows: int, capacity: int, sources: Sequence[Sequence[int]] = ()) -> Writing:
        """An empty batch of `rows` texts with room for `capacity` tokens each; `sources`: what an encoder
        reads for each, where there is one."""


@dataclass
class Row:
    """One text to write, then what was written."""

    prompt: list[int]
    seed: int
    banned: Sequence[int] = ()
    """Tokens never drawn."""
    source: tuple[int, ...] = ()
    """What the encoder reads; empty for a model that has none."""
    written: list[int] = field(default_factory=list)
    log_likelihood: float = -np.inf
    """Mean over the written tokens, nats, at the sampling temperature."""


@torch.inference_mode()
def write_rows(decoder: Decoder, rows: Sequence[Row], end: int, max_new_tokens: int) -> None:
    """Fill `written` and `log_likelihood` of all `rows`. The token `end` ends a text and is not kept."""
    batch = Batch(rows, max_new_tokens, decoder.device)
    writing = batch.read_prompts(decoder)
    while batch.rows:
        logits = writing.step(batch.ids[:, batch.at])
        assert logits is not None
        batch.take(logits, end)
        kept = batch.shed()
        if kept is not None and len(kept):
            writing.keep(kept)


class Batch:
    """The rows still writing, side by side and all at the same place `at`."""

    def __init__(self, rows: Sequence[Row], max_new_tokens: int, device: torch.device) -> None:
        lengths = [len(row.prompt) for row in rows]
        self.rows, self.max_new_tokens, self.device = list(rows), max_new_tokens, device
        self.at = min(lengths) - 1
        self.capacity = max(lengths) + max_new_tokens
        ids = np.zeros((len(rows), self.capacity + 1), np.int64)
        draws = np.zeros((len(rows), self.capacity + 1, sampling.DRAWS), np.float32)
        for place, (row, length) in enumerate(zip(rows, lengths, strict=True)):
            ids[place, :length] = row.prompt
            stream = np.random.default_rng(row.seed).random((max_new_tokens, sampling.DRAWS), np.float32)
            draws[place, length : length + max_new_tokens] = stream
        self.ids = torch.from_numpy(ids).to(device)
        """Prompts, then what is written, [rows, places]."""
        self.draws = torch.from_numpy(draws).to(device)
        self.log_chances = torch.zeros(len(rows), self.capacity + 1, device=device)
        self.begins = torch.tensor(lengths, device=device)
        self.ends = torch.zeros_like(self.begins)
        """The place after a row's last written token; 0 while it is writing."""
        self.banned = self._banned_places()

    def _banned_places(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows and tokens of the logits that are never drawn."""
        counts = torch.tensor([len(row.banned) for row in self.rows], dtype=torch.long)
        places = torch.arange(len(self.rows)).repeat_interleave(counts).to(self.device)
        tokens = [token for row in self.rows for token in row.banned]
        return places, torch.tensor(tokens, dtype=torch.long, device=self.device)

    def read_prompts(self, decoder: Decoder) -> Writing:
        """Everything before the first step whose logits are wanted."""
        beginnings = [(row.source, tuple(row.prompt[: self.at])) for row in self.rows]
        number = {beginning: place for place, beginning in enumerate(dict.fromkeys(beginnings))}
        sources = [source for source, _ in number]
        writing = decoder.begin(len(number), self.capacity, *([sources] if any(sources) else []))
        tokens = torch.tensor([read for _, read in number], dtype=torch.long, device=self.device)
        for at in range(self.at):
            writing.step(tokens[:, at], wanted=False)
        writing.keep(torch.tensor([number[beginning] for beginning in beginnings], device=self.device))
        return writing

    def take(self, logits: torch.Tensor, end: int) -> None:
        """Go one place further: the prompt's own token while inside it, else one drawn from `logits`."""
        self.at += 1
        logits[self.banned] = -torch.inf
        drawn, log_chances = sampling.sample(logits, self.draws[:, self.at])
        inside = self.begins > self.at
        tokens = torch.where(inside, self.ids[:, self.at], drawn)
        self.ids[:, self.at] = tokens
        self.log_chances[:, self.at] = log_chances
        is_end = tokens == end
        ended = ~inside & (self.ends == 0) & (is_end | (self.at + 1 - self.begins >= self.max_new_tokens))
        self.ends = torch.where(ended, self.at + 1 - is_end.long(), self.ends)

    def shed(self) -> torch.Tensor | None:
        """Let rows that have ended go when they are many; which rows stay, or None when all do."""
        writing = self.ends == 0
        count = int(writing.sum())
        if count and count >= ROWS_TO_SHED * len(self.rows):
            return None
        for place in (~writing).nonzero()[:, 0].tolist():
            row, begin, end = self.rows[place], int(self.begins[place]), int(self.ends[place])
            row.written = self.ids[place, begin:end].tolist()
            if row.written:
                row.log_likelihood = float(self.log_chances[place, begin:end].double().mean())
        kept = writing.nonzero()[:, 0]
        self.rows = [self.rows[place] for place in kept.tolist()]
        for name in ("ids", "draws", "log_chances", "begins", "ends"):
            setattr(self, name, getattr(self, name)[kept])
        self.banned = self._banned_places()
        return kept
