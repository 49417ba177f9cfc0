"""A run on two hosts with an H200 each, recorded: NVML read by both, NCCL over the network."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from runner import events as ev
from runner import metrics
from runner.events.journal import EventReader
from runner.metrics.machine_problems import find_machine_problems
from runner.metrics.outlier_causes import find_outliers
from runner.state.nodes import in_order
from runner.state.run import RunState
from tests.support.gpu_logs import gpu_numbers
from tests.support.paths import TESTS

SLOW = 50
"""a timed iteration in the middle"""


def log() -> list[ev.AnyEvent]:
    reader, events = EventReader(TESTS / "data" / "two-hosts-h200" / "events.jsonl"), list[ev.AnyEvent]()
    while batch := reader.read():
        events += batch
    return events


def folded(events: Sequence[ev.AnyEvent]) -> RunState:
    state = RunState()
    state.apply_all(events)
    return state


def recorded() -> RunState:
    return folded(log())


def changed(event: ev.AnyEvent, *, waiting: dict[str, float], around: tuple[int, int]) -> ev.AnyEvent:
    """The event as if processes had waited for a processor on some nodes within a time."""
    node = event.node if isinstance(event, ev.FromNode) else "node1"
    read = event.event if isinstance(event, ev.FromNode) else event
    if not isinstance(read, ev.Host) or node not in waiting or not around[0] <= read.t <= around[1]:
        return event
    read = msgspec.structs.replace(read, waiting_percent=waiting[node])
    return ev.FromNode(t=event.t, node=node, event=read) if isinstance(event, ev.FromNode) else read


def one_slow(*slower: int, waiting: dict[str, float]) -> RunState:
    """The run with one iteration that took 90 ms longer, the most on the ranks `slower`."""
    made: list[ev.AnyEvent] = []
    for event in log():
        if isinstance(event, ev.Iteration) and event.phase == "timed" and event.i == SLOW:
            longer = event.latency_ms + 90 + (event.rank in slower)
            event = msgspec.structs.replace(event, latency_ms=longer)
        made.append(event)
    end = next(one.t for one in made if isinstance(one, ev.Iteration) and one.latency_ms > 150)
    around = (end - 10**9, end + 10**9)
    return folded([changed(event, waiting=waiting, around=around) for event in made])


@pytest.mark.parametrize(
    ("slower", "waiting", "where"),
    [
        ((1,), {"node2": 80.0}, "node2"),
        ((0,), {"node2": 80.0}, "node2"),
        ((1,), {"node1": 80.0, "node2": 90.0}, "node2"),
        ((0,), {"node1": 80.0, "node2": 90.0}, "node1"),
        ((1,), {}, ""),
    ],
    ids=["slow-rank", "other-rank", "both-slow-1", "both-slow-0", "neither"],
)
def test_slow_iteration_names_the_node_with_the_cause(
    slower: tuple[int, ...], waiting: dict[str, float], where: str
) -> None:
    [found] = find_outliers(one_slow(*slower, waiting=waiting), 0)
    assert (found.slow.i, found.node) == (SLOW, where)
    words = f"{where}: processes waited for a processor {waiting.get(where, 0):.0f} % of the time"
    unknown = "no throttling, host load or other process on any of 2 nodes explains it"
    assert found.evidence.startswith(words if where else unknown)


@pytest.mark.parametrize(
    ("waiting", "start", "end"),
    [
        ({"node2": 40.0}, "node2: CPU overloaded", " 40 % of the time"),
        ({"node1": 40.0, "node2": 60.0}, "node[1-2]: CPU overloaded", " 60 % of the time (node2, the worst)"),
    ],
    ids=["one", "both"],
)
def test_overload_of_nodes_is_one_line_that_names_them(
    waiting: dict[str, float], start: str, end: str
) -> None:
    # Until the result: after it there is no present configuration.
    events = [changed(event, waiting=waiting, around=(0, 10**15)) for event in log()]
    live = folded([event for event in events if not isinstance(event, ev.Result)])
    [problem] = find_machine_problems(live)
    assert problem.text.startswith(start)
    flags = [flag for flag in metrics.flags(folded(events).configurations[0], 2) if "CPU" in flag]
    assert len(flags) == 1
    assert flags[0].startswith(start)
    assert flags[0].endswith(end)


def test_both_hosts_report_their_gpus_and_clocks() -> None:
    state = recorded()
    assert state.status == "finished"
    first, second = in_order(state.nodes)
    assert (first.name, second.name) == ("node1", "node2")
    assert {rank: one.hello.host for rank, one in state.ranks.items() if one.hello} == {
        0: "node1",
        1: "node2",
    }
    for node in (first, second):
        assert node.clock is not None
        assert abs(node.clock.offset_ns) < node.clock.error_ns, "both are clocks of one kernel"
        assert all(gpu.identity.name == "NVIDIA H200" for gpu in node.telemetry.gpus.values())
        assert not node.unreachable
    assert not any(isinstance(event, ev.Notice) for event in state.notices)


def test_energy_and_power_count_the_gpus_of_both_hosts() -> None:
    table = gpu_numbers(recorded(), 0, "not planned")
    assert table is not None
    energy, _, _ = table[metrics.GPU_ENERGY]
    power, _, _ = table[metrics.GPU_POWER]
    assert energy == pytest.approx(4109, abs=1)
    assert power == pytest.approx(598.0, abs=0.1)
