"""What samples a model's texts, behind one small interface. In: prompts, seeds, signs. Out: completions.

    engine = open_engine(Path("data/models/tiny"))              # the fastest that reads this model, here
    engine = open_engine(Path("data/models/tiny"), "transformers")

`compact`: a Llama-style decoder of our own, int8 on a CPU and bfloat16 on a GPU; needs torch and
tokenizers only. `transformers`: any causal model that library reads. `vllm`: large models on a GPU, where
vLLM is installed.

`compact` in int8, the default on a CPU, gives the same text for the same prompt, seed and sign, whatever
stands beside it in the batch and whatever the number of threads: its products are exact sums of integers.
In floating point a batch of another size may round otherwise, so there the same call gives the same text,
no more is promised. Two engines draw the same random numbers and agree as far as their logits do, which is
for some words, not for whole texts.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

ENGINES = ("auto", "compact", "transformers", "vllm")


class EngineProblem(Exception):
    """This engine cannot run this model here; the message says what was expected, found, and what to do."""


class Completion(NamedTuple):
    """What a model wrote."""

    text: str
    log_likelihood: float
    """Mean over its tokens, nats, at the sampling temperature: how sure the model is. Rounded,
    so that the order of texts does not hang on the last bits of a sum."""


class Engine(Protocol):
    """A loaded model that completes prompts."""

    folder: Path
    """The model directory."""

    def complete(
        self, prompts: Sequence[str], seeds: Sequence[int], signs: Sequence[str]
    ) -> Sequence[tuple[str, float]]:
        """One (text, mean log-likelihood) for each prompt, in order. Tokens that can only name another sign
        than the wanted one are never drawn: a small model is often unsure whom it speaks to, and all it
        says else is good."""


def open_engine(folder: Path, name: str = "auto", threads: int | None = None) -> Engine:
    """The engine `name` with the model in `folder`; `auto` is `compact` where it reads the model, else
    `transformers`. `threads`: of the CPU, default all.

    Raises EngineProblem.
    """
    if name not in ENGINES:
        raise EngineProblem(f"expected an engine of {', '.join(ENGINES)}, found {name!r}")
    if name == "vllm":
        from model_training.engines.vllm import VllmEngine

        return VllmEngine(folder)
    if name == "auto":
        from model_training.engines.llama import why_not_readable

        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        name = "transformers" if why_not_readable(config) else "compact"
    if name == "transformers":
        from model_training.engines.pretrained import TorchEngine

        return TorchEngine(folder, threads)
    from model_training.engines.compact import CompactEngine

    return CompactEngine(folder, threads)
