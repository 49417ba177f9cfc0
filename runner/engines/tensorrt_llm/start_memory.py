"""What the programs of TensorRT-LLM take on a GPU before they load a model: estimates; and what has none."""

from __future__ import annotations

CONTEXT = 780 << 20
"""Bytes of the CUDA context with the kernels of TensorRT and the plug-ins: in the log that TensorRT-LLM's
documentation explains (reference/memory.md), 8.62 GiB were in use, 7.86 of them stated part by part."""
NCCL = 400 << 20
"""Bytes of the buffers of NCCL for 2 to 8 ranks: 342 to 392 MiB (ai-dynamo/aiconfigurator, systems/)."""

EXECUTION_NOT_PREDICTED = "TensorRT sizes its execution context when it builds the engine"
"""Why the activations of an engine are not predicted. NVIDIA has no formula for them: they depend on fusions,
kernels and plug-ins that the build chooses (NVIDIA/TensorRT-LLM issue 210; docs, reference/memory.md)."""
TRIAL_RUN_NOT_PREDICTED = "PyTorch measures its activations in a trial run, after the model is loaded"


def start_parts(ranks: int) -> dict[str, int]:
    """Return the parts of the memory of a GPU that do not depend on the model."""
    return {"context": CONTEXT} | ({"nccl": NCCL} if ranks > 1 else {})
