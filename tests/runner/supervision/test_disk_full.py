"""A real full disk: the run directory on a small tmpfs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.history.reports import load_report
from runner.run import layout, liveness
from runner.state.run import RunState
from tests.support.runs import plan_of, single, start, state_of, wait_for, wait_until_ended

SIZE = 4 << 20


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file system of 4 MiB that holds all runs."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a small tmpfs")
    monkeypatch.setenv("TRTBENCH_HOME", str(disk))
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Take every byte that is left."""
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        for block in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"x" * block)
            except OSError:
                continue
    return filler


def full_notices(state: RunState) -> list[str]:
    return [notice.text for notice in state.notices if "run directory is full" in notice.text]


def test_a_full_disk_is_the_cause_and_the_log_is_complete(small_disk: Path) -> None:
    run_dir = start(single("slow"))
    wait_for(lambda: bool(state_of(run_dir).configurations), "the first configuration")

    filler = fill(small_disk)
    # The room for this notice comes from the ballast.
    wait_for(lambda: bool(full_notices(state_of(run_dir))), "the notice")
    assert state_of(run_dir).running, "supervision continues"
    liveness.request_stop(run_dir, "a test")
    state = wait_until_ended(run_dir)

    assert state.status == "stopped"
    assert len(full_notices(state)) == 1
    assert load_report(run_dir).status == "stopped"
    for line in (run_dir / layout.EVENTS).read_bytes().splitlines():
        assert line.startswith(b'{"kind":')
        assert line.endswith(b"}")
    filler.unlink()


def test_a_program_that_dies_of_a_full_disk_names_it(small_disk: Path) -> None:
    maps = "import mmap, sys; f = open(sys.argv[1], 'wb+'); f.truncate(8 << 20); m = mmap.mmap(f.fileno(), 0)"
    program = f"{maps}; [m.__setitem__(at, 1) for at in range(0, 8 << 20, 4096)]"
    run_dir = start(plan_of([sys.executable, "-c", program, str(small_disk / "output")]))
    failure = wait_until_ended(run_dir).failure
    assert failure is not None
    assert failure.cause == "the disk of the run directory was full: the program crashed: Bus error"


def test_room_that_comes_back_loses_nothing(small_disk: Path) -> None:
    run_dir = start(single("short"))
    wait_for(lambda: bool(state_of(run_dir).configurations), "the first configuration")
    filler = fill(small_disk)
    filler.unlink()
    state = wait_until_ended(run_dir)
    assert state.lost_events == 0
