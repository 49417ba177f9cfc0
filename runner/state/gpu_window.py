"""One configuration, and the readings of its GPUs in the measured phase."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from runner.state.configuration import ConfigurationState
from runner.state.gpu import GpuState
from runner.state.gpu_phase import GpuPhase
from runner.state.gpu_series import ReadingCell, ReadingTable
from runner.state.run import RunState


@dataclass(frozen=True)
class GpuWindow:
    """A configuration, its measured phase, and the GPUs that its ranks computed on."""

    state: RunState
    configuration: ConfigurationState
    phase: GpuPhase
    gpus: list[GpuState]

    @cached_property
    def _table(self) -> ReadingTable:
        return self.phase.table

    def cells(self, reading: str) -> list[ReadingCell] | str:
        """Return one cell per GPU, or why one of them has none."""
        column = self._table.get(reading)
        found = []
        for gpu in self.gpus:
            cell = column.cell(gpu.column) if column is not None else None
            if cell is None:
                return f"GPU {gpu.identity.index}: {gpu.why_not(reading)}"
            found.append(cell)
        return found

    @property
    def rate(self) -> str:
        return f"sampled @ {1000 / self.state.telemetry.period_ms:.3g} Hz"

    @property
    def how(self) -> str:
        """The sampling rate, with a note if they cover a whole GPU instead of its MIG device."""
        shared = any(self.state.telemetry.mig_device(gpu) for gpu in self.gpus)
        return self.rate + ("; of the whole GPU, which its MIG devices share" if shared else "")
