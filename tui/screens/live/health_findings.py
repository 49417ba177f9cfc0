"""Problems of a run, the most serious first. Pure functions of the run's state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from runner.events.missing_readings import LOST
from runner.events.throttle_reasons import HARMLESS
from runner.history.run_feed import Feed, why_cut_off
from runner.metrics.ceiling import HostWait
from runner.metrics.current_ceiling import CurrentCeiling
from runner.metrics.flag import Effect, Flag, GpuFinding, NodeFinding, effect_of, group_gpus, join_nodes
from runner.metrics.machine_problems import find_machine_problems
from runner.metrics.outlier_causes import CAUSE_LETTERS, Outlier
from runner.metrics.rank_gpus import used_gpus
from runner.metrics.stall import PROCESS_STATES, Stall
from runner.state.outliers import Cause
from runner.state.run import RunState
from runner.state.slowest import KEPT
from runner.stats.steady_state import Steadiness
from runner.util.formatting import plural
from runner.util.host_names import fold_hosts
from tui.screens.live.health_line import HealthLine, Severity, SteadyBadge
from tui.screens.live.node_view import find_node_problems
from tui.screens.live.stage_strip import describe_exit
from tui.screens.live.steady_badge import FEWEST_FOR_STEADY, make_badge
from tui.text import plain_text

MIN_SKEW = 0.02
"""A rank is reported when its mean exceeds that of the fastest rank by this share."""
_HALTED_STATES = "-Tt"
"""process states that do not end without outside action"""
_REPORTED_CAUSES: tuple[Cause, ...] = ("throttle", "process", "host")

HealthFinding = tuple[Severity, str]
"""severity and text; the text may be a `Flag`, whose effect orders it among those of its severity"""


def assess_health(
    feed: Feed,
    stall: Stall | None,
    slow: tuple[Outlier, ...],
    steady: Steadiness | None,
    current: CurrentCeiling | None = None,
) -> HealthLine:
    """Return the most important message about a run; after its end, how it ended.

    `current` has the findings about the ceiling of the GPUs.
    """
    if cut := why_cut_off(feed):
        return HealthLine("bad", (plain_text(cut),), single_line=True)
    problems = find_problems(feed.state, stall, slow, steady, current, feed.now())
    badge = find_badge(feed, stall, steady, problems)
    end = _end_message(feed)
    if end is not None:
        return HealthLine(*end, badge=badge)
    if not problems:
        if feed.state.stage is None:
            return HealthLine("quiet", ("no diagnostics yet",), badge, single_line=True)
        if _measured(feed.state) < FEWEST_FOR_STEADY:
            return HealthLine("quiet", ("no problems detected so far",), badge, single_line=True)
        return HealthLine("good", ("no problems detected",), badge, single_line=True)
    more = f"   (and {len(problems) - 1} more: d)" if len(problems) > 1 else ""
    kind, text = problems[0]
    if stall is not None and text == stall.sentence:
        more = f"   d: why?   ({stall.suggestion})"
    return HealthLine(kind, (text + more,), badge, single_line=True)


def _measured(state: RunState) -> int:
    """Return how many iterations or requests of the present configuration were measured."""
    configuration = state.configuration
    if configuration is None:
        return 0
    return configuration.latency.n if configuration.serving is None else configuration.serving.done


def find_problems(
    state: RunState,
    stall: Stall | None,
    slow: tuple[Outlier, ...],
    steady: Steadiness | None,
    current: CurrentCeiling | None = None,
    now: int = 0,
    cut_off: str = "",
) -> list[HealthFinding]:
    """Return all problems of a running run, the most serious first, then by their effect on the numbers.

    `now` (CLOCK_MONOTONIC, ns) is for how long a node has been silent, `cut_off` is why nothing arrives of a
    run of another machine.
    """
    found: list[HealthFinding] = [("bad", plain_text(cut_off))] if cut_off else []
    if stall is not None:
        found.append(("bad", stall.sentence))
    if stall is None and state.heartbeat is not None:
        halted = [process for process in state.heartbeat.ranks if process.state in _HALTED_STATES]
        found += [("bad", f"rank {process.rank} is {PROCESS_STATES[process.state]}") for process in halted]
    lossy = [rank for rank in state.ranks.values() if rank.bye is not None and not rank.complete]
    found += [("bad", f"records of rank {rank.rank} are missing") for rank in lossy]
    found += [
        ("warn", Flag(plain_text(problem.text), Effect.DISTORTED, problem.share))
        for problem in find_machine_problems(state)
    ]
    found += find_node_problems(state, now)
    slowed: list[GpuFinding] = []
    for gpu in used_gpus(state):
        if gpu.node in state.nodes and state.nodes[gpu.node].unreachable:
            continue  # its readings are old
        telemetry = state.telemetry_of(gpu)
        if gpu.reasons.get("all") == LOST:
            found.append(("bad", f"{gpu.name} is lost and needs a reset"))
            continue
        held = [reason for reason in telemetry.throttled_by(gpu) or () if reason not in HARMLESS]
        if held:
            heat = telemetry.latest(gpu, "temperature")
            degrees = "" if isinstance(heat, str) else f", {heat:.0f} °C"
            text = f"throttled by {', '.join(held)}{degrees}"
            slowed.append(GpuFinding.of(gpu, ", ".join(held), text, Effect.DISTORTED, _share_of(heat)))
    found += [("warn", flag) for flag in group_gpus(slowed)]
    if current is not None:
        found += [("bad", flag) for flag in current.impossible]
        found += [("warn", current.waits)] if current.waits is not None else []
    found += [("warn", Flag(text, Effect.UNREAD)) for text in _stale_gpus(state)]
    if state.lost_events:
        found.append(("warn", f"{state.lost_events} events are missing: the disk was full"))
    if state.skew is not None and state.skew[1] > MIN_SKEW:
        rank, slower = state.skew
        node = state.node_of(rank)
        where = f" of {plain_text(node.name)}" if node is not None else ""
        text = f"rank {rank}{where} is {100 * slower:.1f} % slower than the fastest"
        found.append(("warn", Flag(text, Effect.DISTORTED, slower)))
    warnings = [notice for notice in state.notices if notice.level == "warning"]
    found += [("warn", Flag(plain_text(notice.text), Effect.UNCERTAIN)) for notice in reversed(warnings)]
    causes = Counter(outlier.cause for outlier in slow)
    for cause in _REPORTED_CAUSES:
        if causes[cause]:
            least = "at least " if len(slow) >= KEPT else ""
            nodes = fold_hosts(sorted({one.node for one in slow if one.cause == cause and one.node}))
            where = f" on {plain_text(nodes)}" if nodes else ""
            text = f"{least}{plural(causes[cause], 'slow iteration')}: {CAUSE_LETTERS[cause][1]}{where}"
            found.append(("warn", Flag(text, Effect.DISTORTED)))
    if steady is not None and steady.change:
        found.append(("warn", Flag(steady.sentence, Effect.DISTORTED, steady.change)))
    return sorted(found, key=lambda one: (one[0] != "bad", -effect_of(one[1])))


def _stale_gpus(state: RunState) -> Iterator[str]:
    """Yield why GPUs are not read now; one sentence for several nodes with the same reason."""
    texts: dict[str, list[NodeFinding]] = {}
    for telemetry in state.telemetries:
        if telemetry.stale and telemetry.status is not None:
            text = f"GPUs: {plain_text(telemetry.status.text)}"
            texts.setdefault(text, []).append(NodeFinding(plain_text(telemetry.node), text))
    for found in texts.values():
        yield join_nodes(found).text


def _share_of(temperature: float | str) -> float:
    """Order throttled GPUs by their temperature in degrees."""
    return 0.0 if isinstance(temperature, str) else temperature / 1000


def find_badge(
    feed: Feed, stall: Stall | None, steady: Steadiness | None, problems: list[HealthFinding]
) -> SteadyBadge | None:
    """Return the badge; a run that is stalled, failed or stopped has no verdict about its latencies."""
    configuration = feed.state.configuration
    if steady is None or configuration is None or stall is not None or feed.gone:
        return None
    if feed.state.status not in ("running", "finished"):
        return None
    # A wait for the host that lasts slows all iterations alike: it does not make them unsteady.
    disturbed = any(not isinstance(text, HostWait) for _, text in problems)
    return make_badge(configuration, steady, disturbed=disturbed)


# --- end of the run ----------------------------------------------------------------------------------------


def _end_message(feed: Feed) -> tuple[Severity, tuple[str, ...]] | None:
    if feed.gone:
        return "bad", ("the run directory was deleted; the screen shows the last known state",)
    state = feed.state
    if state.status in ("failed", "lost"):
        return "bad", _failure_lines(state)
    if state.status == "finished":
        return "good", ("finished: Enter shows the result",)
    if state.status == "stopped":
        return "warn", (_stopped_by(state), "Enter shows what was measured")
    if state.status == "stopping":
        return "warn", (_stopped_by(state) + ": waiting for its processes to end",)
    return None


def _stopped_by(state: RunState) -> str:
    return f"stopped by {plain_text(state.stopping.by)}" if state.stopping else "stopped"


def _failure_lines(state: RunState) -> tuple[str, ...]:
    stage, failure = state.stage, state.failure
    if failure is not None:
        lines = [plain_text(failure.cause), plain_text(failure.remedy)]
        lines.append(f"log: {plain_text(failure.log)}   l shows it" if failure.log else "")
    else:
        exit_text = describe_exit(stage.exit_code) if stage else ""
        where = f"stage {stage.name} failed" if stage else "the run failed before its first stage"
        lines = [f"{where}: {exit_text}" if exit_text else where, "l shows its log" if stage else ""]
    return tuple(line for line in lines if line)
