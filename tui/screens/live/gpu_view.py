"""The GPUs of a run as the live screen shows them. Pure functions of the run's state."""

from __future__ import annotations

from runner.events import GpuSamples
from runner.events.missing_readings import LOST, STALE, UNSUPPORTED
from runner.metrics.ceiling import Ceiling
from runner.metrics.gpu import throttled_shares
from runner.metrics.rank_gpus import gpu_of_rank, gpu_window
from runner.state.gpu import GpuState, TelemetryState
from runner.state.gpu_window import GpuWindow
from runner.state.run import RunState
from runner.util.formatting import ranges
from tui.screens.live.gpu_panel import HISTORY, GpuLine
from tui.text import plain_text

_READINGS = {
    "memory_used": "memory", "busy": "busy", "power": "power", "sm_clock": "sm_clock",
    "temperature": "temperature", "sm_active": "sm_active", "dram_active": "dram_active",
}  # fmt: skip
"""field of `GpuLine` -> reading of a sample"""


def gpu_lines(state: RunState) -> tuple[GpuLine, ...]:
    """Return one line a GPU, in the order of NVML; empty without GPUs."""
    ranks: dict[str, list[int]] = {}
    for rank in sorted(state.ranks):
        gpu = gpu_of_rank(state, rank)
        if gpu is not None:
            ranks.setdefault(gpu.identity.uuid, []).append(rank)
    if not state.running and (measured := _measured_lines(state, ranks)):
        return measured
    ticks = state.telemetry.recent()[-HISTORY:] if state.gpus else []
    return tuple(_line(state.telemetry, gpu, ranks.get(uuid, []), ticks) for uuid, gpu in state.gpus.items())


def _measured_lines(state: RunState, ranks: dict[str, list[int]]) -> tuple[GpuLine, ...]:
    """Return the GPUs of the ranks during the last measurement of an ended run; empty without readings.

    Means, but the peak of memory and temperature: what a GPU shows after the end is that it is idle.
    """
    window = _last_window(state)
    if window is None:
        return ()
    table = window.phase.table
    lines = []
    for gpu in window.gpus:
        columns = {name: table[name] for name in _READINGS.values() if name in table}
        cells = {name: cell for name, column in columns.items() if (cell := column.cell(gpu.column))}
        means = {field: cells[name].mean for field, name in _READINGS.items() if name in cells}
        slowed = throttled_shares(window.phase, gpu)
        reasons = None if slowed is None else tuple(name for name, share in slowed.items() if share)
        lines.append(
            GpuLine(
                index=gpu.identity.index,
                ranks=ranges(ranks.get(gpu.identity.uuid, [])),
                memory_used=int(cells["memory"].high) if "memory" in cells else None,
                memory_total=gpu.identity.memory_total,
                baseline=None if gpu.baseline is None else int(gpu.baseline),
                busy=means.get("busy"),
                power=means.get("power"),
                power_limit=gpu.identity.power_limit_w,
                sm_clock=means.get("sm_clock"),
                temperature=cells["temperature"].high if "temperature" in cells else None,
                sm_active=means.get("sm_active"),
                dram_active=means.get("dram_active"),
                throttled_by=reasons,
            )
        )
    return tuple(lines)


def _last_window(state: RunState) -> GpuWindow | None:
    """Return the readings of the last measured configuration; None: there are none."""
    for number in reversed(range(len(state.configurations))):
        window = gpu_window(state, number)
        if window is not None and window.phase.ticks:
            return window
    return None


def gpu_title(state: RunState, ceiling: Ceiling | None = None) -> str:
    """Return `GPUs, 2 Hz`, with the ceiling, and the status of the telemetry if it has a problem."""
    telemetry = state.telemetry
    near = f" · {ceiling.short}" if ceiling is not None and ceiling.short else ""
    if not state.running and _last_window(state) is not None:
        return f"GPUs while measured: mean, peak of memory and temperature{near}"
    rate = f", {1000 / telemetry.period_ms:.2g} Hz" if telemetry.period_ms else ""
    status = telemetry.status
    mig = next((uuid for gpu in telemetry.gpus.values() if (uuid := telemetry.mig_device(gpu))), "")
    return (
        f"GPUs{rate}{near}"
        + (f" · on {mig[:12]}: its own memory, other values of the whole GPU" if mig else "")
        + (f" · {status.state}: {plain_text(status.text)}" if status else "")
    )


def _line(telemetry: TelemetryState, gpu: GpuState, ranks: list[int], ticks: list[GpuSamples]) -> GpuLine:
    latest = {name: telemetry.latest(gpu, reading) for name, reading in _READINGS.items()}
    numbers = {name: value for name, value in latest.items() if not isinstance(value, str)}
    memory, total, baseline = numbers.get("memory_used"), gpu.identity.memory_total, gpu.baseline
    if mig := telemetry.mig_device(gpu):
        memory, total, baseline = telemetry.slice_memory(mig), gpu.identity.slices.get(mig, 0), None
    throttled = telemetry.throttled_by(gpu)
    return GpuLine(
        index=gpu.identity.index,
        ranks=ranges(ranks),
        memory_used=None if memory is None else int(memory),
        memory_total=total,
        baseline=None if baseline is None else int(baseline),
        busy=numbers.get("busy"),
        power=numbers.get("power"),
        power_limit=gpu.identity.power_limit_w,
        sm_clock=numbers.get("sm_clock"),
        temperature=numbers.get("temperature"),
        sm_active=numbers.get("sm_active"),
        dram_active=numbers.get("dram_active"),
        throttled_by=None if throttled is None else tuple(throttled),
        busy_history=tuple(_cell(tick.busy, gpu.column) for tick in ticks),
        power_history=tuple(_cell(tick.power, gpu.column) for tick in ticks),
        trouble=LOST if gpu.lost else STALE if telemetry.stale else "",
        missing=frozenset(name for name, value in latest.items() if value == UNSUPPORTED),
    )


def _cell(column: list[int | float | None], number: int) -> float | None:
    return column[number] if number < len(column) else None
