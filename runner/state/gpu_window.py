"""One configuration, and what was read of its GPUs while it was measured."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from runner.state.configuration import ConfigurationState
from runner.state.gpu import GpuState
from runner.state.gpu_phase import Phase
from runner.state.gpu_series import Cell, Table
from runner.state.run import RunState


@dataclass(frozen=True)
class Measured:
    """A configuration and the GPUs that its ranks computed on."""

    state: RunState
    configuration: ConfigurationState
    phase: Phase
    gpus: list[GpuState]

    @cached_property
    def _table(self) -> Table:
        return self.phase.table

    def cells(self, reading: str) -> list[Cell] | str:
        """One cell a GPU, or why one of them has none."""
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
        """How readings were had that a MIG device has none of its own of."""
        shared = any(self.state.telemetry.mig_device(gpu) for gpu in self.gpus)
        return self.rate + ("; of the whole GPU, which its MIG devices share" if shared else "")
