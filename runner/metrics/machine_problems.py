"""What the machine does to the numbers while they are measured: processors, memory, and GPUs that are shared.

Problems of GPUs that the driver reports (throttling, lost GPUs) are not here; see `metrics.gpu_flags`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Literal

import msgspec

from runner.events import ComputeProcess, Host
from runner.metrics.flag import NodeFinding, join_nodes, name_gpus
from runner.metrics.rank_gpus import used_gpus
from runner.state.nodes import in_order
from runner.state.outliers import STOLEN, WAITING
from runner.state.run import RunState
from runner.state.slowest import UsualLoad

RECENT_S = 10
"""Readings of this many seconds decide: a single one is noise."""
FEWEST_READINGS = 5
OVERLOAD = 1.5
"""Runnable processes per core that count as overload, where the kernel does not report waiting."""
FULL = 0.95
"""Share of the memory in use from which the kernel takes pages away from programs."""
MEMORY_WAITING = 5.0
"""Percent of the time in which a process waited for memory."""

MachineProblemKind = Literal["cpu", "steal", "memory", "shared gpu"]


class MachineProblem(msgspec.Struct, frozen=True):
    """A condition of the machine that makes the numbers of the run worse or less certain."""

    kind: MachineProblemKind
    text: str
    share: float
    """of the time or of the machine, 0 to 1: orders problems"""


class _Machine(msgspec.Struct, frozen=True):
    """One machine of a run."""

    node: str
    """its name; empty: the run uses one machine"""
    recent: list[Host]
    """its last readings, the newest first"""
    cores: int
    """0: not known"""
    usual: UsualLoad | None
    """its load over the present configuration; None: none is measured"""


def find_machine_problems(state: RunState) -> list[MachineProblem]:
    """Return what spoils the numbers now; empty before there are enough readings.

    A problem that several nodes have is one, which names them.
    """
    kinds: dict[MachineProblemKind, list[NodeFinding]] = {}
    for machine in _machines(state):
        if len(machine.recent) < FEWEST_READINGS:
            continue
        for problem in (*_processors(machine), *_memory(machine.recent)):
            finding = NodeFinding(machine.node, problem.text, problem.share)
            kinds.setdefault(problem.kind, []).append(finding)
    joined = {kind: join_nodes(kinds[kind]) for kind in _ORDER if kind in kinds}
    found = [MachineProblem(kind, one.text, one.share) for kind, one in joined.items()]
    return [*found, *_shared_gpus(state)]


_ORDER: tuple[MachineProblemKind, ...] = ("steal", "cpu", "memory")


def _machines(state: RunState) -> Iterator[_Machine]:
    configuration, started = state.configuration, state.started
    loads = configuration.slowest.loads if configuration is not None and not configuration.done else {}
    if not state.nodes:
        yield _Machine("", _recent(state.hosts), started.cores if started else 0, loads.get(""))
    for node in in_order(state.nodes):
        if not node.unreachable:  # its readings are old
            cores = node.joined.cores if node.joined is not None else 0
            yield _Machine(node.name, _recent(node.hosts), cores, loads.get(node.name))


def _recent(hosts: Sequence[Host]) -> list[Host]:
    if not hosts:
        return []
    since = hosts[-1].t - RECENT_S * 10**9
    return list(takewhile(lambda host: host.t > since, reversed(hosts)))


def _processors(machine: _Machine) -> Iterator[MachineProblem]:
    """Compare the last seconds, and the whole configuration: a burst that has passed is still in its mean."""
    recent, cores, usual = machine.recent, machine.cores, machine.usual
    steal = sum(host.steal_percent for host in recent) / len(recent)
    if steal >= STOLEN:
        text = f"the hypervisor gives {steal:.0f} % of the CPU to other machines: latencies include that wait"
        yield MachineProblem("steal", text, steal / 100)
    waits = [host.waiting_percent for host in recent if host.waiting_percent is not None]
    load = recent[0].load
    on_cores = f", load {load:.1f} on {cores} cores" if cores else ""
    overloaded = "CPU overloaded: latencies include scheduling delay"
    if not waits:
        if cores and load >= OVERLOAD * cores:
            yield MachineProblem("cpu", f"{overloaded} (load {load:.1f} on {cores} cores)", 1 - cores / load)
        return
    now = sum(waits) / len(waits)
    if now >= WAITING:
        text = f"{overloaded} (processes waited for a CPU {now:.0f} % of the last {RECENT_S} s{on_cores})"
        yield MachineProblem("cpu", text, now / 100)
    elif usual is not None and usual.waiting.n >= FEWEST_READINGS and usual.waiting.mean >= WAITING:
        waited = f"processes waited for a CPU {usual.waiting.mean:.0f} % of the time of this configuration"
        yield MachineProblem("cpu", f"{overloaded} ({waited})", usual.waiting.mean / 100)


def _memory(recent: list[Host]) -> Iterator[MachineProblem]:
    waits = [host.memory_waiting_percent for host in recent if host.memory_waiting_percent is not None]
    waiting = sum(waits) / len(waits) if waits else 0.0
    newest = recent[0]
    used = f"{newest.memory_used / 2**30:.1f} of {newest.memory_total / 2**30:.1f} GiB are in use"
    if waiting >= MEMORY_WAITING:
        text = f"processes waited for memory {waiting:.0f} % of the last {RECENT_S} s; {used}"
        yield MachineProblem("memory", f"host memory is short: {text}", waiting / 100)
    elif newest.memory_total and newest.memory_used >= FULL * newest.memory_total:
        yield MachineProblem("memory", f"host memory is almost full: {used}", 0.0)


def _shared_gpus(state: RunState) -> Iterator[MachineProblem]:
    shared = [gpu for gpu in used_gpus(state) if gpu.before]
    if not shared:
        return
    pids = sorted({pid for gpu in shared for pid in gpu.before or ()})
    known = {process.pid: process for gpu in shared for process in gpu.processes or () if process.user}
    names = name_gpus((gpu.node, gpu.identity.index) for gpu in shared)
    listed = ", ".join(_described(pid, known.get(pid)) for pid in pids[:4]) + (
        ", ..." if len(pids) > 4 else ""
    )
    text = f"{names} {'is' if len(shared) == 1 else 'are'} shared: other processes compute there ({listed})"
    yield MachineProblem("shared gpu", text, 0.5)


def _described(pid: int, process: ComputeProcess | None) -> str:
    """Return `pid 4711 of alice: python3 train.py`, as far as known."""
    return f"pid {pid}" if process is None else f"pid {pid} of {process.user}: {process.command}"
