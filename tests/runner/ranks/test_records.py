"""Records: one line, one write, never an exception, and nothing but the standard library."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runner.ranks.records import Recorder, die_with_parent
from tests.runner.ranks.support import python, read_records
from tests.support.paths import ROOT
from tests.support.patience import PATIENCE_S
from tests.support.runs import wait_for


def fill(recorder: Recorder, iterations: int = 3, label: str = "a device", *, prepares: bool = False) -> None:
    recorder.hello(world=8, device="cuda:7", label=label, versions={"NCCL": '2.21"\n.5'})
    if recorder.rank == 0:
        recorder.configuration(
            index=0, batch_size=4, input_len=64, output_len=24, num_runs=20, duration=60.0, warm_up=2
        )
    if prepares:
        recorder.preparation(config=0, step="tiles")
        recorder.preparation(config=0, step="ready", tiles_s=2.5, graphs_s=1.0, tiles="cached")
    for i in range(iterations):
        recorder.iteration(config=0, i=i, phase="timed", latency_ms=12.5, generation_ms=10.0, steps=23)
    if prepares:
        assert recorder.step_times(config=0, i=0, step_ms=[0.25] * 2000 + [0.75]) == 1001
    recorder.bye()


def test_file_of_a_rank(tmp_path: Path) -> None:
    fill(Recorder(0, str(tmp_path)), prepares=True)
    found = read_records(tmp_path, 0)
    before = ["hello", "configuration", "preparation", "preparation"]
    assert [record["kind"] for record in found] == [*before, *["iteration"] * 3, "step_times", "bye"]
    steps = found[-2]
    assert (steps["each"], steps["step_ms"][-1]) == (2, 0.75)
    assert (steps["slowest"], steps["slowest_ms"]) == (2000, 0.75)
    assert found[-1]["count"] == 5, "an earlier version, which skips preparations, misses none"
    assert found[0]["versions"] == {"NCCL": "2.21.5"}, "plain characters only"
    times = [record["t"] for record in found]
    assert times == sorted(times)
    assert all(record["rank"] == 0 for record in found)


def test_records_are_events_of_the_log(tmp_path: Path) -> None:
    events = pytest.importorskip("runner.events")
    recorder = Recorder(0, str(tmp_path))
    fill(recorder, prepares=True)
    recorder.memory(config=0, parts={"weights": 15 << 30, "nccl": 0})
    lines = [json.dumps({"stage": 0} | record) for record in read_records(tmp_path, 0)]
    kinds = [type(event).__name__ for event in events.decode_lines("\n".join(lines).encode())]
    before = ["Hello", "ConfigurationStarted", "Preparation", "Preparation"]
    assert kinds == [*before, *["Iteration"] * 3, "StepTimes", "Bye", "GpuMemory"]


def test_eight_ranks_one_write_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[bytes] = []
    real = os.write

    def spy(fd: int, data: bytes) -> int:
        writes.append(data)
        return real(fd, data)

    monkeypatch.setattr(os, "write", spy)
    folder = tmp_path / "records"
    folder.mkdir()
    for rank in range(8):
        fill(Recorder(rank, str(folder)))
    assert sorted(path.name for path in folder.iterdir()) == [f"{rank}.jsonl" for rank in range(8)]
    assert len(writes) == 8 * 5 + 1
    assert all(data.endswith(b"\n") and data.count(b"\n") == 1 for data in writes)


@pytest.mark.parametrize("directory", [None, ""])
def test_without_a_folder_nothing_is_recorded(
    directory: str | None, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cwd = tmp_path / "cwd"
    cwd.mkdir()
    monkeypatch.chdir(cwd)
    recorder = Recorder(0, directory)
    fill(recorder)
    assert recorder.count == 0
    assert capfd.readouterr().out == ""
    assert list(cwd.iterdir()) == []


@pytest.mark.parametrize(
    "label", ["NVIDIA H200", "é\n\x1b[31m\ud800\x1e" * 200, "汉" * 500, "\U0001f600" * 500]
)
def test_standard_output_where_the_folder_is_not_seen(
    label: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    fill(Recorder(3, str(tmp_path / "elsewhere")), label=label)
    lines = capfdbinary.readouterr().out.split(b"\n")
    assert lines.pop() == b""
    assert [json.loads(line[1:])["kind"] for line in lines] == ["hello", *["iteration"] * 3, "bye"]
    assert all(line.startswith(b"\x1e") and line.count(b"\x1e") == 1 and len(line) < 1000 for line in lines)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_full_disk_does_not_reach_the_program(tmp_path: Path) -> None:
    (tmp_path / "0.jsonl").symlink_to("/dev/full")
    recorder = Recorder(0, str(tmp_path))
    fill(recorder)
    assert (recorder.count, recorder.dropped) == (6, 6)


def test_lost_and_torn_records_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    calls = 0

    def filling_up(fd: int, data: bytes) -> int:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(errno.ENOSPC, "no space left on device")
        return real(fd, data[:10] if calls == 3 else data)

    monkeypatch.setattr(os, "write", filling_up)
    recorder = Recorder(1, str(tmp_path))
    fill(recorder)
    lines = (tmp_path / "1.jsonl").read_text().splitlines()
    assert [len(line) == 10 for line in lines] == [False, True, False, False]
    assert json.loads(lines[-1])["count"] == 4
    assert recorder.dropped == 2


def test_needs_only_the_standard_library() -> None:
    code = (
        "import sys; before = set(sys.modules); import runner.ranks.records;"
        "names = {name.split('.')[0] for name in set(sys.modules) - before} - {'runner'};"
        "print(sorted(names - sys.stdlib_module_names))"
    )
    done = python("-S", "-c", code, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's wish list is Linux's")
def test_dies_with_its_parent() -> None:
    child = "import runner.ranks.records as r, time; r.die_with_parent(); print(flush=True); time.sleep(3600)"
    parent = (
        "import subprocess, sys, os, signal;"
        f"c = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE);"
        "c.stdout.readline(); print(c.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    started = subprocess.Popen([sys.executable, "-c", parent], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    pid = int(started.stdout.readline())
    started.wait(timeout=PATIENCE_S)
    descriptor = Path(f"/proc/{pid}/stat")

    def gone() -> bool:
        return not descriptor.exists() or descriptor.read_text().rsplit(")", 1)[1].split()[0] == "Z"

    try:
        wait_for(gone, "the child to end with its parent")
    finally:
        if not gone():
            os.kill(pid, 9)


def test_elsewhere_than_linux_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "elsewhere")
    die_with_parent()
