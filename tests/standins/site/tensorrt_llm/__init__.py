"""Stand-in for tensorrt_llm 0.16: the effects of importing it that a benchmark notices."""

from __future__ import annotations

from tensorrt_llm import faults
from tensorrt_llm.mpi import mpi_rank, mpi_world_size

__all__ = ["mpi_rank", "mpi_world_size"]
__version__ = "0.16.0"

print(f"[TensorRT-LLM] TensorRT-LLM version: {__version__}", flush=True)
faults.strike("import")
