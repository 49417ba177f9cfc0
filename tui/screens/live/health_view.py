"""Sections of the page of run diagnostics. Pure functions of a feed."""

from __future__ import annotations

import socket

from runner.history.run_feed import Feed, known_until, why_cut_off
from runner.metrics.memory_map import MemoryRow, find_memory_map, gib
from runner.metrics.mode_text import two_modes
from runner.metrics.outlier_causes import Outlier, find_outliers
from runner.metrics.stall import PROCESS_STATES, GpuLoad, RankActivity, Stall, find_stall, rank_activity
from runner.state.outliers import count_outliers
from runner.state.run import RunState
from runner.state.serving import ServingState
from runner.stats.modes import find_modes
from runner.util.formatting import duration, plural
from tui.screens.dialogs.help import HelpSection
from tui.screens.live.health_findings import find_badge, find_problems
from tui.screens.live.node_view import node_sections
from tui.screens.live.view_cache import LiveViewCache
from tui.text import format_measurement, plain_text

MAX_OUTLIERS = 40
"""how many outliers are listed, the latest first"""
MAX_RANKS = 40
"""how many ranks of several nodes are listed"""


Stacks = tuple[tuple[int, tuple[str, ...]], ...]
"""rank, and the lines of its Python stacks"""


def stalled_ranks(feed: Feed) -> dict[int, int]:
    """Return rank -> pid of the live ranks of a stalled run on this machine; empty: it is not stalled."""
    state = feed.state
    stall = find_stall(state, known_until(feed)) if feed.live else None
    if stall is None or state.started is None or state.started.host != socket.gethostname():
        return {}
    return {
        rank.rank: rank.pid
        for rank in stall.ranks
        if rank.pid is not None and rank.process is not None and rank.process.state != "-"
    }


def stack_sections(stacks: Stacks) -> tuple[HelpSection, ...]:
    """Return the Python stacks of the ranks as a section; empty without stacks."""
    lines = [
        (f"rank {rank}" if not number else "", plain_text(line))
        for rank, frames in stacks
        for number, line in enumerate(frames)
    ]
    return (("stacks (py-spy)", tuple(lines)),) if lines else ()


def health_sections(feed: Feed, cache: LiveViewCache) -> tuple[HelpSection, ...]:
    """Return stall, findings, memory, engine or ranks, steadiness and slow iterations of a run.

    Args:
        feed: the run.
        cache: the cache of the live screen, which needs the same results.
    """
    state = feed.state
    now = state.ended.t if state.ended is not None else feed.now()
    number = len(state.configurations) - 1
    slow = find_outliers(state, number) if number >= 0 else ()
    steady = cache.steadiness(state.configuration)
    stall = find_stall(state, now if state.ended is not None else known_until(feed))
    sections: list[HelpSection] = []
    if stall is not None:
        sections.append(("stalled", tuple(("", line) for line in _stall_lines(stall))))
    current = cache.ceiling(feed)
    found = find_problems(state, stall, slow, steady, current, now, why_cut_off(feed))
    badge = find_badge(feed, stall, steady, found)
    problems = [text for _, text in found]
    if stall is not None:
        problems.remove(stall.sentence)
    none = "no problems detected" if stall is None else "no other problems detected"
    sections.append(("findings", tuple(("", text) for text in problems) or (("", none),)))
    if current.ceiling is not None and (text := current.ceiling.sentence or current.ceiling.why_not):
        sections.append(("ceiling of the GPU", (("", text),)))
    if memory := _memory_section(feed):
        sections.append(memory)
    serving = state.configurations[number].serving if number >= 0 else None
    if serving is not None:
        sections.append(("the engine", _serving_lines(serving)))
    sections += node_sections(state, feed.plan, now)
    if serving is None and state.ranks:
        sections.append(("ranks", _rank_lines(state, now)))
    if steady is not None:
        if badge is not None:
            detail = badge.detail if steady.verdict == "STEADY" else steady.sentence
            sections.append(("steadiness", ((badge.word, detail),)))
        sections.append(_outlier_section(state, slow, moves=steady.change != 0))
    return tuple(sections)


def _memory_section(feed: Feed) -> HelpSection | None:
    """Return what fills the memory of a GPU in the current or last configuration; None: nothing is known."""
    state, number = feed.state, len(feed.state.configurations) - 1
    found = find_memory_map(state, feed.plan, number) if number >= 0 else None
    if found is None:
        return None
    lines = [(row.name, _sizes(row)) for row in found.rows]
    for name, parts in (("predicted", found.predicted), ("the engine", found.best)):
        if parts is not None and parts.total:
            lines.append((name, f"{gib(parts.total)}{found.remark(parts)}"))
    if found.estimated:
        lines.append(("estimated", ", ".join(found.estimated)))
    if found.peak is not None:
        lines.append(("NVML's peak", gib(found.peak)))
    if found.tokens:
        lines.append(("KV cache", f"room for {plural(found.tokens, 'token')}"))
    return ("memory of a GPU", tuple(lines)) if lines else None


def _sizes(row: MemoryRow) -> str:
    predicted = f"predicted {gib(row.predicted)}" if row.predicted is not None else ""
    logged = f"the engine says {gib(row.logged)}" if row.logged is not None else ""
    return ", ".join(filter(None, (predicted, logged)))


def _serving_lines(serving: ServingState) -> tuple[tuple[str, str], ...]:
    """Return the state of the engine; the ranks that serve requests in flight report nothing themselves."""
    lines = [("now", plain_text(serving.words))]
    queued, kv = serving.engine.queued, serving.engine.kv_share
    if queued.n:
        lines.append(("queued", f"{queued.last:.0f} requests, at most {queued.maximum:.0f} so far"))
    if kv.n:
        lines.append(("KV cache", f"{100 * kv.last:.0f} % in use, at most {100 * kv.maximum:.0f} % so far"))
    return tuple(lines)


def _stall_lines(stall: Stall) -> list[str]:
    lines = [f"{stall.sentence} (a stall: more than ten medians and ten seconds)", stall.suggestion]
    busy = _loads(stall.gpus)
    lines += [", ".join(busy)] if busy else ["GPU load is unknown: no GPU is read"]
    if stall.output_silent_s is None:
        lines.append("it is unknown how long the stage has written nothing")
    else:
        lines.append(f"the stage has written nothing for {duration(stall.output_silent_s)}")
    return lines


def _loads(gpus: tuple[GpuLoad, ...]) -> list[str]:
    """Return the load of each GPU; of several nodes, the range of each node."""
    if not any(gpu.node for gpu in gpus):
        return [f"{gpu.name} {_busy(gpu.busy)}" for gpu in gpus]
    nodes: dict[str, list[float | str]] = {}
    for gpu in gpus:
        nodes.setdefault(gpu.node, []).append(gpu.busy)
    texts = []
    for node, found in nodes.items():
        known = [busy for busy in found if not isinstance(busy, str)]
        if len(known) < len(found):
            text = next(busy for busy in found if isinstance(busy, str))
        else:
            text = f"{min(known):.0f} to {max(known):.0f} % busy"
        texts.append(f"GPUs of {plain_text(node)} {plain_text(text)}")
    return texts


def _busy(found: float | str) -> str:
    return f"{found:.0f} % busy" if not isinstance(found, str) else found


def _rank_lines(state: RunState, now: int) -> tuple[tuple[str, str], ...]:
    """Return one line a rank; of several nodes only those that are behind or halted."""
    ranks = rank_activity(state, now)
    if not state.nodes:
        return tuple(_rank_line(rank, running=state.running) for rank in ranks)
    notable = [rank for rank in ranks if rank.behind or (rank.process and rank.process.state in "DTt-")]
    lines = [_rank_line(rank, running=state.running) for rank in notable[:MAX_RANKS]]
    if len(notable) > len(lines):
        lines.append(("", f"{len(notable) - len(lines)} more are behind or halted"))
    done = max((rank.done for rank in ranks), default=0)
    lines.append(("", f"{plural(len(ranks) - len(notable), 'rank')} at {plural(done, 'iteration')}"))
    return tuple(lines)


def _rank_line(rank: RankActivity, *, running: bool) -> tuple[str, str]:
    parts = [plural(rank.done, "iteration")]
    if rank.behind:
        parts.append(f"{rank.behind} behind the leading rank")
    when = "ago" if running else "before the end"
    none = "none sent yet" if running else "none sent"
    parts.append(f"last one {duration(rank.silent_s)} {when}" if rank.silent_s is not None else none)
    if rank.process is not None:
        # Running and sleeping are states of one moment, which the load of five seconds can contradict.
        state = "" if rank.process.state in "RSI" else PROCESS_STATES.get(rank.process.state, "")
        load = f"{rank.process.cpu_percent:.0f} % CPU"
        parts.append(f"process {state}, {load}" if state else load)
    if rank.pid is not None:
        parts.append(f"pid {rank.pid}")
    return f"rank {rank.rank}", ", ".join(parts)


def _since(start: int, outlier: Outlier) -> str:
    return duration((outlier.slow.t - start) / 1e9)


def _outlier_section(state: RunState, slow: tuple[Outlier, ...], *, moves: bool) -> HelpSection:
    rule = (
        "an outlier is above the third quartile plus three interquartile ranges, and 1 % above the median;"
        " outliers stay in all numbers"
    )
    timing_start = state.configurations[-1].timing_began or 0
    lines = [
        (
            f"{outlier.letter} {format_measurement(outlier.slow.latency_ms)} ms",
            f"iteration {outlier.slow.i + 1}, {_since(timing_start, outlier)} into the timing:"
            f" {plain_text(outlier.evidence)}",
        )
        for outlier in reversed(slow[-MAX_OUTLIERS:])
    ]
    latency = state.configurations[-1].latency
    total = count_outliers(latency)
    title = f"slow iterations: {total}" if total else "slow iterations: none"
    about = [("", rule)]
    if len(slow) < total:
        about.append(("", f"readings were kept for the slowest {len(slow)}"))
    modes = find_modes(latency)
    if modes is not None and not moves:
        about.append(("", two_modes(modes)))
    return (title, (*about, *lines))
