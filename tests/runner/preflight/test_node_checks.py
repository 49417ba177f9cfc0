"""What the checks on all nodes say, on answers that differ in one thing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from runner.engines.check import Check
from runner.plan.node_launch import NodeLaunch
from runner.preflight import render
from runner.preflight.node_answer import NetworkInterface, NodeAnswer
from runner.preflight.node_checks import Expected, compare_nodes
from runner.preflight.node_collector import Clock, NodeHeard, NodeReport
from tests.support.machine_facts import GIB

HOSTS = [f"node{number}" for number in range(1, 9)]
ENGINE = "/engines/llama"
LAUNCH = NodeLaunch(
    launcher="openmpi",
    argv=["/opt/mpirun"],
    python="/venv/python",
    nodes=8,
    hosts=HOSTS,
    ranks_per_node=[8] * 8,
)
ANSWER = NodeAnswer(
    node="",
    boot_id="b",
    kernel="6.8.0",
    versions={"TensorRT-LLM": "1.0.0", "driver": "570.86", "NCCL": "2.25.1", "MPI": "openmpi 4.1.6"},
    gpus=["NVIDIA H200"] * 8,
    interfaces=[
        NetworkInterface(name="eth0", address="10.0.0.1", speed=25_000),
        NetworkInterface(name="ib0", address="10.1.0.1", speed=400_000, rdma="mlx5_0", nccl=True),
    ],
    rdma=["mlx5_0 400 Gb/sec (4X NDR)"],
    files={ENGINE: {"config.json": "204 bytes, 1f2e", "rank0.engine": "160605227 bytes, a1b2"}},
    shared=["/runs/.token", "/build/.token"],
    memory=500 * GIB,
    free={"/work": 900 * GIB},
    cpus=64.0,
    load=0.4,
    nofile=1 << 20,
)


def report(**changed: Any) -> NodeReport:
    """Eight nodes that are equal, except for what is changed of `node8`."""
    clock = changed.pop("clock", Clock(0.0004, 0.0002))
    nodes = [
        NodeHeard(msgspec.structs.replace(ANSWER, node=host), host, Clock(0.0, 0.0002)) for host in HOSTS
    ]
    nodes[7] = NodeHeard(msgspec.structs.replace(nodes[7].answer, **changed), "node8", clock)
    return NodeReport(launch=LAUNCH, nodes=tuple(nodes), seconds=3.14)


def checks(found: NodeReport, **needs: Any) -> list[Check]:
    return compare_nodes(found, Expected(gpus=True, **needs))


def problems(found: NodeReport, **needs: Any) -> list[tuple[str, str, str]]:
    return [(one.name, one.verdict, one.text) for one in checks(found, **needs) if one.verdict != "pass"]


def test_equal_nodes_pass_with_what_they_have() -> None:
    found = checks(report(), run_token="/runs/.token", build_tokens={"/build/e": "/build/.token"})
    assert [(one.name.removeprefix("nodes: "), one.verdict, one.text) for one in found] == [
        ("nodes", "pass", "8 answered in 3.1 s: node[1-8]"),
        ("same", "pass", "TensorRT-LLM 1.0.0, MPI openmpi 4.1.6,\nNCCL 2.25.1, driver 570.86"),
        ("GPUs", "pass", "8 x NVIDIA H200 on each node"),
        ("files", "pass", "/engines/llama: 2 files equal"),
        ("run folder", "pass", "seen by node[1-8]"),
        ("network", "pass", "NCCL may take ib0 (400 Gbit/s)"),
        ("clocks", "pass", "within 0.4 ms (measured to ± 0.2 ms)"),
    ]


def version(name: str, value: str) -> Callable[[], NodeReport]:
    return lambda: report(versions={**ANSWER.versions, name: value})


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(
            version("driver", "565.57"), ("driver", "warn", "node[1-7]: 570.86 · node8: 565.57"), id="driver"
        ),
        pytest.param(
            version("TensorRT-LLM", "0.21.0"),
            ("TensorRT-LLM", "fail", "node[1-7]: 1.0.0 · node8: 0.21.0"),
            id="TensorRT-LLM",
        ),
        pytest.param(
            lambda: report(gpus=["NVIDIA H200"] * 7),
            ("GPUs", "fail", "node8: 7 x NVIDIA H200 for 8 ranks"),
            id="too few GPUs",
        ),
        pytest.param(
            lambda: report(gpu_use=["GPU 0: 12 python (alice, 5 min)"]),
            ("GPU use", "warn", "node8: GPU 0: 12 python (alice, 5 min)"),
            id="a busy GPU",
        ),
        pytest.param(
            lambda: report(files={ENGINE: {**ANSWER.files[ENGINE], "rank0.engine": "160605227 bytes, ffff"}}),
            (
                "files", "fail",
                f"{ENGINE}/rank0.engine\nnode[1-7]: 160605227 bytes, a1b2\nnode8: 160605227 bytes, ffff",
            ),
            id="another engine",
        ),
        pytest.param(
            lambda: report(files={}),
            (
                "files", "fail",
                f"{ENGINE}/config.json (and 1 more file)\nnode[1-7]: 204 bytes, 1f2e · node8: no folder",
            ),
            id="no engine",
        ),
        pytest.param(
            lambda: report(missing=["/models/llama"]),
            ("paths", "fail", "/models/llama\nnode[1-7]: there · node8: missing"),
            id="no model",
        ),
        pytest.param(
            lambda: report(shared=["/runs/.token"]),
            ("shared", "fail", "/build/e is built on the first node\nnot seen by node8"),
            id="a folder that is not shared",
        ),
        pytest.param(
            lambda: report(interfaces=[NetworkInterface(name="eth0", address="10.0.0.8")]),
            (
                "network", "fail",
                "NCCL may take none of the interfaces that are up\nnode8: eth0",
            ),
            id="no interface",
        ),
        pytest.param(
            lambda: report(rdma=[]),
            ("RDMA", "warn", "node[1-7]: mlx5_0 400 Gb/sec (4X NDR)\nnode8: none"),
            id="no RDMA",
        ),
        pytest.param(
            lambda: report(clock=Clock(3600.2, 0.01)),
            ("clocks", "warn", "node8: +3600.2 s (± 10.0 ms)"),
            id="a clock that is wrong",
        ),
        pytest.param(
            lambda: report(memory=9 * GIB),
            ("memory", "warn", "node8: 9.0 GiB free\nothers have 500.0 GiB"),
            id="little memory",
        ),
        pytest.param(
            lambda: report(no_probe="/venv/python does not exist"),
            ("python", "fail", "node8: /venv/python does not exist"),
            id="no interpreter",
        ),
    ],
)  # fmt: skip
def test_each_difference_is_a_check(make: Callable[[], NodeReport], expected: tuple[str, str, str]) -> None:
    name, verdict, text = expected
    found = make()
    assert problems(found, build_tokens={"/build/e": "/build/.token"}) == [(f"nodes: {name}", verdict, text)]
    shown = render(checks(found, build_tokens={"/build/e": "/build/.token"})).splitlines()
    assert sum("fix: " in line for line in shown) == 1
    assert max(map(len, shown)) <= 80


def test_a_clock_is_as_wrong_as_can_be_measured() -> None:
    assert problems(report(clock=Clock(2.5, 1.6))) == []


def test_nodes_that_did_not_answer_are_named() -> None:
    lines = ("ssh: connect to host node8 port 22: No route to host", "-----", "ORTE was unable to start")
    heard = NodeReport(
        launch=LAUNCH,
        nodes=report().nodes[:6],
        silent=("node7", "node8"),
        seconds=60.0,
        is_late=True,
        lines=lines,
    )
    assert checks(heard)[0] == Check(
        "nodes",
        "fail",
        "6 of 8 nodes answered within 60 s, none of node[7-8]\n" + lines[0],
        "ssh node8 /venv/python --version",
    )
    nothing = NodeReport(
        launch=LAUNCH, silent=tuple(HOSTS), lines=("/opt/mpirun: No such file or directory",)
    )
    assert [one.text for one in checks(nothing)] == [
        "0 of 8 nodes answered\n/opt/mpirun: No such file or directory"
    ]


def test_two_processes_on_one_node_are_not_two_nodes() -> None:
    heard = report()
    twice = msgspec.structs.replace(heard.nodes[7].answer, node="node7")
    found = NodeReport(launch=LAUNCH, nodes=(*heard.nodes[:7], NodeHeard(twice)))
    name, verdict, text = problems(found)[0]
    assert (name, verdict) == ("nodes: names", "fail")
    assert text.startswith("2 processes answered as node7")
