"""A run directory whose file system goes away and comes back."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.run import liveness
from runner.supervision.directory_watch import AWAY_S, DirectoryWatch
from runner.supervision.run_log import RunLog
from tests.support.runs import single, start, state_of, wait_for, wait_until_ended


def test_away_is_not_deleted_and_ends_after_a_limit(tmp_path: Path) -> None:
    said: list[str] = []
    run_dir = tmp_path / "runs" / "one"
    run_dir.mkdir(parents=True)
    watch = DirectoryWatch(run_dir, said.append)
    assert watch.check(0.0) == ""
    (tmp_path / "runs").rename(tmp_path / "elsewhere")
    assert [watch.check(float(now)) for now in (10, 20)] == ["", ""]
    (tmp_path / "elsewhere").rename(tmp_path / "runs")
    assert watch.check(70.0) == ""
    assert [line.partition(":")[0] for line in said] == [
        "the file system of the run directory is away",
        "the file system of the run directory is back after 60 s",
    ]
    (tmp_path / "runs").rename(tmp_path / "elsewhere")
    assert watch.check(80.0) == ""
    assert watch.check(81.0 + AWAY_S) == "the file system of the run directory was away for 300 s"
    (tmp_path / "elsewhere").rename(tmp_path / "runs")
    assert watch.check(500.0) == ""
    run_dir.rmdir()
    assert watch.check(501.0) == "the run directory was deleted"


def test_sigterm_ends_a_run_whose_home_was_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks like a file system that is away, for which the end of a run waits for minutes."""
    run_dir, paused = tmp_path / "home" / "runs" / "one", []
    run_dir.mkdir(parents=True)
    log = RunLog(run_dir, single("ok"))
    shutil.rmtree(tmp_path / "home")

    def pause(seconds: float) -> None:
        paused.append(seconds)
        assert sum(paused) < 10

    monkeypatch.setattr(time, "sleep", pause)
    log.must_end_soon = True
    log.close("stopped")
    assert paused


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[list[str], list[str]]]:
    """Commands that mount and unmount the file system with all runs, which is mounted."""
    content, place = tmp_path / "content", tmp_path / "place"
    content.mkdir()
    place.mkdir()
    mount = ["mount", "--bind", str(content), str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount")
    monkeypatch.setenv("TRTBENCH_HOME", str(place / "home"))
    unmount = ["umount", "-l", str(place)]
    yield mount, unmount
    subprocess.run(unmount, check=True)


def test_a_run_continues_when_its_file_system_is_back(shared: tuple[list[str], list[str]]) -> None:
    mount, unmount = shared
    run_dir = start(single("slow"))
    wait_for(lambda: bool(state_of(run_dir).configurations), "the first configuration")
    subprocess.run(unmount, check=True)
    try:
        still = Path(mount[2], run_dir.relative_to(mount[3]))  # an open file is still written there
        wait_for(lambda: bool(state_of(still).notices), "the first note")
    finally:
        subprocess.run(mount, check=True)
    wait_for(lambda: len(state_of(run_dir).notices) == 2, "both notes")
    assert state_of(run_dir).running
    liveness.request_stop(run_dir, "a test")
    assert wait_until_ended(run_dir).status == "stopped"
