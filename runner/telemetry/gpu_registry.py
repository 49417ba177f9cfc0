"""Keeps names and columns of the GPUs of a run stable when NVML restarts and lists other GPUs.

NVML gives a new process no UUID of a GPU that fell off the bus, or does not list it. Its identity, its rank
and its columns in the log must not move to another GPU.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from runner.events import GpuColumn, GpuIdentity, GpuInventory, GpuProblem, GpuReason, GpuSamples
from runner.events.missing_readings import LOST
from runner.telemetry.nvml_errors import UNREADABLE

COLUMNS = [
    name for name in GpuSamples.__struct_fields__ if name not in ("t", "period_ms", "slices", "throttled_us")
]
"""Columns of a sample: one number per GPU each."""


@dataclass
class GpuRegistry:
    """The column of each GPU, from the first inventory of a run on."""

    _gpus: list[GpuIdentity] = field(default_factory=list)
    _names: dict[str, str] = field(default_factory=dict)
    """UUID of each GPU that reports none now, by its placeholder name (`unknown-<NVML index>`)"""
    _places: list[int | None] | None = None
    """index in a sample for each GPU of the run; None: the order is the same"""

    def inventory(self, event: GpuInventory) -> list[GpuInventory | GpuReason | GpuProblem]:
        """Return an inventory in the order of the first one, and events about GPUs that are missing now."""
        # A GPU that reports its UUID only now already has a column, under its placeholder name.
        known = {gpu.uuid for gpu in self._gpus}
        named = {f"{UNREADABLE}{gpu.index}": gpu for gpu in event.gpus if gpu.uuid not in known}
        self._gpus = [named.get(gpu.uuid, gpu) for gpu in self._gpus]
        listed = {gpu.uuid for gpu in event.gpus}
        silent = {gpu.index: gpu for gpu in self._gpus if gpu.uuid not in listed}
        self._names = {
            gpu.uuid: silent.pop(gpu.index).uuid
            for gpu in event.gpus
            if gpu.uuid.startswith(UNREADABLE) and gpu.index in silent
        }
        new = {self._names.get(gpu.uuid, gpu.uuid): (place, gpu) for place, gpu in enumerate(event.gpus)}
        known = {gpu.uuid for gpu in self._gpus}
        self._gpus = [self._current_identity(gpu, new) for gpu in self._gpus]
        self._gpus += [gpu for uuid, (_, gpu) in new.items() if uuid not in known]
        places = [new[gpu.uuid][0] if gpu.uuid in new else None for gpu in self._gpus]
        self._places = places if places != list(range(len(event.gpus))) else None
        missing = [gpu for gpu in self._gpus if gpu.uuid not in new]
        found: list[GpuInventory | GpuReason | GpuProblem] = [msgspec.structs.replace(event, gpus=self._gpus)]
        for gpu in missing:
            found.append(GpuReason(t=event.t, gpu=gpu.uuid, reading="all", reason=LOST))
            text = (
                f"GPU {gpu.index} is not listed by the driver any more: restart the machine or reset the GPU"
            )
            found.append(GpuProblem(t=event.t, gpu=gpu.uuid, what="lost", text=text))
        return found

    def samples(self, event: GpuSamples) -> GpuSamples:
        """Return a sample with its columns in the order of the first inventory."""
        places = self._places
        if places is None:
            return event
        columns: dict[str, GpuColumn] = {
            name: [None if place is None else column[place] for place in places]
            for name in COLUMNS
            if (column := getattr(event, name))
        }
        throttled = {
            reason: [0 if place is None else column[place] for place in places]
            for reason, column in event.throttled_us.items()
        }
        return msgspec.structs.replace(event, throttled_us=throttled, **columns)

    def name(self, uuid: str) -> str:
        """Return the UUID of the GPU that a record names."""
        return self._names.get(uuid, uuid)

    def _current_identity(self, gpu: GpuIdentity, new: dict[str, tuple[int, GpuIdentity]]) -> GpuIdentity:
        """Return the current identity of a GPU; the earlier one if it reports none."""
        found = new.get(gpu.uuid)
        return gpu if found is None or found[1].uuid != gpu.uuid else found[1]
