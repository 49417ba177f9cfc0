"""What a rank holds on its GPU, part by part, as PyTorch's allocator and the driver count it."""

from __future__ import annotations

import torch

from runner.ranks.memory import MemoryNeed


class HeldMemory:
    """Counts the memory of one GPU; made before NCCL starts."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._start = self._outside()
        self._nccl = 0

    def collectives_started(self) -> None:
        """Take what has been added outside of the allocator since the start for the buffers of NCCL."""
        self._nccl = max(0, self._outside() - self._start)

    def parts(self, need: MemoryNeed) -> dict[str, int] | None:
        """Return the bytes of each part at the peak since the last reset; None on a CPU.

        Weights and cache are as large as counted; execution is what else was allocated. `context` is all that
        the driver counts outside of the allocator without NCCL, so also what other programs hold.

        Args:
            need: the configuration that was measured, counted before.
        """
        if self._device.type != "cuda":
            return None
        allocated = torch.cuda.max_memory_allocated(self._device)
        reserved = torch.cuda.max_memory_reserved(self._device)
        parts = {
            "weights": need.weights,
            "cache": need.cache,
            "execution": max(0, allocated - need.weights - need.cache),
            "allocator": reserved - allocated,
            "context": max(0, self._outside() - self._nccl),
        }
        return parts | ({"nccl": self._nccl} if self._nccl else {})

    def _outside(self) -> int:
        """Return the bytes that the driver counts as used, without those of the allocator; 0 on a CPU."""
        if self._device.type != "cuda":
            return 0
        free, total = torch.cuda.mem_get_info(self._device)
        return int(total - free - torch.cuda.memory_reserved(self._device))
