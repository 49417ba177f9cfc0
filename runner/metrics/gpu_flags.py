"""Reasons to doubt the numbers of the GPUs of a run."""

from __future__ import annotations

from collections.abc import Iterator

from runner.events.throttle_reasons import HARMLESS
from runner.metrics.energy import disagreement
from runner.metrics.gpu import throttled_shares
from runner.metrics.memory import GIB
from runner.metrics.rank_gpus import LEAST_SAMPLES, gpu_window, used_gpus
from runner.state.gpu import GpuState
from runner.state.gpu_window import GpuWindow
from runner.state.run import RunState

SMALL_BASELINE = 256 << 20
"""Bytes in use before a run, up to which only drivers and monitors hold memory."""
CLOCK_DROP = 0.9
LEAST_READ = 0.8
"""With less than this share of the expected readings, a mean describes only the readings that arrived."""


def gpu_flags(state: RunState, number: int) -> list[str]:
    """Return reasons to doubt the numbers of one configuration, from its GPU readings."""
    window = gpu_window(state, number)
    if window is None or window.phase.ticks < LEAST_SAMPLES:
        return []
    phase = window.phase
    found = [*_slowed(window), *disagreement(window), *_gaps(window)]
    expected = phase.seconds * 1000 / max(1, state.telemetry.period_ms)
    if phase.ticks < LEAST_READ * expected - 2:
        found.append(f"GPUs were read only {phase.ticks} of about {expected:.0f} times while it was measured")
    return found


def _gaps(window: GpuWindow) -> Iterator[str]:
    """Flag GPUs with a reading that is missing in many samples: the mean is that of the remaining samples."""
    table, ticks = window.phase.table, window.phase.ticks
    for gpu in window.gpus:
        cells = {name: cell for name in _STEADY if name in table and (cell := table[name].cell(gpu.column))}
        name = min(cells, key=lambda name: cells[name].n, default="")
        if name and cells[name].n < LEAST_READ * ticks - 2:
            why = gpu.why_not(name, "")
            yield (
                f"GPU {gpu.identity.index}: its {name.replace('_', ' ')} was read only {cells[name].n} of"
                f" {ticks} times while it was measured{': ' if why else ''}{why}"
            )


_STEADY = ("memory", "busy", "power", "sm_clock")
"""Readings that every sample has, from a GPU that supports them."""


def _slowed(window: GpuWindow) -> Iterator[str]:
    for gpu in window.gpus:
        for name, share in (throttled_shares(window.phase, gpu) or {}).items():
            if name not in HARMLESS and share > 0:
                yield f"GPU {gpu.identity.index} was slowed down {100 * share:.1f} % of the time: {name}"
    clocks = window.cells("sm_clock")
    for gpu, clock in zip(window.gpus, clocks if not isinstance(clocks, str) else [], strict=False):
        if clock.low < CLOCK_DROP * clock.mean:
            yield (
                f"the SM clock of GPU {gpu.identity.index} dropped to {clock.low:.0f} MHz,"
                f" {clock.mean:.0f} MHz is its mean"
            )


def run_gpu_flags(state: RunState) -> list[str]:
    """Return what happened to the GPUs of a run, and which other processes used them."""
    found: list[str] = []
    for gpu in used_gpus(state):
        found += _foreign_use(gpu)
        found += _health(gpu)
    found += [_named(state, problem.gpu, problem.text) for problem in state.telemetry.problems]
    states = ("stale", "ended", "given up")
    stale = [event.text for event in state.telemetry.status_events if event.state in states]
    found += dict.fromkeys(stale)
    return found


def _named(state: RunState, uuid: str, text: str) -> str:
    gpu = state.gpus.get(uuid)
    name = f"GPU {gpu.identity.index}" if gpu else uuid or "a GPU"
    return text if text.startswith("GPU ") else f"{name}: {text}"


def _foreign_use(gpu: GpuState) -> Iterator[str]:
    index = gpu.identity.index
    for pids, when in ((gpu.before, "before"), (gpu.after, "after")):
        if pids:
            listed = ", ".join(map(str, pids[:4])) + (", ..." if len(pids) > 4 else "")
            plural = "es" if len(pids) > 1 else ""
            yield f"GPU {index}: {len(pids)} foreign process{plural} computed on it {when} the run: {listed}"
    reserved = 0 if not gpu.sources.get("memory") else 1 << 30  # such a driver counts it as used
    if gpu.baseline is not None and gpu.baseline > SMALL_BASELINE + reserved:
        yield f"GPU {index}: {gpu.baseline / GIB:.1f} GiB were in use before the run"


def _health(gpu: GpuState) -> Iterator[str]:
    index, first, last = gpu.identity.index, gpu.first_health, gpu.health
    if first is None or last is None:
        return
    before, now = first.ecc_uncorrected, last.ecc_uncorrected
    if before is not None and now is not None and now > before:
        yield f"GPU {index}: {now - before} uncorrectable memory errors during the run"
    if last.remap_pending or last.remap_failed:
        yield f"GPU {index}: rows of its memory wait to be remapped; reset it before you trust it"
    width, most = last.pcie_width, gpu.identity.max_pcie_width
    if width is not None and most is not None and width < most:
        yield f"GPU {index}: its PCIe link has {width} of {most} lanes"
