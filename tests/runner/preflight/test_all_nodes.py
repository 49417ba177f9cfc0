"""The checks on all nodes, with processes on this machine as nodes."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from runner.engines.check import Check
from runner.plan.job_request import JobRequest
from runner.plan.node_launch import NodeLaunch
from runner.plan.plan import Plan
from runner.preflight.all_nodes import check_nodes
from runner.preflight.node_answer import NetworkInterface, NodeAnswer, NodeQuestions, Pong, decode_message
from runner.preflight.node_collector import ask_nodes
from runner.util.launcher_frames import Receiver, encode, frames_in, frames_of
from tests.support.machine_facts import flagship
from tests.support.paths import TESTS

TWO_NODES = TESTS / "support" / "programs" / "two_nodes.py"


def checks(model: Path, argv: list[str], run_dir: Path) -> dict[str, Check]:
    launch = NodeLaunch(
        launcher="openmpi", argv=argv, python=sys.executable, nodes=2, hosts=["node1", "node2"]
    )
    plan = Plan(engine="trtllm", profile="p", summary="", stages=[], nodes=launch)
    profile = flagship(f"model.dir={model}", f"launch.python={sys.executable}")
    return {check.name: check for check in check_nodes(profile, plan, run_dir)}


def test_two_processes_answer_as_two_nodes(tmp_path: Path) -> None:
    model, run_dir = tmp_path / "model", tmp_path / "run"
    model.mkdir()
    run_dir.mkdir()
    (model / "config.json").write_text("{}")
    found = checks(model, [sys.executable, str(TWO_NODES)], run_dir)
    assert found["nodes"].text.startswith("2 answered in ")
    assert found["nodes"].text.endswith(": node[1-2]")
    assert found["nodes: files"] == Check("nodes: files", "pass", f"{model}: 1 file equal")
    assert found["nodes: run folder"].text == "seen by node[1-2]"
    assert found["nodes: clocks"].verdict == "pass"
    assert "Python 3." in found["nodes: same"].text
    assert list(run_dir.iterdir()) == [], "the token is removed"


def test_a_launcher_that_ends_is_named_with_its_reason(tmp_path: Path) -> None:
    # The child that it leaves keeps its output open.
    lines = "sleep 1000 & echo 'ssh: connect to host node2 port 22: Connection refused' >&2; exit 255"
    found = checks(tmp_path, ["sh", "-c", lines], tmp_path)
    text = "0 of 2 nodes answered\nssh: connect to host node2 port 22: Connection refused"
    assert list(found.values()) == [Check("nodes", "fail", text, f"ssh node2 {sys.executable} --version")]


def test_a_launcher_that_prints_without_end_is_ended() -> None:
    argv = ["sh", "-c", "yes"]
    launch = NodeLaunch(launcher="openmpi", argv=argv, python="python3", nodes=2, hosts=["a", "b"])
    report = ask_nodes(launch, NodeQuestions(probe=[]), limit_s=1.1)
    assert (report.is_late, report.silent, report.lines[-1]) == (True, ("a", "b"), "y")


def test_nodes_of_a_job_are_not_known_before_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    launch = NodeLaunch(launcher="slurm", argv=["srun"], python="python3", nodes=4)
    job = JobRequest(mode="sbatch")
    plan = Plan(engine="trtllm", profile="p", summary="", stages=[], nodes=launch, job=job)
    text = "the job checks its 4 nodes before its first stage"
    assert check_nodes(flagship(), plan) == [Check("nodes", "pass", text)]
    alone = Plan(engine="trtllm", profile="p", summary="", stages=[])
    assert check_nodes(flagship(), alone) == []


def test_an_answer_survives_what_launchers_do_to_lines() -> None:
    many = [NetworkInterface(name=f"eth{number}", address="10.0.0.1") for number in range(32)]
    answer = NodeAnswer(node="nödé", boot_id="b", kernel="k", interfaces=many)
    lines = [encode(frame) for frame in frames_of("ab12cd34", 1, msgspec.json.encode(answer))]
    assert len(lines) > 1
    assert all(len(line) <= 900 for line in lines)
    receiver = Receiver()

    def read(line: bytes) -> list[NodeAnswer | Pong | None]:
        return [decode_message(one) for frame in frames_in(line) for one in receiver.take(frame)]

    damaged = [b"banner\n", lines[0][:-40], b"3: " + lines[1], *lines[2:]]
    assert [read(line) for line in damaged] == [[]] * len(damaged)
    assert read(b"[1,0]<stdout>: " + lines[0]) == [answer], "the lost line was sent again"
