"""Matrix products of the compact decoder: a weight [out, in] in, rows [n, in] to rows [n, out], the rows
root-mean-square normed before where a norm's weight is given.

`Int8` is the fast one on a CPU: each weight row and each activation row is rounded to 8 bits with a scale of
its own, and the products are summed as integers. Integer sums have no order, so a row's result does not
depend on how many rows stand beside it or on how the work is split: floating-point kernels promise neither.
"""

import torch
from torch.nn import functional

LARGEST = 127.0
TINY = 1e-12
"""Keeps a row of zeros from dividing by zero."""


class Float:
    """The weight as it is, in its own dtype."""

    def __init__(self, weight: torch.Tensor, norm: torch.Tensor | None, epsilon: float) -> None:
        self.weight, self.norm, self.epsilon = weight, norm, epsilon

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        if self.norm is not None:
            rows = functional.rms_norm(rows, rows.shape[-1:], self.norm, self.epsilon)
        return functional.linear(rows, self.weight)


class Int8:
    """Weights and activations of 8 bits, sums of 32, results in float32.

    A norm costs next to nothing: its weight is part of the matrix, its factor part of a row's scale.
    """

    def __init__(self, weight: torch.Tensor, norm: torch.Tensor | None, epsilon: float) -> None:
        weight = weight if norm is None else weight * norm
        scales = weight.abs().amax(1, keepdim=True).clamp_min_(TINY) / LARGEST
        self.weight = (weight / scales).round_().to(torch.int8).t()
        self.scales = scales[:, 0] / LARGEST
        self.epsilon = torch.tensor(epsilon) if norm is not None else None

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        largest = rows.abs().amax(1, keepdim=True).clamp_min_(TINY)
        sums = torch._int_mm(rows.mul(LARGEST / largest).round_().to(torch.int8), self.weight)
        if self.epsilon is not None:
            length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
            squares = torch.addcmul(self.epsilon, length, length, value=1 / rows.shape[1])
            largest = largest.mul_(squares.rsqrt_())
        return sums.float().mul_(largest).mul_(self.scales)
