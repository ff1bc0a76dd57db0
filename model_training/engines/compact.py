"""The fast engine: the compact Llama decoder over a model directory, without transformers."""

from pathlib import Path

import torch

from model_training.engines.llama import Llama
from model_training.engines.sampled import SampledEngine


class CompactEngine(SampledEngine):
    """A Llama-style model in int8 on a CPU, in bfloat16 on a GPU."""

    def __init__(self, folder: Path, threads: int | None = None, precision: str | None = None) -> None:
        """`precision`: `int8`, `bfloat16` or `float32`, if not the default."""
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        precision = precision or ("bfloat16" if device.type == "cuda" else "int8")
        super().__init__(folder, Llama(folder, precision, device), threads)
