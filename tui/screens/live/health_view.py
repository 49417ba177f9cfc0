"""What the doctor's page says, in sections; pure, made from a feed."""

from __future__ import annotations

from runner.history.run_feed import Feed
from runner.metrics.outlier_causes import Outlier, outliers
from runner.metrics.stall import STATES, RankThen, Stall, rank_facts, stalled
from runner.state.run import RunState
from runner.state.serving import ServingState
from runner.stats.steady_state import course
from runner.util.formatting import duration, plural
from tui.screens.dialogs.help import Section
from tui.screens.live.findings import findings
from tui.text import measure, plain

SHOWN = 40
"""the last outliers that are listed"""


def doctor_sections(feed: Feed) -> tuple[Section, ...]:
    state, now = feed.state, feed.now()
    number = len(state.configurations) - 1
    slow = outliers(state, number) if number >= 0 else ()
    timed = number >= 0 and state.configurations[number].latency.n > 0
    steady = course(state.configurations[number].batches) if timed else None
    stall = stalled(state, now)
    sections: list[Section] = []
    if stall is not None:
        sections.append(("it stands still", tuple(("", line) for line in _stall_lines(stall))))
    found = [text for _, text in findings(state, stall, slow, steady)]
    if stall is not None:
        found.remove(stall.sentence)
    nothing = "nothing is wrong" if stall is None else "nothing else is wrong"
    sections.append(("findings", tuple(("", text) for text in found) or (("", nothing),)))
    serving = state.configurations[number].serving if number >= 0 else None
    if serving is not None:
        sections.append(("the engine", _serving_lines(serving)))
    elif state.ranks:
        sections.append(("ranks", tuple(_rank_line(rank) for rank in rank_facts(state, now))))
    if steady is not None:
        sections.append(("steady?", ((steady.verdict, steady.sentence),)))
        sections.append(_outlier_section(state, slow))
    return tuple(sections)


def _serving_lines(serving: ServingState) -> tuple[tuple[str, str], ...]:
    """Requests in flight are served by ranks that the tool spawned, which report nothing themselves."""
    lines = [("now", plain(serving.words))]
    queued, kv = serving.engine.queued, serving.engine.kv_share
    if queued.n:
        lines.append(
            ("queued", f"{queued.last:.0f} requests wait in it, {queued.maximum:.0f} at most until now")
        )
    if kv.n:
        lines.append(
            ("KV cache", f"{100 * kv.last:.0f} % in use, {100 * kv.maximum:.0f} % at most until now")
        )
    return tuple(lines)


def _stall_lines(stall: Stall) -> list[str]:
    lines = [f"{stall.sentence}; a stall is ten medians, and ten seconds at least", stall.suggestion]
    busy = [f"GPU {index} {_busy(found)}" for index, found in stall.gpus]
    lines += [", ".join(busy)] if busy else ["no GPU is read, so what the GPUs do is not known"]
    if stall.output_silent_s is None:
        lines.append("the output of the stage is not known to be silent")
    else:
        lines.append(f"the stage has written nothing for {duration(stall.output_silent_s)}")
    return lines


def _busy(found: float | str) -> str:
    return f"{found:.0f} % busy" if not isinstance(found, str) else found


def _rank_line(rank: RankThen) -> tuple[str, str]:
    parts = [plural(rank.done, "iteration")]
    if rank.behind:
        parts.append(f"{rank.behind} behind the furthest")
    parts.append(f"last one {duration(rank.silent_s)} ago" if rank.silent_s is not None else "none sent yet")
    if rank.process is not None:
        state = STATES.get(rank.process.state, rank.process.state)
        parts.append(f"process {state}, {rank.process.cpu_percent:.0f} % CPU")
    if rank.pid is not None:
        parts.append(f"pid {rank.pid}")
    return f"rank {rank.rank}", ", ".join(parts)


def _outlier_section(state: RunState, slow: tuple[Outlier, ...]) -> Section:
    rule = (
        "an outlier lies above the third quartile plus three interquartile ranges, and 1 % above the median;"
        " nothing is left out of any number"
    )
    began = state.configurations[-1].timing_began or 0
    lines = [
        (
            f"{outlier.letter} {measure(outlier.slow.latency_ms)} ms",
            f"iteration {outlier.slow.i + 1}, {duration((outlier.slow.t - began) / 1e9)} into the timing:"
            f" {plain(outlier.evidence)}",
        )
        for outlier in reversed(slow[-SHOWN:])
    ]
    title = f"slow iterations: {len(slow)}" if slow else "slow iterations: none"
    return (title, (("", rule), *lines))
