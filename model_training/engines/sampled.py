"""Prompts to completions with a decoder of any kind: tokenizer, banned tokens, threads.

On a CPU the rows are dealt to as many threads as there are cores, each with a batch of its own and kernels
of one thread: no core ever waits for another at the end of a product.
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import torch
from tokenizers import Tokenizer

from model_training import sampling
from model_training.engines import Completion
from model_training.engines.batch import Decoder, Row, write_rows

ROWS_A_THREAD = 96
"""Rows that a core writes side by side: their keys and values should stay in its cache."""
ROWS_ON_GPU = 1024


class SampledEngine:
    """A decoder ready to complete prompts."""

    def __init__(self, folder: Path, decoder: Decoder, threads: int | None = None) -> None:
        self.folder, self.decoder = folder, decoder
        on_cpu = decoder.device.type == "cpu"
        self.threads = (threads or torch.get_num_threads()) if on_cpu else 1
        self.rows_a_batch = ROWS_A_THREAD if on_cpu else ROWS_ON_GPU
        self.texts = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.end = int(json.loads((folder / "config.json").read_text(encoding="utf-8"))["eos_token_id"])

    @cached_property
    def banned(self) -> dict[str, list[int]]:
        """Sign -> tokens that are never drawn for it."""
        size = self.texts.get_vocab_size()
        return sampling.banned_tokens([self.texts.decode([token]) for token in range(size)])

    def complete(
        self, prompts: Sequence[str], seeds: Sequence[int], signs: Sequence[str]
    ) -> list[Completion]:
        """See `Engine`."""
        rows = [
            self.row(self.texts.encode(prompt, add_special_tokens=False).ids, seed, self.banned[sign])
            for prompt, seed, sign in zip(prompts, seeds, signs, strict=True)
        ]
        self.write(rows)
        return [Completion(self.texts.decode(row.written), round(row.log_likelihood, 3)) for row in rows]

    def row(self, prompt: list[int], seed: int, banned: Sequence[int]) -> Row:
        """The text of a prompt; an empty one is the end of the text before."""
        return Row(prompt or [self.end], seed, banned)

    def write(self, rows: Sequence[Row], max_new_tokens: int | None = None, end: int | None = None) -> None:
        """Fill all `rows`, whatever their number."""
        limit = max_new_tokens or sampling.MAX_NEW_TOKENS
        end = self.end if end is None else end
        with one_thread_each(self.threads) as pool:
            for _ in pool.map(lambda batch: write_rows(self.decoder, batch, end, limit), self._dealt(rows)):
                pass

    def _dealt(self, rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
        """Equal batches, as many for one thread as for another; neighbours, who share prompts, together."""
        rounds = -(-len(rows) // (self.threads * self.rows_a_batch))
        size = -(-len(rows) // (rounds * self.threads)) if rows else 1
        for start in range(0, len(rows), size):
            yield rows[start : start + size]


@contextmanager
def one_thread_each(workers: int) -> Iterator[ThreadPoolExecutor]:
    """A pool whose workers' kernels take one thread; torch's number of threads is as before afterwards."""
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(before)
