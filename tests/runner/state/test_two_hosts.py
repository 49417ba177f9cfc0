"""A run on two hosts with an H200 each, recorded: NVML read by both, NCCL over the network."""

from __future__ import annotations

import pytest

from runner import events as ev
from runner import metrics
from runner.events.journal import EventReader
from runner.state.nodes import in_order
from runner.state.run import RunState
from tests.support.gpu_logs import gpu_numbers
from tests.support.paths import TESTS


def recorded() -> RunState:
    reader, state = EventReader(TESTS / "data" / "two-hosts-h200" / "events.jsonl"), RunState()
    while events := reader.read():
        state.apply_all(events)
    return state


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
