"""The nodes of a run as the live screen shows them. Pure functions of the run's state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from runner.events.missing_readings import without_host_load
from runner.metrics.flag import Effect, Flag
from runner.metrics.stall import rank_activity
from runner.plan.plan import Plan
from runner.state import nodes as node_states
from runner.state.run import RunState
from runner.util.formatting import duration, plural, ranges
from tui.screens.live.gpu_panel import GpuLine
from tui.screens.live.health_line import Severity
from tui.screens.live.node_rows import MIN_SKEW_SHOWN, NodeGpus, NodeRanks, NodeState
from tui.screens.live.rank_panel import RankLine
from tui.text import plain_text

if TYPE_CHECKING:
    from tui.screens.dialogs.help import HelpSection

CLOCK_UNKNOWN = "clock not measured"


def node_state(node: node_states.NodeState, now: int) -> NodeState:
    """Return how a node is connected at `now` (CLOCK_MONOTONIC, ns)."""
    name, silent = plain_text(node.name), node.silent_s(now)
    if node.condition == "not joined":
        return NodeState(name, "not joined", bad=True)
    if silent is None:
        return NodeState(name)
    text = f"silent {duration(silent)}"
    return NodeState(name, f"lost, {text}" if node.condition == "lost" else text, node.condition == "lost")


def node_gpus(state: RunState, now: int, lines: Mapping[str, tuple[GpuLine, ...]]) -> tuple[NodeGpus, ...]:
    """Return one line a node; empty for a run of one machine.

    Args:
        state: the run.
        now: CLOCK_MONOTONIC, ns.
        lines: the GPUs of each node by its name.
    """
    ranks: dict[str, list[int]] = {}
    for number in sorted(state.ranks):
        node = state.node_of(number)
        if node is not None:
            ranks.setdefault(node.name, []).append(number)
    skew = state.node_skew
    slowest = skew.node if skew is not None and skew.slower >= MIN_SKEW_SHOWN else ""
    return tuple(
        NodeGpus(
            node=node_state(node, state.ended.t if state.ended is not None else now),
            ranks=ranges(ranks.get(node.name, [])),
            lines=lines.get(node.name, ()),
            why_none=plain_text(without_host_load(node.no_gpu)) if node.no_gpu is not None else "",
            slower=skew.slower if skew is not None and node.name == slowest else None,
        )
        for node in node_states.in_order(state.nodes)
    )


def node_ranks(state: RunState, now: int, lines: tuple[RankLine, ...]) -> tuple[NodeRanks, ...]:
    """Return one line a node with the ranks that have reported; empty for a run of one machine.

    Args:
        state: the run.
        now: CLOCK_MONOTONIC, ns.
        lines: all ranks.
    """
    of: dict[str, list[RankLine]] = {name: [] for name in state.nodes}
    for line in lines:
        node = state.node_of(line.rank)
        if node is not None:
            of[node.name].append(line)
    skew = state.node_skew
    fastest = min((line.mean_ms for line in lines if line.mean_ms is not None), default=0.0)
    found = []
    for node in node_states.in_order(state.nodes):
        ranks = of[node.name]
        means = [line.mean_ms for line in ranks if line.mean_ms is not None]
        done = [line.i for line in ranks if line.i is not None]
        slowest = max(ranks, key=lambda line: line.mean_ms or 0.0, default=None)
        by = slowest.mean_ms / fastest - 1 if slowest is not None and slowest.mean_ms and fastest else 0.0
        shown = skew is not None and skew.node == node.name and skew.slower >= MIN_SKEW_SHOWN
        found.append(
            NodeRanks(
                node=node_state(node, state.ended.t if state.ended is not None else now),
                ranks=ranges([line.rank for line in ranks]),
                count=len(ranks),
                states=_states(ranks),
                broken=any(line.broken for line in ranks),
                i=(min(done), max(done)) if done else None,
                mean_ms=sum(means) / len(means) if means else None,
                slower=skew.slower if skew is not None and shown else None,
                slowest=(slowest.rank, by) if slowest is not None and by >= MIN_SKEW_SHOWN else None,
            )
        )
    return tuple(found)


def _states(ranks: list[RankLine]) -> str:
    """Return the state that all ranks share, or how many are in each; broken ones first."""
    counts = Counter((line.state, line.broken) for line in ranks)
    if len(counts) == 1:
        return ranks[0].state
    broken_first = sorted(counts.items(), key=lambda one: not one[0][1])
    return ", ".join(f"{count} {state}" for (state, _), count in broken_first)


def busiest_node(state: RunState) -> str:
    """Return the reporting node with the most CPU load: `node3 97 %`; empty: unknown, or one machine."""
    loads = {
        node.name: node.host.cpu_percent
        for node in state.nodes.values()
        if node.host is not None and not node.unreachable
    }
    if not loads:
        return ""
    busiest = max(loads, key=loads.__getitem__)
    return f"{plain_text(busiest)} {loads[busiest]:.0f} %"


def slowest_text(state: RunState) -> str:
    """Return `slowest: node6 +4.2 %, rank 47 +4.3 %`; empty: nothing was measured, or one machine."""
    node, rank = state.node_skew, state.skew
    if node is None or rank is None:
        return ""
    if max(node.slower, rank.slower) < MIN_SKEW_SHOWN:
        return f"nodes and ranks balanced within {100 * MIN_SKEW_SHOWN:.0f} %"
    return (
        f"slowest: {plain_text(node.node)} +{100 * node.slower:.1f} %,"
        f" rank {rank.rank} +{100 * rank.slower:.1f} %"
    )


def find_node_problems(state: RunState, now: int) -> list[tuple[Severity, str]]:
    """Return the nodes of a running run that are silent, lost, or have not joined; equal ones together."""
    if not state.running:
        return []
    found: list[tuple[Severity, str]] = []
    for condition, effect in _TROUBLES.items():
        nodes = [node for node in node_states.in_order(state.nodes) if node.condition == condition]
        if condition == "not joined":
            nodes = nodes if any(one.joined is not None for one in state.nodes.values()) else []
        if not nodes:
            continue
        names = ", ".join(plain_text(node.name) for node in nodes[:MOST_NAMED])
        more = f" and {len(nodes) - MOST_NAMED} more" if len(nodes) > MOST_NAMED else ""
        silent = max((node.silent_s(now) or 0.0 for node in nodes), default=0.0)
        text = {
            "lost": f"lost: no message for {duration(silent)}",
            "silent": f"no message for {duration(silent)}, what is shown of it is old",
            "not joined": "the node agent has not started: nothing is known of GPUs and load there",
        }[condition]
        found.append(("warn" if condition == "not joined" else "bad", Flag(f"{names}{more}: {text}", effect)))
    return found


_TROUBLES: dict[node_states.NodeCondition, Effect] = {
    "lost": Effect.WRONG, "silent": Effect.UNREAD, "not joined": Effect.UNREAD,
}  # fmt: skip
MOST_NAMED = 3
"""nodes that a problem names"""


# --- diagnostics -------------------------------------------------------------------------------------------


def node_sections(state: RunState, plan: Plan, now: int) -> tuple[HelpSection, ...]:
    """Return a section with one line a node; empty for a run of one machine."""
    if not state.nodes:
        return ()
    activity = {one.rank: one for one in rank_activity(state, now)}
    behind: dict[str, int] = {}
    for number, one in activity.items():
        node = state.node_of(number)
        if node is not None:
            behind[node.name] = max(one.behind, behind.get(node.name, 0))
    lines = [
        (plain_text(node.name), ", ".join(_facts(node, plan, now, behind.get(node.name, 0))))
        for node in node_states.in_order(state.nodes)
    ]
    if text := slowest_text(state):
        lines.append(("skew", text))
    return (("nodes", tuple(lines)),)


def _facts(node: node_states.NodeState, plan: Plan, now: int, behind: int) -> list[str]:
    state = node_state(node, now)
    facts = [state.trouble or ("first node" if node.first else "joined")]
    if node.joined is not None:
        facts.append(f"{node.joined.cores} cores")
    if not node.first:
        facts.append(_clock(node))
    facts.append(_telemetry(node))
    if locks := _locks(node, plan):
        facts.append(f"holds {locks}")
    if behind:
        facts.append(f"a rank is {behind} iterations behind")
    if node.joined is not None and not node.joined.shares_run_dir:
        facts.append("its records come through its agent")
    if node.joined is not None and node.joined.network:
        facts.append(", ".join(f"{name} {text}" for name, text in node.joined.network.items()))
    if node.status is not None and node.status.text and state.trouble:
        facts.append(plain_text(node.status.text))
    return [plain_text(fact) for fact in facts if fact]


def _clock(node: node_states.NodeState) -> str:
    """Return `clock +1.250 ± 0.040 ms`."""
    if node.clock is None:
        return CLOCK_UNKNOWN
    return f"clock {node.clock.offset_ns / 1e6:+.3f} ± {node.clock.error_ns / 1e6:.3f} ms"


def _telemetry(node: node_states.NodeState) -> str:
    telemetry = node.telemetry
    if node.no_gpu is not None:
        return f"no GPU readings: {without_host_load(node.no_gpu)}"
    if telemetry.status is not None:
        return f"telemetry {telemetry.status.state}: {telemetry.status.text}"
    if not telemetry.gpus:
        return "no GPU reading yet"
    rate = f" @ {1000 / telemetry.period_ms:.3g} Hz" if telemetry.period_ms else ""
    return f"{plural(len(telemetry.gpus), 'GPU')} read{rate}"


def _locks(node: node_states.NodeState, plan: Plan) -> str:
    """Return the devices that the agent of a node holds: `gpu-0, gpu-1`; empty: not known, or none."""
    if plan.nodes is None or node.joined is None or node.name not in plan.nodes.hosts:
        return ""
    number = plan.nodes.hosts.index(node.name)
    return ", ".join(plan.nodes.devices[number]) if number < len(plan.nodes.devices) else ""
