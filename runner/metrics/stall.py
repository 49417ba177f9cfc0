"""Detect a stalled benchmark: no iteration for much longer than usual, and the likely reason."""

from __future__ import annotations

import msgspec

from runner.events import RankProcess
from runner.metrics.rank_gpus import used_gpus
from runner.state.configuration import ConfigurationState
from runner.state.gpu import GpuState
from runner.state.nodes import in_order
from runner.state.run import RunState
from runner.state.stages import RankState
from runner.stats import interpolated

TIMES, LEAST_S = 10, 10
"""A stall is a silence longer than TIMES medians of the latency and longer than LEAST_S seconds."""
RECENT_S = 10
"""GPU readings of this many seconds decide; the load of processes is the mean of five."""
IDLE_PERCENT = 5.0
BUSY_PERCENT = 50.0
PROCESS_STATES = {
    "R": "running", "S": "sleeping", "D": "waiting for a disk or driver", "T": "stopped by a signal",
    "t": "held by a debugger", "I": "idle", "-": "gone",
}  # fmt: skip
"""What the kernel's state letter of a process means."""


class RankActivity(msgspec.Struct, frozen=True):
    """The activity of a rank during a stall."""

    rank: int
    done: int
    """iterations of the current configuration and phase"""
    behind: int
    """how many iterations the rank is behind the first one"""
    silent_s: int | None
    """seconds since its last record; None: it never sent an iteration"""
    process: RankProcess | None
    pid: int | None


class GpuLoad(msgspec.Struct, frozen=True):
    """The load of a GPU of the run."""

    name: str
    node: str
    """empty: the run uses one machine"""
    busy: float | str
    """percent, or why it is unknown"""


class Stall(msgspec.Struct, frozen=True):
    silent_s: int
    median_ms: float
    ranks: tuple[RankActivity, ...]
    gpus: tuple[GpuLoad, ...]
    output_silent_s: int | None
    """seconds since the last output of the stage; None: it still writes, or there is no heartbeat yet"""
    suggestion: str

    @property
    def sentence(self) -> str:
        return f"no iteration for {self.silent_s} s, median {_seconds(self.median_ms)}"


def find_stall(state: RunState, now: int) -> Stall | None:
    """Return the stall of a run at `now` (CLOCK_MONOTONIC, ns); None: it advances or has no iteration yet."""
    configuration, stage = state.configuration, state.stage
    if (
        not state.running
        or state.stopping
        or configuration is None
        or stage is None
        or stage.ended is not None
    ):
        return None
    usual = _median(configuration)
    if usual is None or configuration.done or _complete(configuration):
        return None
    last = max((rank.last_t for rank in state.ranks.values()), default=0) or configuration.last_t
    silent = (now - last) / 1e9
    if silent < max(LEAST_S, TIMES * usual / 1000):
        return None
    beat = state.heartbeat
    ranks = rank_activity(state, now)
    gpus = tuple(GpuLoad(gpu.name, gpu.node, _busy(state, gpu, now)) for gpu in used_gpus(state))
    unreachable = [node.name for node in in_order(state.nodes) if node.unreachable]
    return Stall(
        silent_s=int(silent),
        median_ms=usual,
        ranks=ranks,
        gpus=gpus,
        output_silent_s=int(beat.silent_s + (now - beat.t) / 1e9) if beat is not None else None,
        suggestion=_silent_nodes(unreachable) if unreachable else _suggestion(ranks, gpus),
    )


def _busy(state: RunState, gpu: GpuState, now: int) -> float | str:
    """Return percent busy over the last seconds, as the load of the processes is; or why it is unknown."""
    telemetry, node = state.telemetry_of(gpu), state.nodes.get(gpu.node)
    latest = telemetry.latest(gpu, "busy")
    if node is not None and node.unreachable:
        return f"unknown: {node.name} is {node.condition}"
    if isinstance(latest, str):
        return latest
    columns = [tick.busy for tick in telemetry.since(now - RECENT_S * 10**9)]
    values = [column[gpu.column] for column in columns if gpu.column < len(column)]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else latest


def rank_activity(state: RunState, now: int) -> tuple[RankActivity, ...]:
    """Return the activity of each rank at `now`."""
    beat = state.heartbeat
    processes = {process.rank: process for process in beat.ranks} if beat is not None else {}
    most = max((_done(rank) for rank in state.ranks.values()), default=(-1, 0, 0))
    return tuple(
        RankActivity(
            rank=rank.rank,
            done=rank.i + 1,
            behind=_behind(rank, most),
            silent_s=max(0, int((now - rank.last_t) / 1e9)) if rank.last_t else None,
            process=processes.get(rank.rank),
            pid=rank.hello.pid if rank.hello is not None else None,
        )
        for _, rank in sorted(state.ranks.items())
    )


def _median(configuration: ConfigurationState) -> float | None:
    if configuration.latency.n:
        return configuration.latency.percentile(50)
    return interpolated(sorted(configuration.warmup), 50) if configuration.warmup else None


def _complete(configuration: ConfigurationState) -> bool:
    """Check whether both minima are met, so that no further iteration is expected."""
    start = configuration.start
    return configuration.latency.n >= max(1, start.num_runs) and (
        configuration.elapsed_s(configuration.last_t) >= start.duration
    )


def _done(rank: RankState) -> tuple[int, int, int]:
    """Return the progress of a rank: configuration, phase, iteration."""
    return (rank.config, {"warmup": 0, "timed": 1, "profile": 2}[rank.phase], rank.i)


def _behind(rank: RankState, most: tuple[int, int, int]) -> int:
    here = _done(rank)
    if here[:2] == most[:2]:
        return most[2] - here[2]
    return most[2] + 1  # it has not begun the phase of the first rank


def _silent_nodes(nodes: list[str]) -> str:
    listed = ", ".join(nodes[:4]) + (", ..." if len(nodes) > 4 else "")
    are = f"node {listed} sends" if len(nodes) == 1 else f"nodes {listed} send"
    return f"{are} nothing: the others wait for its ranks if it or its network is down; look there first"


def _suggestion(ranks: tuple[RankActivity, ...], gpus: tuple[GpuLoad, ...]) -> str:
    """Return what to check, as a sentence, from the most significant fact."""
    for letter, text in (
        ("-", "{who} gone while the others wait: stop the run; the log may say why"),
        ("T", "{who} stopped by a signal: `kill -CONT {pids}` continues it"),
        ("t", "{who} held by a debugger"),
        ("D", "{who} waiting for a disk or driver that does not answer: see dmesg, and network file systems"),
    ):
        found = [rank for rank in ranks if rank.process is not None and rank.process.state == letter]
        if found:
            return text.format(who=_are(found), pids=" ".join(str(rank.pid) for rank in found))
    busy = [gpu.busy for gpu in gpus if not isinstance(gpu.busy, str)]
    loads = [rank.process.cpu_percent for rank in ranks if rank.process is not None]
    evidence = _evidence(loads, busy)
    behind = [rank for rank in ranks if rank.behind > 0]
    if behind:
        return f"{_are(behind)} behind and the others wait: look there first{evidence}"
    if busy and min(busy) >= BUSY_PERCENT:
        return (
            "the GPUs are busy: one long iteration, or ranks that wait for each other inside NCCL;"
            f" stop the run if this continues{evidence}"
        )
    if loads and max(loads) < IDLE_PERCENT and max(busy, default=0.0) < IDLE_PERCENT:
        return (
            "every rank sleeps and nothing computes: they wait for each other or for something outside;"
            f" it will not end by itself, so stop the run: what was measured is kept{evidence}"
        )
    if loads and min(loads) >= BUSY_PERCENT:
        return f"the ranks use their processors: they compute, or poll for each other{evidence}"
    return f"see the end of the log, and the machine's dmesg{evidence}"


def _evidence(loads: list[float], busy: list[float]) -> str:
    """Return the figures that decided, ` (ranks use 0 to 3 % CPU, GPUs are 0 % busy)`."""
    parts = [f"ranks use {_span(loads)} CPU"] if loads else []
    parts += [f"GPUs are {_span(busy)} busy"] if busy else []
    return f" ({', '.join(parts)})" if parts else ""


def _span(values: list[float]) -> str:
    low, high = f"{min(values):.0f}", f"{max(values):.0f}"
    return f"{low} %" if low == high else f"{low} to {high} %"


def _are(ranks: list[RankActivity]) -> str:
    """Return `rank 3 is` or `ranks 1, 2 are`."""
    numbers = ", ".join(str(rank.rank) for rank in ranks[:4]) + (", ..." if len(ranks) > 4 else "")
    return f"rank {numbers} is" if len(ranks) == 1 else f"ranks {numbers} are"


def _seconds(ms: float) -> str:
    return f"{ms / 1000:.1f} s" if ms >= 100 else f"{ms:.1f} ms"
