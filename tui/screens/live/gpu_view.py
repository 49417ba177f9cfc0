"""The GPUs of a run as the live screen shows them. Pure functions of the run's state."""

from __future__ import annotations

from collections.abc import Iterator

from runner.events import ComputeProcess, GpuSamples
from runner.events.missing_readings import LOST, STALE, UNSUPPORTED
from runner.metrics.ceiling import Ceiling
from runner.metrics.gpu import throttled_shares
from runner.metrics.rank_gpus import gpu_of_rank, gpu_window, used_gpus
from runner.state.gpu import GpuState, TelemetryState
from runner.state.gpu_window import GpuWindow
from runner.state.run import RunState
from runner.util.formatting import ranges
from tui.framework.run_header import short_id
from tui.screens.live.gpu_box import GpuBox
from tui.screens.live.gpu_page import GpuDetail, GpuPage
from tui.screens.live.gpu_panel import HISTORY, GpuLine
from tui.screens.live.process_rows import ProcessLine
from tui.text import plain_text

_READINGS = {
    "memory_used": "memory", "busy": "busy", "power": "power", "sm_clock": "sm_clock",
    "temperature": "temperature", "sm_active": "sm_active", "dram_active": "dram_active",
}  # fmt: skip
"""field of `GpuLine` -> reading of a sample"""
PAGE_HISTORY = 400
"""most readings of a history on the whole screen: two a cell"""


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
    lines = []
    for gpu in window.gpus:
        cells = {name: cell for name in _READINGS.values() if (cell := window.cell(gpu, name))}
        means = {field: cells[name].mean for field, name in _READINGS.items() if name in cells}
        slowed = throttled_shares(window.phase_of(gpu), gpu)
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
        if window is not None and window.ticks:
            return window
    return None


def gpu_box(state: RunState, *, in_container: bool, full: bool) -> GpuBox:
    """Return the GPUs and the foreign processes on those of the run.

    Args:
        state: state of the run.
        in_container: stages run in a container, whose processes the driver counts differently.
        full: the panel has the whole screen.
    """
    lines = gpu_lines(state)
    processes = _process_lines(state, in_container=in_container) if state.running else ()
    used = {gpu.identity.index for gpu in used_gpus(state)} if processes else set()
    foreign = tuple(line for line in processes if line.foreign and line.gpu in used)
    return GpuBox(lines, foreign, _page(state, lines, processes) if full else None)


def _page(state: RunState, lines: tuple[GpuLine, ...], processes: tuple[ProcessLine, ...]) -> GpuPage:
    """Return the GPUs in full, with the processes on them while the run is under way."""
    inventory, ticks = state.telemetry.inventory, state.telemetry.recent()[-PAGE_HISTORY:]
    gpus = {gpu.identity.index: gpu for gpu in state.gpus.values()}
    details = tuple(
        GpuDetail(
            line=line,
            name=plain_text(gpu.identity.name),
            facts=tuple(_facts(gpu)),
            busy=tuple(_cell(tick.busy, gpu.column) for tick in ticks) if state.running else (),
            power=tuple(_cell(tick.power, gpu.column) for tick in ticks) if state.running else (),
        )
        for line in lines
        if (gpu := gpus.get(line.index)) is not None
    )
    versions = [
        f"{name} {plain_text(version)}"
        for name, version in (
            ("driver", inventory.driver), ("CUDA", inventory.cuda), ("NVML", inventory.nvml),
        )
        if version
    ] if inventory else []  # fmt: skip
    return GpuPage(
        versions=" · ".join(versions),
        gpus=details,
        processes=processes,
        no_processes=_why_no_processes(state),
    )


def _facts(gpu: GpuState) -> Iterator[str]:
    """Yield the address and what changes slowly, the most useful first."""
    if gpu.identity.pci:
        yield plain_text(gpu.identity.pci)
    health = gpu.health
    if health is None:
        return
    if health.pcie_generation and health.pcie_width:
        yield f"PCIe {health.pcie_generation} x{health.pcie_width}"
    if health.ecc_uncorrected is not None:
        yield f"ECC errors {health.ecc_uncorrected}"
    if health.remapped_rows:
        yield f"remapped rows {health.remapped_rows}"


def _why_no_processes(state: RunState) -> str:
    if not state.running:
        return "processes are listed while the run is under way"
    reasons = {gpu.reasons["processes"] for gpu in state.gpus.values() if "processes" in gpu.reasons}
    if reasons:
        return f"processes: {', '.join(sorted(map(plain_text, reasons)))}"
    read = all(gpu.processes is not None for gpu in state.gpus.values())
    return "no process computes on these GPUs" if read else "processes are not listed yet"


def _process_lines(state: RunState, *, in_container: bool) -> tuple[ProcessLine, ...]:
    """Return all processes in the order of the GPUs; those of the run by rank or tag."""
    run = state.started.run if state.started else ""
    ranks = {one.hello.pid: rank for rank, one in state.ranks.items() if one.hello is not None}
    here = state.started.host if state.started else ""
    hosts = {one.hello.host for one in state.ranks.values() if one.hello is not None}
    if not hosts <= {"", here}:
        ranks = {}  # pids of other hosts
    return tuple(
        _process_line(gpu.identity.index, process, run, ranks, in_container=in_container)
        for gpu in state.gpus.values()
        for process in gpu.processes or ()
    )


def _process_line(
    gpu: int, process: ComputeProcess, run: str, ranks: dict[int, int], *, in_container: bool
) -> ProcessLine:
    mine = process.run == run != ""
    if process.pid in ranks and (mine or not process.run):
        owner = f"rank {ranks[process.pid]}"
    else:
        owner = "this run" if mine else f"run {short_id(plain_text(process.run))}" if process.run else ""
    known = bool(process.user) and not in_container
    return ProcessLine(
        gpu=gpu,
        pid=process.pid,
        memory=process.memory,
        user=plain_text(process.user),
        command=plain_text(process.command),
        owner=owner,
        foreign=known and not mine and process.pid not in ranks,
    )


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
