"""The table of published numbers, `numbers.csv`: facts with their sources, never interpolated.

Compared with the sources cell by cell in November 2026: TensorRT-LLM 0.15 (415 cells), 0.17 (338), 1.0 (112)
and gpt-fast (14, shares of the 2,039 GB/s of an A100); no difference. Of the megakernel only the share. Not
compared, because their sources were not at hand: 0.5 (issue 329 has one of its 13 numbers, the same), issues
1761 and 1871. Left out: GH200, which another program measured, and PCIe cards.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path

import msgspec

from runner.plan.workload import same_shape_name

_TABLE = Path(__file__).with_name("numbers.csv")
_FAMILY = re.compile(r"\b(G?[ABHL]\d{2,3}[A-Z]?|RTX \d{4}(?: Ti)?)\b")


class PublishedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One published number; a field at its default was not stated."""

    program: str
    """what measured it: `trtllm-bench`, `trtllm-bench, PyTorch backend`, `benchmark.py`, or another's name"""
    version: str = ""
    date: str
    """month of publication"""
    model: str
    tp: int
    pp: int
    precision: str
    """of the weights, as in `Workload.precision`"""
    gpu: str
    """product name as the driver gives it"""
    batch_size: int = 0
    """0: requests in flight"""
    input_len: int = 0
    output_len: int = 0
    requests: int = 0
    metric: str
    """the metric with the same definition"""
    value: float
    source: str

    @property
    def where(self) -> str:
        """Program and version."""
        return f"{self.program} {self.version}".rstrip()


@cache
def published_rows() -> tuple[PublishedRow, ...]:
    """Return all rows, in the order of the file."""
    with _TABLE.open(encoding="utf-8", newline="") as lines:
        stated = [{name: value for name, value in row.items() if value} for row in csv.DictReader(lines)]
    return msgspec.convert(stated, tuple[PublishedRow, ...], strict=False)


def gpu_family(name: str) -> str:
    """Return what forms of one GPU share: `H100` of `NVIDIA H100 PCIe`; the name itself if it is unknown."""
    match = _FAMILY.search(name)
    return match[1] if match else name


def select_rows(model: str = "", gpu: str = "") -> tuple[PublishedRow, ...]:
    """Return the rows whose model and GPU contain these words; an empty word fits all."""
    wanted = same_shape_name(model) if model else ""
    return tuple(
        row
        for row in published_rows()
        if wanted in same_shape_name(row.model) and gpu.lower() in row.gpu.lower()
    )
