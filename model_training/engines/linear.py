"""Matrix products of the compact decoder: a weight [out, in] in, rows [n, in] to rows [n, out].

`Int8` is the fast one on a CPU: each weight row and each activation row is rounded to 8 bits with a scale
of its own, and the products are summed as integers. Integer sums have no order, so a row's result does not
depend on how many rows stand beside it or on how the work is split: floating-point kernels promise
neither.
"""

from typing import Protocol

import torch
from torch.nn import functional

LARGEST = 127.0


class Linear(Protocol):
    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """[n, in] -> [n, out]."""


class Float:
    """The weight as it is, in its own dtype."""

    def __init__(self, weight: torch.Tensor) -> None:
        self.weight = weight

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        return functional.linear(rows, self.weight)


class Int8:
    """Weights and activations of 8 bits, sums of 32, results in float32."""

    def __init__(self, weight: torch.Tensor) -> None:
        weight = weight.float()
        scales = weight.abs().amax(1, keepdim=True).clamp_min_(1e-12) / LARGEST
        self.weight = (weight / scales).round_().to(torch.int8).t()
        self.scales = scales[:, 0].contiguous()

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        scales = rows.abs().amax(1, keepdim=True).clamp_min_(1e-12).mul_(1 / LARGEST)
        sums = torch._int_mm((rows / scales).round_().to(torch.int8), self.weight)
        return sums.float().mul_(scales).mul_(self.scales)
