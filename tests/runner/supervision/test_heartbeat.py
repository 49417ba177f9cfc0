"""Signs of life of a silent stage."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from runner.supervision.heartbeat import HeartbeatMonitor, size_of
from runner.util import processes

S = 1_000_000_000


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> dict[processes.ProcessIdentity, int]:
    """Processor time of two processes, in ticks."""
    ticks = {(1, 1): 100, (2, 1): 50}
    monkeypatch.setattr(processes, "cpu_ticks", lambda _: dict(ticks))
    return ticks


def test_a_stage_that_speaks_has_no_heartbeat(ticks: dict[processes.ProcessIdentity, int]) -> None:
    heartbeat = HeartbeatMonitor(0, "")
    assert [heartbeat.beat(second * S, position=second, members=[]) for second in range(20)] == [None] * 20


def test_silence_is_counted_from_the_last_word(ticks: dict[processes.ProcessIdentity, int]) -> None:
    heartbeat = HeartbeatMonitor(0, "")
    heartbeat.beat(10 * S, 7, [])
    assert heartbeat.beat(14 * S, 7, []) is None
    first = heartbeat.beat(15 * S, 7, [])
    second = heartbeat.beat(20 * S, 7, [])
    assert first is not None
    assert second is not None
    assert (first.silent_s, second.silent_s) == (5.0, 10.0)


def test_processor_time_is_that_of_the_whole_tree(ticks: dict[processes.ProcessIdentity, int]) -> None:
    heartbeat = HeartbeatMonitor(0, "")
    heartbeat.beat(10 * S, 7, [])
    per_second = os.sysconf("SC_CLK_TCK")
    ticks[(1, 1)] += 5 * per_second
    ticks[(3, 9)] = 5 * per_second  # started since
    beat = heartbeat.beat(15 * S, 7, [])
    assert beat is not None
    assert beat.cpu_percent == pytest.approx(200.0)
    assert beat.processes == 3


def test_a_growing_output_is_measured(tmp_path: Path, ticks: dict[processes.ProcessIdentity, int]) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "rank0.engine").write_bytes(b"x" * 1000)
    (tmp_path / "deep" / "more").write_bytes(b"x" * 24)
    heartbeat = HeartbeatMonitor(0, str(tmp_path))
    heartbeat.beat(10 * S, 7, [])
    beat = heartbeat.beat(15 * S, 7, [])
    assert beat is not None
    assert beat.output_bytes == 1024


def test_a_directory_that_is_not_there_yet_has_no_size(tmp_path: Path) -> None:
    assert size_of(tmp_path / "later") == 0


def test_the_processes_of_the_ranks_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "cpu_ticks", lambda members: dict.fromkeys(members, 100))
    monkeypatch.setattr(processes, "states", lambda pids: dict.fromkeys(pids, "S"))
    monkeypatch.setattr(processes, "innermost_pid", lambda pid: pid - 1000)
    heartbeat = HeartbeatMonitor(0, "")
    heartbeat.beat(10 * S, 7, [(1010, 1)])
    # Rank 0 calls itself 11 in its container, rank 1 is no longer there, rank 2 runs outside of one.
    beat = heartbeat.beat(15 * S, 7, [(1011, 1), (1012, 1)], {0: 11, 1: 13, 2: 1012})
    assert beat is not None
    assert [(process.rank, process.state) for process in beat.ranks] == [(0, "S"), (1, "-"), (2, "S")]


def test_ranks_of_another_machine_are_not_said_to_be_gone() -> None:
    heartbeat = HeartbeatMonitor(0, "")
    heartbeat.beat(10 * S, 7, [])
    beat = heartbeat.beat(15 * S, 7, [(os.getpid(), processes.start_time(os.getpid()) or 0)], {0: 1 << 22})
    assert beat is not None
    assert beat.ranks == ()


def test_a_real_process_sleeps_in_its_own_namespace() -> None:
    child = subprocess.Popen(["sleep", "30"])
    try:
        assert processes.states([child.pid])[child.pid] in ("S", "R", "D")
        assert processes.innermost_pid(child.pid) == child.pid
    finally:
        child.kill()
        child.wait()
