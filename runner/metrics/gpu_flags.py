"""Reasons to doubt the numbers of the GPUs of a run."""

from __future__ import annotations

from collections.abc import Iterator

from runner.events.missing_readings import without_host_load
from runner.events.throttle_reasons import HARMLESS
from runner.metrics.ceiling import waits_for_host
from runner.metrics.energy import disagreement
from runner.metrics.flag import Effect, Flag, GpuFinding, NodeFinding, by_effect, group_gpus, join_nodes
from runner.metrics.gpu import throttled_shares
from runner.metrics.memory import GIB
from runner.metrics.rank_gpus import LEAST_SAMPLES, gpu_window, used_gpus
from runner.state.gpu import GpuState
from runner.state.gpu_window import GpuWindow
from runner.state.nodes import in_order
from runner.state.run import RunState
from runner.util.formatting import plural

SMALL_BASELINE = 256 << 20
"""Bytes in use before a run, up to which only drivers and monitors hold memory."""
CLOCK_DROP = 0.9
LEAST_READ = 0.8
"""With less than this share of the expected readings, a mean describes only the readings that arrived."""


def gpu_flags(state: RunState, number: int) -> list[str]:
    """Return reasons to doubt the numbers of one configuration, from its GPU readings; one for equal GPUs."""
    window = gpu_window(state, number)
    if window is None or window.ticks < LEAST_SAMPLES:
        return []
    waiting = waits_for_host(window)
    found: list[str] = [waiting] if waiting is not None else []
    found += [*group_gpus([*_slowed(window), *_gaps(window)])]
    found += [Flag(text, Effect.UNCERTAIN) for text in disagreement(window)]
    rare = list(_rarely_read(state, window))
    if rare:
        found.append(Flag(join_nodes(rare).text, Effect.UNREAD))
    if window.unread and state.nodes:
        found.append(Flag(f"the numbers of the GPUs are {window.unread}", Effect.UNREAD))
    return by_effect(found)


def _rarely_read(state: RunState, window: GpuWindow) -> Iterator[NodeFinding]:
    """Yield the nodes whose GPUs were read less often than was asked for."""
    for gpu in {gpu.node: gpu for gpu in window.gpus}.values():
        ticks = window.phase_of(gpu).ticks
        expected = window.seconds * 1000 / max(1, state.telemetry_of(gpu).period_ms)
        if ticks < LEAST_READ * expected - 2:
            text = f"GPUs were read only {ticks} of about {expected:.0f} times while it was measured"
            yield NodeFinding(gpu.node, text, 1 - ticks / expected)


def _gaps(window: GpuWindow) -> Iterator[GpuFinding]:
    """Flag GPUs with a reading that is missing in many samples: the mean is that of the remaining samples."""
    for gpu in window.gpus:
        ticks = window.phase_of(gpu).ticks
        cells = {name: cell for name in _STEADY if (cell := window.cell(gpu, name))}
        name = min(cells, key=lambda name: cells[name].n, default="")
        if name and cells[name].n < LEAST_READ * ticks - 2:
            why = gpu.why_not(name, "")
            text = (
                f"{name.replace('_', ' ')} was read only {cells[name].n} of {ticks} times while it was"
                f" measured{': ' if why else ''}{why}"
            )
            missing = 1 - cells[name].n / ticks
            yield GpuFinding.of(gpu, f"gaps {name}", text, Effect.UNREAD, missing)


_STEADY = ("memory", "busy", "power", "sm_clock")
"""Readings that every sample has, from a GPU that supports them."""


def _slowed(window: GpuWindow) -> Iterator[GpuFinding]:
    for gpu in window.gpus:
        for name, share in (throttled_shares(window.phase_of(gpu), gpu) or {}).items():
            if name not in HARMLESS and share > 0:
                text = f"slowed down {100 * share:.1f} % of the time: {name}"
                yield GpuFinding.of(gpu, f"slowed {name}", text, Effect.DISTORTED, share)
    clocks = window.cells("sm_clock")
    for gpu, clock in zip(window.gpus, clocks if not isinstance(clocks, str) else [], strict=False):
        if clock.low < CLOCK_DROP * clock.mean:
            text = f"the SM clock dropped to {clock.low:.0f} MHz, {clock.mean:.0f} MHz is its mean"
            drop = 1 - clock.low / clock.mean
            yield GpuFinding.of(gpu, "clock", text, Effect.DISTORTED, drop)


def run_gpu_flags(state: RunState) -> list[str]:
    """Return what happened to the GPUs of a run, and which other processes used them; one for equal GPUs."""
    findings: list[GpuFinding] = []
    for gpu in used_gpus(state):
        findings += [*_foreign_use(gpu), *_health(gpu)]
    found: list[str] = list(group_gpus([*findings, *_problems(state)]))
    return by_effect([*found, *_without_gpu(state), *_not_read(state)])


_NOT_READ = ("stale", "ended", "given up")


def no_gpu_flags(state: RunState) -> list[Flag]:
    """Return why no GPU is read at all, of one machine or of some nodes."""
    reasons = {node.name: node.no_gpu for node in in_order(state.nodes)} or {"": state.no_gpu}
    texts: dict[str, list[NodeFinding]] = {}
    for node, reason in reasons.items():
        if reason is not None:
            text = f"GPUs were not read: {without_host_load(reason)}"
            texts.setdefault(text, []).append(NodeFinding(node, text))
    return [Flag(join_nodes(found).text, Effect.UNREAD) for found in texts.values()]


def _not_read(state: RunState) -> Iterator[Flag]:
    """Yield when and why GPUs were not read; one for several nodes with the same reason."""
    texts: dict[str, list[NodeFinding]] = {}
    for telemetry in state.telemetries:
        for event in telemetry.status_events:
            if event.state in _NOT_READ:
                texts.setdefault(event.text, []).append(NodeFinding(telemetry.node, event.text))
    for found in texts.values():
        yield Flag(join_nodes(found).text, Effect.UNREAD)


def _without_gpu(state: RunState) -> Iterator[Flag]:
    """Yield problems of GPUs that are not listed; one for several nodes with the same one."""
    texts: dict[str, list[NodeFinding]] = {}
    for telemetry in state.telemetries:
        for problem in telemetry.problems:
            if problem.gpu not in telemetry.gpus:
                named = problem.text.startswith("GPU ")
                text = problem.text if named else f"{problem.gpu or 'a GPU'}: {problem.text}"
                texts.setdefault(text, []).append(NodeFinding(telemetry.node, text))
    for found in texts.values():
        yield Flag(join_nodes(found).text, Effect.DISTORTED)


def _problems(state: RunState) -> Iterator[GpuFinding]:
    for telemetry in state.telemetries:
        for problem in telemetry.problems:
            gpu = telemetry.gpus.get(problem.gpu)
            if gpu is not None:
                index = gpu.identity.index
                text = problem.text.removeprefix(f"GPU {index}: ").removeprefix(f"GPU {index} is ")
                yield GpuFinding.of(gpu, text, text, Effect.DISTORTED)


def _foreign_use(gpu: GpuState) -> Iterator[GpuFinding]:
    for pids, when in ((gpu.before, "before"), (gpu.after, "after")):
        if pids:
            listed = ", ".join(map(str, pids[:4])) + (", ..." if len(pids) > 4 else "")
            count = plural(len(pids), "foreign process", "foreign processes")
            text = f"{count} computed on it {when} the run: {listed}"
            yield GpuFinding.of(gpu, f"foreign {when}", text, Effect.DISTORTED, len(pids) / 100)
    reserved = 0 if not gpu.sources.get("memory") else 1 << 30  # such a driver counts it as used
    if gpu.baseline is not None and gpu.baseline > SMALL_BASELINE + reserved:
        text = f"{gpu.baseline / GIB:.1f} GiB were in use before the run"
        share = gpu.baseline / gpu.identity.memory_total if gpu.identity.memory_total else 0.0
        yield GpuFinding.of(gpu, "memory before", text, Effect.UNCERTAIN, share)


def _health(gpu: GpuState) -> Iterator[GpuFinding]:
    first, last = gpu.first_health, gpu.health
    if first is None or last is None:
        return
    before, now = first.ecc_uncorrected, last.ecc_uncorrected
    if before is not None and now is not None and now > before:
        text = f"{now - before} uncorrectable memory errors during the run"
        yield GpuFinding.of(gpu, "ecc", text, Effect.WRONG)
    if last.remap_pending or last.remap_failed:
        text = "rows of its memory wait to be remapped; reset it before you trust it"
        yield GpuFinding.of(gpu, "remap", text, Effect.UNCERTAIN)
    width, most = last.pcie_width, gpu.identity.max_pcie_width
    if width is not None and most is not None and width < most:
        text = f"its PCIe link has {width} of {most} lanes"
        yield GpuFinding.of(gpu, "pcie", text, Effect.DISTORTED, 1 - width / most)
