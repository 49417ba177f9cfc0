"""What fills the memory of a GPU: predicted before the run, as the engine says, and the peak of NVML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from runner.events import MemoryParts
from runner.metrics.flag import Effect, Flag
from runner.metrics.rank_gpus import gpu_window, used_gpus
from runner.plan.plan import configuration_of
from runner.ranks.memory_parts import PARTS
from runner.util.bounds import Count

if TYPE_CHECKING:
    from runner.plan.plan import Plan, PredictedMemory
    from runner.state.gpu import GpuState
    from runner.state.run import RunState

GIB = 2**30
CLOSE = 0.03
"""A sum that the engine states is as near the peak of NVML as this share of it, or it is flagged."""


class MemoryRow(NamedTuple):
    """One part, in bytes; None: not known."""

    name: str
    predicted: int | None
    logged: int | None


class MemoryMap(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The memory of one GPU in a configuration, without what was in use before the run."""

    predicted: MemoryParts | None = None
    """counted before the run; None: not counted"""
    why_not: str = ""
    """why a part is not predicted; empty: all are"""
    logged: MemoryParts | None = None
    """as the engine recorded or printed it; None: it did not"""
    tokens: Count | None = None
    """for which the KV cache has room, as the engine prints it"""
    blocks: Count | None = None
    """of the KV cache, as the engine prints it"""
    peak: Count | None = None
    """bytes: the most in any sample of NVML while it was measured, of the GPU that used most"""
    before: Count | None = None
    """bytes in use on that GPU before the run"""

    @property
    def best(self) -> MemoryParts | None:
        """Each part as logged, otherwise as predicted; None: the engine logged nothing."""
        if self.logged is None or not self.logged.unknown:
            return self.logged
        predicted, logged = (self.predicted or MemoryParts()).sizes, self.logged.sizes
        filled = {name: predicted[name] if size is None else size for name, size in logged.items()}
        return MemoryParts(**filled)

    @property
    def estimated(self) -> list[str]:
        """The names of the parts of `best` that are not logged but predicted."""
        best, logged = self.best, self.logged
        if best is None or logged is None:
            return []
        return [PARTS[name] for name, size in best.sizes.items() if size and logged.sizes[name] is None]

    def off_peak(self, parts: MemoryParts | None) -> float | None:
        """Return by which share the sum of parts is above the peak; None: a part or the peak is not known."""
        if parts is None or parts.unknown or not self.peak:
            return None
        return parts.total / self.peak - 1

    @property
    def rows(self) -> list[MemoryRow]:
        """The parts of which a size is known."""
        predicted = (self.predicted or MemoryParts()).sizes
        logged = (self.logged or MemoryParts()).sizes
        rows = [MemoryRow(PARTS[name], predicted[name], logged[name]) for name in PARTS]
        return [row for row in rows if row.predicted or row.logged]

    @property
    def sentence(self) -> str:
        """`NVML's peak 20.9 GiB; predicted weights 15.0 + ... = 20.9 GiB (+0.2 % of it)`; empty: nothing."""
        return "; ".join(self._sentences())

    def _sentences(self) -> Iterator[str]:
        if self.peak:
            yield f"NVML's peak {gib(self.peak)}"
        if self.predicted is not None and self.predicted.total:
            yield f"predicted {self.describe(self.predicted)}"
        elif self.why_not:
            yield f"not predicted: {self.why_not}"
        if (best := self.best) is not None and best.total:
            guessed = f" ({', '.join(self.estimated)} estimated)" if self.estimated else ""
            yield f"the engine says {self.describe(best)}{guessed}"
        if self.tokens:
            blocks = f" in {self.blocks} blocks" if self.blocks else ""
            yield f"the KV cache has room for {self.tokens} tokens{blocks}"

    def describe(self, parts: MemoryParts) -> str:
        """Return the sum with its parts, and what `remark` says of it."""
        return f"{parts}{self.remark(parts)}"

    def remark(self, parts: MemoryParts) -> str:
        """Return how far a sum is from the peak, or what it lacks and why: ` (+0.4 % of the peak)`."""
        if parts.unknown:
            predicted = self.why_not and parts == self.predicted
            why = f"not predicted: {self.why_not}" if predicted else "not known"
            return f", without {' and '.join(parts.unknown)} ({why})"
        off = self.off_peak(parts)
        return "" if off is None else f" ({100 * off:+.1f} % of the peak)"


def gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"


def find_memory_map(state: RunState, plan: Plan, number: int) -> MemoryMap | None:
    """Return the memory map of a configuration of a run; None: nothing is known of it.

    Args:
        state: the run.
        plan: its plan, with the prediction.
        number: place of the configuration in the state.
    """
    start = state.configurations[number].start
    said, planned = state.memory.of(start), _planned(plan, start)
    gpu, peak = _peak(state, number)
    before = round(gpu.baseline or 0) if gpu is not None else 0
    if said is None and planned is None:
        return None
    logged = said.parts if said is not None else None
    if logged is not None and logged.context is not None:
        logged = msgspec.structs.replace(logged, context=max(0, logged.context - before))
    return MemoryMap(
        predicted=_filled(planned, gpu, before) if planned is not None else None,
        why_not=planned.why_not if planned is not None else "",
        logged=logged,
        tokens=said.tokens if said is not None else None,
        blocks=said.blocks if said is not None else None,
        peak=None if peak is None else max(0, peak - before),
        before=before or None,
    )


def memory_flags(found: MemoryMap | None) -> list[Flag]:
    """Return that what the engine states is not what NVML saw; nothing where a part is an estimate."""
    off = found.off_peak(found.best) if found is not None and not found.estimated else None
    if found is None or found.best is None or found.peak is None or off is None or abs(off) <= CLOSE:
        return []
    text = (
        f"the engine states {gib(found.best.total)} on a GPU, and NVML saw {gib(found.peak)} at the peak:"
        " another program used the GPU, or the engine holds memory that it does not state"
    )
    return [Flag(text, Effect.NOTE)]


def _planned(plan: Plan, start: object) -> PredictedMemory | None:
    wanted = configuration_of(start)
    found = (memory for one, memory in zip(plan.configurations, plan.memory, strict=False) if one == wanted)
    return next(found, None)


def _filled(planned: PredictedMemory, gpu: GpuState | None, before: int) -> MemoryParts:
    """Return a prediction with the KV cache that takes a share of what the other parts leave free."""
    total = gpu.identity.memory_total - (gpu.reserved or 0) - before if gpu is not None else None
    return with_cache(planned, total if total and total > 0 else None)


def with_cache(planned: PredictedMemory, available: int | None) -> MemoryParts:
    """Return the predicted parts, the KV cache computed from the bytes that are available to all parts."""
    parts, share = planned.parts, planned.cache_share
    if share is None or available is None or parts.cache is not None or parts.weights is None:
        return parts
    return msgspec.structs.replace(parts, cache=round(share * max(0, available - parts.total)))


def _peak(state: RunState, number: int) -> tuple[GpuState | None, int | None]:
    """Return the GPU of the ranks that used most, and its most bytes in use; of MIG devices none."""
    gpus = used_gpus(state)
    first = gpus[0] if gpus else None
    window = gpu_window(state, number)
    if window is None or any(gpu.identity.mig for gpu in gpus):
        return first, None
    cells = window.cells("memory")
    if isinstance(cells, str):
        return first, None
    gpu, cell = max(zip(window.gpus, cells, strict=True), key=lambda pair: pair[1].high)
    return gpu, round(cell.high)
