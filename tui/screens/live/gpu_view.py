"""The GPUs of a run as the live screen shows them. Pure functions of the run's state."""

from __future__ import annotations

from collections.abc import Iterator

from runner.events import ComputeProcess, GpuInventory, GpuSamples
from runner.events.missing_readings import LOST, STALE, UNSUPPORTED
from runner.metrics.ceiling import Ceiling
from runner.metrics.gpu import throttled_shares
from runner.metrics.rank_gpus import gpu_of_rank, gpu_window, used_gpus
from runner.state.gpu import GpuState, TelemetryState
from runner.state.gpu_window import GpuWindow
from runner.state.nodes import NodeState
from runner.state.run import RunState
from runner.util.formatting import plural, ranges
from tui.framework.run_header import short_id
from tui.screens.live.gpu_box import GpuBox
from tui.screens.live.gpu_page import GpuDetail, GpuPage
from tui.screens.live.gpu_panel import HISTORY, GpuLine
from tui.screens.live.node_pages import FOLDED, Folding, NodePage
from tui.screens.live.node_rows import NodeGpus
from tui.screens.live.node_view import node_gpus, node_state
from tui.screens.live.process_rows import ProcessLine
from tui.text import plain_text

_READINGS = {
    "memory_used": "memory", "busy": "busy", "power": "power", "sm_clock": "sm_clock",
    "temperature": "temperature", "sm_active": "sm_active", "dram_active": "dram_active",
}  # fmt: skip
"""field of `GpuLine` -> reading of a sample"""
NODES_A_FRAME = 32
"""nodes whose GPUs are computed again in a frame: those of 128 nodes are at most 0.8 s older"""
PAGE_HISTORY = 400
"""most readings of a history on the whole screen: two a cell"""


def gpu_lines(state: RunState) -> tuple[GpuLine, ...]:
    """Return one line a GPU, in the order of NVML and, with nodes, of their names; empty without GPUs."""
    ranks = _ranks_of_gpus(state)
    if not state.running and (measured := _measured_lines(state, ranks)):
        return measured
    return tuple(line for telemetry in state.telemetries for line in _node_lines(telemetry, ranks, HISTORY))


def _ranks_of_gpus(state: RunState) -> dict[int, list[int]]:
    """Return the ranks on each GPU, by the `id` of its state."""
    ranks: dict[int, list[int]] = {}
    for rank in sorted(state.ranks):
        gpu = gpu_of_rank(state, rank)
        if gpu is not None:
            ranks.setdefault(id(gpu), []).append(rank)
    return ranks


def _node_lines(
    telemetry: TelemetryState, ranks: dict[int, list[int]], history: int, age: str = ""
) -> tuple[GpuLine, ...]:
    """Return the GPUs of one node with at most `history` earlier readings."""
    ticks = telemetry.recent()[-history:] if history and telemetry.gpus else []
    return tuple(_line(telemetry, gpu, ranks.get(id(gpu), []), ticks, age) for gpu in telemetry.gpus.values())


def _measured_lines(state: RunState, ranks: dict[int, list[int]]) -> tuple[GpuLine, ...]:
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
                node=plain_text(gpu.node),
                ranks=ranges(ranks.get(id(gpu), [])),
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


def gpu_box(
    state: RunState,
    *,
    in_container: bool,
    full: bool,
    now: int = 0,
    folding: Folding = FOLDED,
    cache: NodeLineCache | None = None,
) -> GpuBox:
    """Return the GPUs and the foreign processes on those of the run.

    Args:
        state: state of the run.
        in_container: stages run in a container, whose processes the driver counts differently.
        full: the panel has the whole screen.
        now: CLOCK_MONOTONIC, ns, for the age of what a silent node reported.
        folding: the nodes whose GPUs the whole screen lists.
        cache: lines kept from earlier frames, for runs on several nodes.
    """
    processes = _process_lines(state, in_container=in_container) if state.running else ()
    used = {(plain_text(gpu.node), gpu.identity.index) for gpu in used_gpus(state)} if processes else set()
    foreign = tuple(line for line in processes if line.foreign and (line.node, line.gpu) in used)
    if not state.nodes:
        lines = cache.lines(state) if cache is not None else gpu_lines(state)
        return GpuBox(lines, foreign, _page(state, lines, processes) if full else None)
    nodes = _nodes(state, now, folding if full else FOLDED, cache or NodeLineCache())
    if not full:
        return GpuBox((), foreign, nodes=nodes)
    listed = tuple(line for line in processes if line.node in folding.unfolded or line in foreign)
    why_none = "" if listed else _why_no_processes(state) if not processes else "processes: of unfolded nodes"
    return GpuBox((), foreign, node_page=NodePage(_versions(state), nodes, folding, listed, why_none))


class NodeLineCache:
    """Caches the GPUs of each node until its next reading; of many nodes some are updated in each frame."""

    def __init__(self) -> None:
        self._lines: dict[str, tuple[tuple[object, ...], tuple[GpuLine, ...]]] = {}
        self._turn = 0
        self._left = NODES_A_FRAME
        self._machine: tuple[object, tuple[GpuLine, ...]] = None, ()
        """what the lines of a run on one machine depend on, and these"""

    def lines(self, state: RunState) -> tuple[GpuLine, ...]:
        """Return `gpu_lines` of a run on one machine; made again when a reading or a GPU changes."""
        telemetry = state.telemetry
        key = (
            telemetry.last,
            telemetry.status,
            telemetry.mapping,
            state.running or state.events,
            [(gpu.identity, gpu.baseline, *gpu.reasons.items()) for gpu in telemetry.gpus.values()],
            [(rank.rank, rank.hello) for rank in state.ranks.values()],
        )
        if key != self._machine[0]:
            self._machine = key, gpu_lines(state)
        return self._machine[1]

    def in_turn(self, nodes: list[NodeState]) -> list[NodeState]:
        """Return the nodes, first those whose turn it is in this frame."""
        self._turn, self._left = (self._turn + NODES_A_FRAME) % max(1, len(nodes)), NODES_A_FRAME
        return nodes[self._turn :] + nodes[: self._turn]

    def get(
        self, telemetry: TelemetryState, ranks: dict[int, list[int]], history: int, age: str
    ) -> tuple[GpuLine, ...]:
        last = telemetry.last
        key = (last.t if last is not None else 0, telemetry.status, len(ranks), history, age)
        kept = self._lines.get(telemetry.node)
        if kept is None or (kept[0] != key and self._left > 0):
            self._left -= 1
            kept = key, _node_lines(telemetry, ranks, history, age)
            self._lines[telemetry.node] = kept
        return kept[1]


def _nodes(state: RunState, now: int, folding: Folding, cache: NodeLineCache) -> tuple[NodeGpus, ...]:
    ranks = _ranks_of_gpus(state)
    lines: dict[str, tuple[GpuLine, ...]] = {}
    for line in _measured_lines(state, ranks) if not state.running else ():
        lines[line.node] = (*lines.get(line.node, ()), line)
    for node in cache.in_turn(list(state.nodes.values())) if not lines else ():
        history = HISTORY if plain_text(node.name) in folding.unfolded else 0
        age = node_state(node, now).trouble if node.unreachable else ""
        lines[node.name] = cache.get(node.telemetry, ranks, history, age)
    return node_gpus(state, now, lines)


def _page(state: RunState, lines: tuple[GpuLine, ...], processes: tuple[ProcessLine, ...]) -> GpuPage:
    """Return the GPUs in full, with the processes on them while the run is under way."""
    ticks = state.telemetry.recent()[-PAGE_HISTORY:]
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
    return GpuPage(
        versions=_versions(state),
        gpus=details,
        processes=processes,
        no_processes=_why_no_processes(state),
    )


def _versions(state: RunState) -> str:
    """Return the versions of driver, CUDA and NVML; those of several nodes where they differ."""
    nodes: dict[str, list[str]] = {}
    for telemetry in state.telemetries:
        if telemetry.inventory is not None:
            nodes.setdefault(_inventory_versions(telemetry.inventory), []).append(telemetry.node)
    if len(nodes) < 2:
        return "".join(nodes)
    counted = sorted(nodes.items(), key=lambda one: -len(one[1]))
    return "; ".join(
        f"{versions} ({plain_text(names[0]) if len(names) == 1 else f'{len(names)} nodes'})"
        for versions, names in counted
    )


def _inventory_versions(inventory: GpuInventory) -> str:
    named = (("driver", inventory.driver), ("CUDA", inventory.cuda), ("NVML", inventory.nvml))
    return " · ".join(f"{name} {plain_text(version)}" for name, version in named if version)


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
    reasons = {gpu.reasons["processes"] for gpu in state.all_gpus if "processes" in gpu.reasons}
    if reasons:
        return f"processes: {', '.join(sorted(map(plain_text, reasons)))}"
    read = all(gpu.processes is not None for gpu in state.all_gpus)
    return "no process computes on these GPUs" if read else "processes are not listed yet"


def _process_lines(state: RunState, *, in_container: bool) -> tuple[ProcessLine, ...]:
    """Return all processes in the order of the GPUs; those of the run by rank or tag."""
    run = state.started.run if state.started else ""
    hellos = [one.hello for one in state.ranks.values() if one.hello is not None]
    here = state.started.host if state.started else ""
    if not state.nodes and not {hello.host for hello in hellos} <= {"", here}:
        hellos = []  # pids of other hosts
    ranks: dict[str, dict[int, int]] = {}
    for hello in hellos:
        ranks.setdefault(hello.host if state.nodes else "", {})[hello.pid] = hello.rank
    return tuple(
        _process_line(gpu, process, run, ranks.get(gpu.node, {}), in_container=in_container)
        for gpu in state.all_gpus
        for process in gpu.processes or ()
    )


def _process_line(
    gpu: GpuState, process: ComputeProcess, run: str, ranks: dict[int, int], *, in_container: bool
) -> ProcessLine:
    mine = process.run == run != ""
    if process.pid in ranks and (mine or not process.run):
        owner = f"rank {ranks[process.pid]}"
    else:
        owner = "this run" if mine else f"run {short_id(plain_text(process.run))}" if process.run else ""
    known = bool(process.user) and not in_container
    return ProcessLine(
        gpu=gpu.identity.index,
        node=plain_text(gpu.node),
        pid=process.pid,
        memory=process.memory,
        user=plain_text(process.user),
        command=plain_text(process.command),
        owner=owner,
        foreign=known and not mine and process.pid not in ranks,
    )


def gpu_title(state: RunState, ceiling: Ceiling | None = None, foreign: int = 0) -> str:
    """Return `GPUs, 2 Hz`, with the ceiling, and the status of the telemetry if it has a problem.

    `foreign`: processes on the GPUs that are not of the run; a low panel has no room to list them.
    """
    telemetries = state.telemetries
    near = f" · {ceiling.short}" if ceiling is not None and ceiling.short else ""
    if not state.running and _last_window(state) is not None:
        return f"GPUs while measured: mean, peak of memory and temperature{near}"
    count = sum(len(telemetry.gpus) for telemetry in telemetries)
    what = f"{count} GPUs of {plural(len(telemetries), 'node')}" if state.nodes else "GPUs"
    others = f" · {plural(foreign, 'process', 'processes')} not of this run" if foreign else ""
    period = max(telemetry.period_ms for telemetry in telemetries)
    rate = f", {1000 / period:.2g} Hz" if period else ""
    mig = next((uuid for gpu in state.all_gpus if (uuid := state.telemetry_of(gpu).mig_device(gpu))), "")
    troubles = [telemetry for telemetry in telemetries if telemetry.status is not None]
    return (
        f"{what}{rate}{near}{others}"
        + (f" · on {mig[:12]}: its own memory, other values of the whole GPU" if mig else "")
        + "".join(f" · {_trouble(telemetry)}" for telemetry in troubles[:1])
    )


def _trouble(telemetry: TelemetryState) -> str:
    place = f"{plain_text(telemetry.node)} " if telemetry.node else ""
    return f"{place}{telemetry.status.state}: {plain_text(telemetry.status.text)}" if telemetry.status else ""


def _line(
    telemetry: TelemetryState, gpu: GpuState, ranks: list[int], ticks: list[GpuSamples], age: str
) -> GpuLine:
    latest = {name: telemetry.latest(gpu, reading) for name, reading in _READINGS.items()}
    numbers = {name: value for name, value in latest.items() if not isinstance(value, str)}
    memory, total, baseline = numbers.get("memory_used"), gpu.identity.memory_total, gpu.baseline
    if mig := telemetry.mig_device(gpu):
        memory, total, baseline = telemetry.slice_memory(mig), gpu.identity.slices.get(mig, 0), None
    throttled = telemetry.throttled_by(gpu)
    return GpuLine(
        index=gpu.identity.index,
        node=plain_text(gpu.node),
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
        age=age,
        missing=frozenset(name for name, value in latest.items() if value == UNSUPPORTED),
    )


def _cell(column: list[int | float | None], number: int) -> float | None:
    return column[number] if number < len(column) else None
