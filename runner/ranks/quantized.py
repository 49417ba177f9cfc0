"""Weight-only quantisation: matrices of 8 bits with one scale for each output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch.nn import functional

ROWS_AT_ONCE = 2048
"""rows that are quantised together, which bounds the memory for their float32 copies"""


@dataclass(frozen=True)
class QuantizedMatrix:
    """A matrix whose element [o, i] is `values[o, i] * scales[o]`."""

    values: torch.Tensor
    """[outputs, inputs], int8 or float8_e4m3fn"""
    scales: torch.Tensor
    """[outputs] float32"""

    @property
    def kind(self) -> str:
        """The name in `FORMATS`."""
        return next(name for name, (dtype, _) in FORMATS.items() if dtype == self.values.dtype)

    @property
    def shape(self) -> torch.Size:
        return self.values.shape

    def numel(self) -> int:
        """Return the number of weights, without the scales."""
        return int(self.values.numel())

    @property
    def nbytes(self) -> int:
        return int(self.values.nbytes + self.scales.nbytes)

    def dequantized(self, dtype: torch.dtype) -> torch.Tensor:
        """Return the matrix as an ordinary tensor, rounded to `dtype`."""
        return (self.values.float() * self.scales[:, None]).to(dtype)


Matrix: TypeAlias = torch.Tensor | QuantizedMatrix

FORMATS = {"int8": (torch.int8, 127.0), "fp8": (torch.float8_e4m3fn, 448.0)}
"""the type of the values, and the largest of them that is used"""


def quantize(matrix: torch.Tensor, kind: str) -> QuantizedMatrix:
    """Round a matrix, [outputs, inputs], to a format of `FORMATS`.

    The scale of a row is its largest magnitude / the largest value of the format (symmetric, per channel:
    Nagel et al., "A White Paper on Neural Network Quantization", 2021, section 2.2).
    """
    dtype, largest = FORMATS[kind]
    values = torch.empty_like(matrix, dtype=dtype)
    scales = torch.empty(matrix.shape[0], dtype=torch.float32, device=matrix.device)
    for start in range(0, matrix.shape[0], ROWS_AT_ONCE):
        rows = matrix[start : start + ROWS_AT_ONCE].float()
        scale = rows.abs().amax(dim=1).clamp_(min=torch.finfo(torch.float32).tiny) / largest
        rows = rows / scale[:, None]
        if dtype == torch.int8:
            rows.round_()
        values[start : start + ROWS_AT_ONCE] = rows.clamp_(-largest, largest).to(dtype)
        scales[start : start + ROWS_AT_ONCE] = scale
    return QuantizedMatrix(values, scales)


def linear(x: torch.Tensor, weight: Matrix, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Multiply as PyTorch's `linear`; a quantised matrix is dequantised first, in each call."""
    if isinstance(weight, QuantizedMatrix):
        weight = weight.dequantized(x.dtype)
    return functional.linear(x, weight, bias)
