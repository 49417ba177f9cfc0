"""What the memory of a GPU holds."""

import msgspec

from runner.events.base import Event
from runner.ranks.memory_parts import PARTS, describe_parts
from runner.util.bounds import Count, Ranks


class MemoryParts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Bytes of the memory of one GPU by use; None: not known."""

    weights: Count | None = None
    """the model, as far as it is on this GPU"""
    cache: Count | None = None
    """keys and values"""
    execution: Count | None = None
    """activations: the execution context of TensorRT; of PyTorch also the workspaces of libraries"""
    buffers: Count | None = None
    """inputs, outputs and decoder of the runtime of TensorRT-LLM"""
    allocator: Count | None = None
    """what PyTorch's allocator keeps beyond what is allocated"""
    context: Count | None = None
    """the CUDA context, with the kernels of all libraries"""
    nccl: Count | None = None
    """buffers of NCCL"""

    @property
    def sizes(self) -> dict[str, int | None]:
        """Every part by name, in the order in which parts are shown."""
        return {name: getattr(self, name) for name in PARTS}

    @property
    def total(self) -> int:
        """The sum of the known parts."""
        return sum(size or 0 for size in self.sizes.values())

    @property
    def unknown(self) -> list[str]:
        """The names of parts that every engine has and that are not known here."""
        needed = ("weights", "cache", "execution", "context")
        return [PARTS[name] for name in needed if self.sizes[name] is None]

    def __str__(self) -> str:
        """Return the known parts: `weights 15.0 + KV cache 2.1 = 17.1 GiB`."""
        return describe_parts(self.sizes)


class GpuMemory(Event, frozen=True, kw_only=True, tag="gpu_memory", gc=False):
    """What an engine says that it holds on one GPU; a later one of the same rank replaces it."""

    stage: Count
    parts: MemoryParts
    rank: Ranks | None = None
    """the rank that recorded it; None: read from the output, which does not name the rank"""
    config: Count | None = None
    """index of the configuration; None: the same for all of the stage"""
    tokens: Count | None = None
    """tokens for which the KV cache has room"""
    blocks: Count | None = None
    """blocks of the KV cache"""
