"""The link and real agents, several on this machine, started by a program in the place of mpirun."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runner import events as ev
from runner.plan.node_launch import NodeLaunch
from runner.run.device_locks import DeviceLocks
from runner.supervision.nodes import messages as msg
from runner.supervision.nodes import takeover
from runner.supervision.nodes.link import NodeLink
from runner.util import processes
from tests.support.paths import TESTS
from tests.support.patience import PATIENCE_S

LAUNCHER = TESTS / "support" / "programs" / "several_nodes.py"
RECORD = b'{"kind":"x"}\n'


def link_to(folder: Path, *nodes: str, expected: int = 0) -> NodeLink:
    run_dir = folder / "run-1"
    run_dir.mkdir()
    argv = [sys.executable, str(LAUNCHER), ",".join(nodes), str(folder / "locks")]
    launch = NodeLaunch(
        launcher="openmpi",
        argv=argv,
        python=sys.executable,
        nodes=expected or len(nodes),
        hosts=[node.partition("=")[0] for node in nodes] + ["absent"] * (expected - len(nodes)),
    )
    link = NodeLink(launch, run_dir, first="one")
    link.start()
    return link


def until(link: NodeLink, condition: Callable[[], bool]) -> list[ev.AnyEvent]:
    events = link.wait(condition, PATIENCE_S)
    assert condition(), (link.problem, link.last_lines)
    return events


def test_nodes_report_go_on_with_new_agents_and_end(tmp_path: Path) -> None:
    far = tmp_path / "far" / "run-1"
    far.mkdir(parents=True)
    link = link_to(tmp_path, "one", f"two={far}")
    arrived = []
    link.on_records = lambda node, stage, lines: arrived.append((node, stage, lines))
    events = until(link, lambda: link.is_ready)
    joined = {event.node: event for event in events if isinstance(event, ev.NodeJoined)}
    assert (joined["one"].first, joined["one"].shares_run_dir) == (True, True)
    assert (joined["two"].first, joined["two"].shares_run_dir) == (False, False)
    clocks = [event for event in events if isinstance(event, ev.NodeClock)]
    assert {event.node for event in clocks} == {"one", "two"}
    assert all(abs(event.offset_ns) <= event.error_ns for event in clocks)  # it is the same clock

    begun = link.ask(msg.Begin(folders=[str(far / "ranks" / "0")]), link.others, is_setup=True)
    locked = link.ask(msg.TakeDevices(devices=["cuda:0"]), ["two"], is_setup=True)
    until(link, lambda: not begun.missing and not locked.missing)
    records = far / "ranks" / "0" / "1.jsonl"
    records.write_bytes(RECORD * 2)
    events = until(link, lambda: bool(arrived))
    while not any(isinstance(event, ev.FromNode) and event.node == "two" for event in events):
        events += until(link, lambda: bool(link._process.pieces))
        events += link.poll()

    (launcher,) = link.pids
    os.kill(launcher, signal.SIGKILL)
    events = until(link, lambda: bool(link.pids - {launcher}) and link.is_ready)
    assert [(event.node, event.status) for event in events if isinstance(event, ev.NodeStatus)] == [
        ("two", "silent"),
        ("two", "back"),
    ]
    with records.open("ab") as file:
        file.write(RECORD)
    member = subprocess.Popen(["sleep", "1000"], env={**os.environ, processes.TAG: "run-1"})
    swept = link.ask(msg.Sweep(), link.others)
    until(link, lambda: not swept.missing)
    assert swept.answers["two"].killed == 1
    assert member.wait() == -signal.SIGKILL
    assert b"".join(lines for _, _, lines in arrived) == RECORD * 3  # none lost, none twice

    events = link.close()
    assert [event.status for event in events if isinstance(event, ev.NodeStatus)] == ["ended"]
    assert link._process.poll() == 0
    assert os.listdir(tmp_path / "locks" / "two") == []


def test_a_node_that_does_not_join_is_named_with_the_last_line(tmp_path: Path) -> None:
    link = link_to(tmp_path, "one", expected=2)
    until(link, lambda: bool(link.peers))
    assert link.too_late.startswith("absent did not join within 60 s")
    link.last_lines.append("ssh: connect to host absent port 22: No route to host")
    os.kill(next(iter(link.pids)), signal.SIGKILL)
    until(link, lambda: bool(link.problem))
    assert link.problem.startswith("absent did not join: ")
    assert link.problem.endswith("ssh: connect to host absent port 22: No route to host")
    link.close()


def test_a_launcher_that_is_missing_is_named(tmp_path: Path) -> None:
    launch = NodeLaunch(launcher="openmpi", argv=["/absent/mpirun"], python="python3", nodes=2)
    link = NodeLink(launch, tmp_path)
    link.start()
    assert link.problem == "the node agents cannot be started: /absent/mpirun: No such file or directory"
    link.close()


def test_locks_go_to_the_next_agent_of_the_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRTBENCH_LOCKS", str(tmp_path))
    child = os.fork()
    if not child:
        locks = DeviceLocks("run-1")
        locks.take(["cuda:0"])
        handed_over = takeover._hand_over("run-1", f"n{os.getppid()}", locks, PATIENCE_S)
        os._exit(0 if handed_over else 1)
    taken = DeviceLocks("run-1")
    while not taken.held:
        taken = takeover.take_over("run-1", f"n{os.getpid()}")
    assert os.waitpid(child, 0)[1] == 0
    other = DeviceLocks("run-2")
    assert other.take(["cuda:0"]) is not None  # no other run can come in between
    taken.release()
    assert other.take(["cuda:0"]) is None
    other.release()
