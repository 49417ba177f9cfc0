"""The names of what fills the memory of a GPU; apart from `memory`, as every reader of a log needs them."""

from __future__ import annotations

from collections.abc import Mapping

GIB = 1 << 30
PARTS: Mapping[str, str] = {
    "weights": "weights",
    "cache": "KV cache",
    "execution": "execution",
    "buffers": "buffers",
    "allocator": "allocator",
    "context": "CUDA context",
    "nccl": "NCCL",
}
"""The parts of the memory of a GPU, in the order in which they are shown -> their names."""


def describe_parts(sizes: Mapping[str, int | None]) -> str:
    """Return the sum of the known parts in bytes, without those that are 0, as `weights 15.0 = 15.0 GiB`."""
    known = [(PARTS[name], size) for name in PARTS if (size := sizes.get(name))]
    parts = [f"{name} {size / GIB:.1f}" for name, size in known]
    return f"{' + '.join(parts)} = {sum(size for _, size in known) / GIB:.1f} GiB"
