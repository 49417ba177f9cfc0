"""Runs on several nodes: agents on this machine, one of which does not see the run directory."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from runner import events as ev
from runner.events.journal import EventReader
from runner.plan.node_launch import NodeLaunch
from runner.plan.plan import Plan
from runner.run import layout, liveness
from runner.supervision.nodes import messages as msg
from runner.supervision.nodes.peer import Peer
from runner.supervision.run_nodes import RETURN_S, RunNodes
from runner.util import processes
from tests.support.paths import TESTS
from tests.support.runs import single, start, state_of, wait_for, wait_until_ended

LAUNCHER = TESTS / "support" / "programs" / "several_nodes.py"


def on_nodes(plan: Plan, folder: Path, *others: str) -> Plan:
    """The plan with agents on this node and on others."""
    own = os.uname().nodename
    names = ",".join((own, *others))
    launch = NodeLaunch(
        launcher="openmpi",
        argv=[sys.executable, str(LAUNCHER), names, str(folder / "locks")],
        python=sys.executable,
        nodes=1 + len(others),
        hosts=[own, *(name.partition("=")[0] for name in others)],
        devices=[[], *(["cuda:0"] for _ in others)],
    )
    return replace(plan, nodes=launch)


def events_of(run_dir: Path) -> list[ev.AnyEvent]:
    reader, found = EventReader(run_dir / layout.EVENTS), []
    while events := reader.read():
        found += events
    return found


def test_a_run_on_nodes_names_them_and_leaves_nothing(home: Path, tmp_path: Path) -> None:
    run_dir = start(on_nodes(single("ok"), tmp_path, "two", f"far={tmp_path}/far"))
    state = wait_until_ended(run_dir)
    assert (state.status, state.failure, state.notices) == ("finished", None, [])
    events = events_of(run_dir)
    joined = {event.node: event for event in events if isinstance(event, ev.NodeJoined)}
    assert {node: event.shares_run_dir for node, event in joined.items()} == {
        os.uname().nodename: True,
        "two": True,
        "far": False,
    }
    assert {event.node for event in events if isinstance(event, ev.NodeClock)} == set(joined)
    ended = [event.node for event in events if isinstance(event, ev.NodeStatus)]
    assert sorted(ended) == ["far", "two"]
    assert not {"nodes", "nodes.log"} & set(os.listdir(run_dir))
    assert processes.find_tagged(run_dir.name) == []


@pytest.mark.slow
def test_a_run_waits_for_a_device_of_another_node(home: Path, tmp_path: Path) -> None:
    first = start(on_nodes(single("slow"), tmp_path, "two"))
    wait_for(lambda: bool(state_of(first).configurations), "the first run")
    second = start(on_nodes(single("ok"), tmp_path, "two"))
    wait_for(lambda: any(isinstance(event, ev.Queued) for event in events_of(second)), "the queue")
    (queued,) = [event for event in events_of(second) if isinstance(event, ev.Queued)]
    assert (queued.node, queued.device, queued.holder) == ("two", "cuda:0", first.name)
    liveness.request_stop(first, "a test")
    assert wait_until_ended(first).status == "stopped"
    assert wait_until_ended(second).status == "finished"


def test_a_node_that_is_missing_fails_the_run(home: Path, tmp_path: Path) -> None:
    plan = on_nodes(single("ok"), tmp_path, "two")
    assert plan.nodes is not None
    argv = [sys.executable, "-c", "print('ssh: no route to host'); raise SystemExit(3)"]
    run_dir = start(replace(plan, nodes=replace(plan.nodes, argv=argv)))
    failure = wait_until_ended(run_dir).failure
    assert failure is not None
    program = Path(sys.executable).name
    assert failure.cause.endswith(
        f", two did not join: {program} ended with exit code 3; it said: ssh: no route to host"
    )


@pytest.mark.parametrize(
    ("silent_s", "happens", "polls"),
    [(1.0, "answers", 1), (1.0, "is rebooted", 1), (RETURN_S + 1, "", 0)],
    ids=["it answers", "it was rebooted", "it stays away"],
)
def test_a_failed_run_waits_for_silent_nodes(
    tmp_path: Path, silent_s: float, happens: str, polls: int
) -> None:
    polled = []

    def idle() -> None:
        polled.append(1)
        if happens == "answers":
            peer.heard = time.monotonic()
        if happens == "is rebooted":
            nodes.link.rebooted.add("two")

    plan = on_nodes(single("ok"), tmp_path, "two")
    assert plan.nodes is not None
    nodes = RunNodes(plan.nodes, tmp_path, plan, emit=print, idle=idle, stop_wanted=lambda: False)
    joined = msg.Joined(node="two", boot_id="b", cores=1, shares_run_dir=True, network={})
    peer = nodes.link.peers["two"] = Peer(joined, "s", False, time.monotonic() - silent_s)
    nodes.await_return()
    assert len(polled) == polls
    assert nodes.rebooted() == ("node two was rebooted" if happens == "is rebooted" else "")


def test_agents_end_a_run_without_supervisor(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = start(on_nodes(single("stubborn"), tmp_path, "two"))
    wait_for(lambda: state_of(run_dir).ranks.get(0) is not None, "the rank")
    owner = liveness.read_owner(run_dir)
    assert owner is not None
    os.kill(owner.pid, signal.SIGKILL)
    wait_for(lambda: processes.find_tagged(run_dir.name) == [], "the agent of the other node")
