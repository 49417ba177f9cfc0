"""The fold of runs on several nodes."""

from __future__ import annotations

import pytest

from runner import events as ev
from runner import metrics
from runner.metrics.flag import name_gpus
from runner.metrics.gpu_flags import gpu_flags, run_gpu_flags
from runner.metrics.rank_gpus import gpu_of_rank, used_gpus
from runner.state.nodes import in_order
from runner.state.run import RunState
from tests.support.gpu_logs import gpu_numbers
from tests.support.node_logs import SECOND, START, NodeRun


def energy(run: NodeRun) -> tuple[float | None, str]:
    table = gpu_numbers(run.state(), 0, "not planned")
    assert table is not None
    value, _, note = table[metrics.GPU_ENERGY]
    return value, note


def test_ranks_compute_on_the_gpus_of_their_node() -> None:
    state = NodeRun(nodes=2, gpus=2).state()
    assert [gpu.name for gpu in used_gpus(state)] == [
        "GPU 0 of node1", "GPU 1 of node1", "GPU 0 of node2", "GPU 1 of node2",
    ]  # fmt: skip
    gpu = gpu_of_rank(state, 3)
    assert gpu is not None
    assert gpu.identity.uuid == "GPU-2-1"
    assert state.telemetry_of(gpu) is state.nodes["node2"].telemetry
    assert state.telemetry is state.nodes["node1"].telemetry
    assert {name: len(node.hosts) for name, node in state.nodes.items()} == {"node1": 30, "node2": 30}


def test_first_node_comes_first_and_numbers_count() -> None:
    state = NodeRun(nodes=11, gpus=1, iterations=1).state()
    assert [node.name for node in in_order(state.nodes)] == [f"node{number}" for number in range(1, 12)]
    first, second = in_order(state.nodes)[:2]
    assert (first.first, second.first) == (True, False)
    assert second.clock is not None
    assert (second.clock.offset_ns, second.clock.error_ns) == (1_250_000, 40_000)


def test_energy_is_the_sum_over_all_nodes() -> None:
    value, note = energy(NodeRun(nodes=3, gpus=2))
    run = NodeRun(nodes=3, gpus=2).state().configurations[0]
    assert run.timing_began is not None
    assert value == pytest.approx(6 * 500 * (run.last_t - run.timing_began) / SECOND, rel=1e-6)
    assert note.startswith("within")


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (NodeRun(silent=1), "without the GPUs of node2 (silent)"),
        (NodeRun(silent=1, lost=True), "without the GPUs of node2 (lost)"),
        (NodeRun(without_gpus=1), "without the GPUs of node2 (the NVIDIA driver does not answer)"),
        (NodeRun(absent=1), "without the GPUs of node2 (its node agent has not started)"),
    ],
    ids=["silent", "lost", "no driver", "absent"],
)
def test_no_energy_unless_all_nodes_report(run: NodeRun, why: str) -> None:
    assert energy(run) == (None, why)
    table = gpu_numbers(run.state(), 0, "not planned")
    assert table is not None
    assert why in table[metrics.GPU_MEMORY].note
    assert any(why in flag for flag in gpu_flags(run.state(), 0))


def test_node_that_came_back_counts_again() -> None:
    run = NodeRun(nodes=2, gpus=1)
    back = START + 15 * SECOND
    run.events += [
        ev.NodeStatus(t=back, node="node2", status="silent", text="", silent_s=3.0),
        ev.NodeStatus(t=back + SECOND, node="node2", status="back", text=""),
    ]
    assert run.state().nodes["node2"].condition == "joined"
    assert energy(run)[0] is not None


def test_silence_is_counted_from_the_last_message() -> None:
    node = NodeRun(silent=1, end=False).state().nodes["node2"]
    assert node.status is not None
    assert (node.condition, node.silent_s(node.status.t + 5 * SECOND)) == ("silent", 15.0)


def test_slowest_node_is_named_with_its_numbers() -> None:
    state = NodeRun(nodes=3, gpus=2, slow_node=1).state()
    assert state.node_skew is not None
    assert state.node_skew.node == "node2"
    assert state.node_skew.slower == pytest.approx(0.04 / 0.95, abs=0.002)
    assert state.skew is not None
    node = state.node_of(state.skew.rank)
    assert node is not None
    assert node.name == "node2"


def test_run_of_one_machine_has_no_nodes() -> None:
    run = NodeRun(nodes=1, gpus=2)
    kept = [event for event in run.events if not isinstance(event, ev.NodeJoined | ev.NodeClock)]
    state = RunState()
    state.apply_all(kept)
    assert (state.nodes, state.node_skew) == ({}, None)
    assert [gpu.name for gpu in state.all_gpus] == ["GPU 0", "GPU 1"]


def test_flags_of_gpus_name_the_node() -> None:
    run = NodeRun(nodes=2, gpus=4, hot_gpu=(1, 3))
    assert any("GPU 3 of node2: slowed down" in flag for flag in gpu_flags(run.state(), 0))
    problem = ev.GpuProblem(t=run.last, gpu="GPU-2-1", what="xid", text="GPU 1: Xid 79", code=79)
    run.events.append(ev.FromNode(t=run.last, node="node2", event=problem))
    assert run_gpu_flags(run.state()) == ["GPU 1 of node2: Xid 79"]


def test_gpus_of_many_nodes_are_counted() -> None:
    assert name_gpus([("a", 1), ("a", 0), ("b", 3)]) == "GPUs 0-1 of a, GPU 3 of b"
    assert name_gpus((f"n{number // 8}", number % 8) for number in range(64)) == "64 GPUs of 8 nodes"
