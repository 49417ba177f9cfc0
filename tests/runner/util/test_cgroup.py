"""Control groups of runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.util import cgroup
from runner.util.cgroup import Cgroup
from tests.support.runs import wait_for

RUN = f"test-{os.getpid()}"
possible = pytest.mark.skipif(not cgroup.is_possible(), reason="this user may not create control groups")


@pytest.fixture
def group() -> Iterator[Cgroup]:
    group = cgroup.create(RUN)
    assert group is not None
    yield group
    group.kill()
    wait_for(lambda: not group.pids(), "the processes to end")
    group.remove()
    assert not group.path.exists()


@possible
def test_it_ends_processes_that_left_their_session(group: Cgroup) -> None:
    child = subprocess.Popen(["setsid", "--fork", "sleep", "603"], env={}, preexec_fn=group.join)
    child.wait()
    wait_for(lambda: len(group.pids()) == 1, "the process that was left")
    group.kill()
    wait_for(lambda: not group.pids(), "its end")


@possible
def test_a_recorded_group_is_found_by_its_run_only(group: Cgroup) -> None:
    assert cgroup.find(str(group.path), RUN) == group
    assert cgroup.find(str(group.path), "other") is None
    assert cgroup.find(f"{group.path.parent}/x/../{group.path.name}", RUN) is None


def test_a_directory_elsewhere_is_no_group(tmp_path: Path) -> None:
    path = tmp_path / f"{cgroup.PREFIX}{RUN}"
    path.mkdir()
    (path / "cgroup.kill").write_text("precious")
    assert cgroup.find(str(path), RUN) is None


@pytest.mark.parametrize(
    ("own", "mounts", "expected"),
    [
        ("0::/user.slice/a b\n", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "user.slice/a b"),
        ("4:cpu:/x\n0::/docker/1/sub\n", "30 23 0:26 /docker/1 /sys/fs/cgroup rw - cgroup2 none rw\n", "sub"),
        ("0::/\n", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "."),
        ("0::/../other\n", "30 23 0:26 /docker /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", None),
        ("4:cpu:/x\n", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", None),
    ],
)
def test_own_group_is_found_below_its_mount(
    own: str, mounts: str, expected: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in (("_OWN", own), ("_MOUNTS", mounts)):
        (tmp_path / name).write_text(content)
        monkeypatch.setattr(cgroup, name, tmp_path / name)
    assert cgroup._own_directory() == (None if expected is None else Path("/sys/fs/cgroup", expected))
