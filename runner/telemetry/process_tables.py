"""Which processes compute on each GPU: read seldom, and recorded when it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from runner.telemetry.process_identity import describe_process

INTERVAL_S = 10.0
LARGEST_SHARE = 0.001
"""Most time that reading the processes of all GPUs may take: the call locks the driver for milliseconds."""
MEMORY_STEP = 1 << 28
"""Smaller changes of the memory of a process are not recorded, bytes."""

ProcessList = list[tuple[int, int | None]]
"""pid, and bytes of GPU memory; None: not known"""


@dataclass
class ProcessTables:
    """The processes of each GPU as last recorded, and when they are read next."""

    describe: Callable[[int], dict[str, str]] = describe_process
    """returns user, command and run of a process, as far as known"""
    _due: list[int] = field(default_factory=list)
    _recorded: dict[int, dict[int, int]] = field(default_factory=dict)
    """GPU -> pid -> memory in steps"""

    def start(self, now: int, gpus: int) -> None:
        """Schedule the first readings, one GPU after the other."""
        self._due = [now + round((gpu + 1) * INTERVAL_S * 1e9 / (2 * gpus)) for gpu in range(gpus)]

    def due(self, gpu: int, now: int) -> bool:
        return bool(self._due) and now >= self._due[gpu]

    def read(self, gpu: int, now: int, cost: int, found: ProcessList | None) -> list[dict[str, Any]] | None:
        """Take a reading; return the table to record, or None if nothing changed.

        Args:
            gpu: index of the GPU.
            now: time of the reading, ns.
            cost: duration of the call, ns.
            found: its result; None: it failed.
        """
        self._due[gpu] = now + max(round(INTERVAL_S * 1e9), round(cost * len(self._due) / LARGEST_SHARE))
        if found is None:
            return None
        steps = {pid: (memory or 0) // MEMORY_STEP for pid, memory in found}
        if self._recorded.get(gpu) == steps:
            return None
        self._recorded[gpu] = steps
        return [
            {"pid": pid, **({} if memory is None else {"memory": memory}), **self.describe(pid)}
            for pid, memory in sorted(found)
        ]
