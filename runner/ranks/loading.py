"""The numbers of a checkpoint: each rank reads its share from memory-mapped files and converts it."""

from __future__ import annotations

import mmap
import warnings
from pathlib import Path

import torch

from runner.ranks.checkpoint import Checkpoint
from runner.ranks.errors import CheckpointError
from runner.ranks.safetensors_header import BYTES
from runner.ranks.weight_shards import Part

_TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


class CheckpointSource:
    """Fills parameters from a checkpoint; one part at a time is held in the memory of the host."""

    def __init__(self, checkpoint: Checkpoint, dtype: torch.dtype, device: torch.device) -> None:
        self._checkpoint = checkpoint
        self._files: dict[Path, torch.Tensor] = {}
        self.dtype = dtype
        self.device = device

    def fill(self, target: torch.Tensor, part: Part) -> None:
        """Write what a rank keeps of a parameter into `target`.

        Raises:
            CheckpointError: the file cannot be mapped, or a number is too large for the type.
        """
        stored = self._checkpoint.tensors[part.name]
        width = BYTES[stored.dtype]
        raw = self._bytes(stored.path)[stored.offset : stored.offset + stored.nbytes]
        rows = raw.view(part.size[0], -1)[part.rows]
        if len(part.size) > 1:
            rows = rows[:, part.columns.start * width : part.columns.stop * width]
        # A copy, because a tensor may begin anywhere in the file and a typed view needs an aligned one.
        numbers = rows.clone(memory_format=torch.contiguous_format).view(_TYPES[stored.dtype])
        target.copy_(numbers.view(target.shape))
        if target.dtype == torch.float16 != numbers.dtype and not bool(target.isfinite().all()):
            raise CheckpointError(
                f"{stored.path}: tensor {part.name} has numbers that are too large for float16;"
                " set model.dtype to bfloat16 or float32"
            )

    def _bytes(self, path: Path) -> torch.Tensor:
        """Return a whole file as [bytes]; only what is used is read."""
        if path not in self._files:
            try:
                with open(path, "rb") as file:
                    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except (OSError, ValueError) as error:
                raise CheckpointError(f"cannot map {path}: {error}") from None
            with warnings.catch_warnings():
                # PyTorch warns that writing would fail; nothing here writes.
                warnings.simplefilter("ignore", UserWarning)
                self._files[path] = torch.frombuffer(mapped, dtype=torch.uint8)
        return self._files[path]
