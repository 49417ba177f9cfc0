"""The ranks of a run as the live screen shows them. Pure functions of the run's state."""

from __future__ import annotations

from runner.metrics.rank_gpus import gpu_of_rank
from runner.metrics.stall import rank_activity
from runner.state.run import RunState
from runner.state.stages import RankState
from tui.screens.live.configuration_table import ConfigurationTable
from tui.screens.live.node_pages import Folding, NodeRankPage
from tui.screens.live.node_rows import MIN_SKEW_SHOWN, NodeRanks
from tui.screens.live.node_view import slowest_text
from tui.screens.live.rank_page import RankDetail, RankPage
from tui.screens.live.rank_panel import RankLine
from tui.text import plain_text


def rank_lines(state: RunState) -> tuple[RankLine, ...]:
    skew = state.skew
    lines = []
    for _, rank in sorted(state.ranks.items()):
        timed = rank.timed
        slower = skew[1] if skew is not None and rank.rank == skew[0] and skew[1] >= MIN_SKEW_SHOWN else None
        lines.append(
            RankLine(
                rank=rank.rank,
                state="crashed" if _has_crashed(state, rank) else _rank_state(rank, state),
                last_ms=timed.last if timed.n else None,
                mean_ms=timed.mean if timed.n else None,
                i=rank.i + 1 if rank.i >= 0 else None,
                slower=slower,
                broken=_has_crashed(state, rank) or (rank.bye is not None and not rank.complete),
            )
        )
    return tuple(lines)


def _has_crashed(state: RunState, rank: RankState) -> bool:
    return state.failure is not None and state.failure.rank == rank.rank


def rank_title(state: RunState) -> str:
    """Return a title with the slowest rank, and how much slower than the fastest it is."""
    skew = state.skew
    if skew is None:
        return "ranks"
    if text := slowest_text(state):
        return text
    slowest, slower = skew
    return (
        f"ranks · slowest {slowest}: +{100 * slower:.1f} %"
        if slower >= MIN_SKEW_SHOWN
        else f"ranks · balanced within {100 * MIN_SKEW_SHOWN:.0f} %"
    )


def _rank_state(rank: RankState, state: RunState) -> str:
    if rank.bye is not None:
        return "done" if rank.complete else "gaps"
    stage = state.stage
    if state.status == "lost" or (stage is not None and stage.ended is not None):
        return "ended"
    if rank.hello is None:
        return "waiting"
    if rank.config < 0:
        return "ready"
    return {"warmup": "warm-up", "timed": "timing", "profile": "profiling"}[rank.phase]


def rank_page(
    state: RunState, now: int, lines: tuple[RankLine, ...], configurations: ConfigurationTable
) -> RankPage:
    """Return the ranks in full at `now` (CLOCK_MONOTONIC, ns), with the table of configurations."""
    details, means = _details(state, now, lines)
    return RankPage(details, _summary(state, means), configurations)


def rank_node_page(
    state: RunState, now: int, lines: tuple[RankLine, ...], nodes: tuple[NodeRanks, ...], folding: Folding
) -> NodeRankPage:
    """Return the ranks of several nodes in full at `now` (CLOCK_MONOTONIC, ns)."""
    of: dict[str, list[RankLine]] = {}
    for line in lines:
        node = state.node_of(line.rank)
        if node is not None and plain_text(node.name) in folding.unfolded:
            of.setdefault(plain_text(node.name), []).append(line)
    details = {name: _details(state, now, tuple(ranks))[0] for name, ranks in of.items()}
    means = [line.mean_ms for line in lines if line.mean_ms is not None]
    return NodeRankPage(nodes, folding, details, _summary(state, means))


def _details(
    state: RunState, now: int, lines: tuple[RankLine, ...]
) -> tuple[tuple[RankDetail, ...], list[float]]:
    """Return ranks in full, and the mean latencies of all ranks."""
    activity = {one.rank: one for one in rank_activity(state, state.ended.t if state.ended else now)}
    means = [rank.timed.mean for rank in state.ranks.values() if rank.timed.n]
    fastest = min(means, default=0.0)
    details = []
    for line in lines:
        rank, active = state.ranks[line.rank], activity[line.rank]
        gpu = gpu_of_rank(state, line.rank)
        busy: float | str = ""
        memory: float | str = ""
        if gpu is not None and state.running:
            telemetry = state.telemetry_of(gpu)
            busy, memory = telemetry.latest(gpu, "busy"), telemetry.latest(gpu, "memory")
        details.append(
            RankDetail(
                rank=line.rank,
                state=line.state,
                broken=line.broken,
                host=plain_text(rank.hello.host) if rank.hello else "",
                device=_device(rank, None if gpu is None else gpu.identity.index),
                pid=active.pid,
                i=line.i,
                behind=active.behind,
                last_ms=line.last_ms,
                mean_ms=line.mean_ms,
                slower=line.mean_ms / fastest - 1 if line.mean_ms and fastest > 0 else None,
                silent_s=active.silent_s,
                cpu_percent=None if active.process is None else active.process.cpu_percent,
                gpu_busy=None if isinstance(busy, str) else busy,
                gpu_memory=None if isinstance(memory, str) else int(memory),
            )
        )
    return tuple(details), means


def _device(rank: RankState, gpu: int | None) -> str:
    """Return `GPU 3` by the index of the driver, else the name that the rank gives."""
    if gpu is not None:
        return f"GPU {gpu}"
    return plain_text(rank.hello.device) if rank.hello is not None else ""


def _summary(state: RunState, means: list[float]) -> str:
    skew = state.skew
    if skew is None or not means:
        return ""
    slowest, slower = skew
    return (
        f"rank {slowest} is {100 * slower:.2f} % slower than the fastest: the others wait for it in each"
        " collective operation"
        if slower >= MIN_SKEW_SHOWN
        else f"balanced: the slowest rank is {100 * slower:.2f} % slower than the fastest"
    )
