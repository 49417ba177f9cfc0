"""One configuration, and the readings of its GPUs in the measured phase."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import msgspec

from runner.state.configuration import ConfigurationState
from runner.state.gpu import GpuState
from runner.state.gpu_phase import GpuPhase
from runner.state.gpu_series import ReadingCell, ReadingTable
from runner.state.run import RunState


class GpuWindow(msgspec.Struct, frozen=True, dict=True):
    """A configuration, its measured phase, and the GPUs that its ranks computed on."""

    state: RunState
    configuration: ConfigurationState
    phases: Mapping[str, GpuPhase]
    """readings of each node with such GPUs, by its name; of a run of one machine with the name `""`"""
    gpus: list[GpuState]
    unread: str = ""
    """why the GPUs of some ranks are missing here, so that there is no sum over all; empty: none are"""

    def phase_of(self, gpu: GpuState) -> GpuPhase:
        """Return the readings of the node that has a GPU."""
        return self.phases[gpu.node]

    @cached_property
    def seconds(self) -> float:
        """Length of the measured phase."""
        return max(phase.seconds for phase in self.phases.values())

    @cached_property
    def fewest(self) -> tuple[str, int]:
        """The node with the fewest readings of the phase, and their number."""
        return min(((node, phase.ticks) for node, phase in self.phases.items()), key=lambda one: one[1])

    @property
    def ticks(self) -> int:
        """Number of readings of each GPU in the phase, at least."""
        return self.fewest[1]

    def cell(self, gpu: GpuState, reading: str) -> ReadingCell | None:
        """Return one reading of one GPU; None: it was not read in the phase."""
        return self._tables[gpu.node].cell(reading, gpu.column)

    def cells(self, reading: str) -> list[ReadingCell] | str:
        """Return one cell per GPU, or why one of them has none."""
        found = []
        for gpu in self.gpus:
            cell = self.cell(gpu, reading)
            if cell is None:
                return f"{gpu.name}: {gpu.why_not(reading)}"
            found.append(cell)
        return found

    @property
    def rate(self) -> str:
        return f"sampled @ {1000 / max(self._periods):.3g} Hz"

    @property
    def how(self) -> str:
        """The sampling rate, with a note on what the readings cover besides or leave out."""
        shared = any(self.mig_device(gpu) for gpu in self.gpus)
        whole = "; of the whole GPU, which its MIG devices share" if shared else ""
        return f"{self.rate}{whole}{f'; {self.unread}' if self.unread else ''}"

    def mig_device(self, gpu: GpuState) -> str:
        """Return the UUID of the MIG device of a GPU that the ranks use; empty: they use the whole GPU."""
        return self.state.telemetry_of(gpu).mig_device(gpu)

    @property
    def _periods(self) -> list[int]:
        return [self.state.telemetry_of(gpu).period_ms for gpu in self.gpus]

    @cached_property
    def _tables(self) -> dict[str, ReadingTable]:
        return {node: phase.table for node, phase in self.phases.items()}
