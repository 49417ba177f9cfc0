"""The GPUs of a run keep their names and their places, also when NVML is started anew and lists others.

A GPU that fell off the bus does not say its UUID to a new process, or is not listed at all. What is known of
it, its rank and the columns of the log must not become another GPU's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from runner.events import Column, GpuIdentity, GpuInventory, GpuProblem, GpuReason, GpuSamples
from runner.events.missing_readings import LOST
from runner.telemetry.nvml_errors import UNREADABLE

COLUMNS = [
    name for name in GpuSamples.__struct_fields__ if name not in ("t", "period_ms", "slices", "throttled_us")
]
"""What a sample says of each GPU."""


@dataclass
class Lineup:
    """Who stands where, from the first inventory of a run on."""

    _gpus: list[GpuIdentity] = field(default_factory=list)
    _names: dict[str, str] = field(default_factory=dict)
    """the UUID of a GPU that does not say its own, by the name that NVML's index gives it"""
    _places: list[int | None] | None = None
    """place in a sample of each of our GPUs; None: as they come"""

    def inventory(self, event: GpuInventory) -> list[GpuInventory | GpuReason | GpuProblem]:
        """An inventory in the order of the first, with who is missing now."""
        # One that says only now who it is has its place already, under the name that its index gave it.
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
        self._gpus = [self._present(gpu, new) for gpu in self._gpus]
        self._gpus += [gpu for uuid, (_, gpu) in new.items() if uuid not in known]
        places = [new[gpu.uuid][0] if gpu.uuid in new else None for gpu in self._gpus]
        self._places = places if places != list(range(len(event.gpus))) else None
        missing = [gpu for gpu in self._gpus if gpu.uuid not in new]
        told: list[GpuInventory | GpuReason | GpuProblem] = [msgspec.structs.replace(event, gpus=self._gpus)]
        for gpu in missing:
            told.append(GpuReason(t=event.t, gpu=gpu.uuid, reading="all", reason=LOST))
            text = (
                f"GPU {gpu.index} is not listed by the driver any more: restart the machine or reset the GPU"
            )
            told.append(GpuProblem(t=event.t, gpu=gpu.uuid, what="lost", text=text))
        return told

    def samples(self, event: GpuSamples) -> GpuSamples:
        """A sample with its columns in the order of the first inventory."""
        places = self._places
        if places is None:
            return event
        columns: dict[str, Column] = {
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
        """The UUID of the GPU that a record calls so."""
        return self._names.get(uuid, uuid)

    def _present(self, gpu: GpuIdentity, new: dict[str, tuple[int, GpuIdentity]]) -> GpuIdentity:
        """What a GPU says of itself now; what it said before where it says nothing."""
        found = new.get(gpu.uuid)
        return gpu if found is None or found[1].uuid != gpu.uuid else found[1]
