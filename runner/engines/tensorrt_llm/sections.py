"""Sections of a profile that both TensorRT-LLM engines share."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from runner.schema.base import PositiveInt, Section


class TrtllmParallel(Section, frozen=True):
    """How the model is split over GPUs; tp x pp ranks."""

    tp: Annotated[PositiveInt, Meta(description="tensor-parallel size")] = 1
    pp: Annotated[PositiveInt, Meta(description="pipeline-parallel size; benchmark.py needs 1")] = 1

    @property
    def ranks(self) -> int:
        return self.tp * self.pp
