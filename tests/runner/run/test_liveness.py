"""Whether a supervisor lives, and whose processes may be touched because of a directory."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runner.run import layout, liveness
from runner.run.liveness import Liveness
from runner.util import paths
from tests.support.runs import record, single

LONG_AGO = 1e9


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """A run whose recorded supervisor is alive, but holds no lock."""
    run_dir = record(paths.runs_dir() / "20260101T000000Z_program_0001", single("ok"), [])
    with subprocess.Popen(["sleep", "600"]) as process:
        liveness.write_owner(run_dir, liveness.owner_of(run_dir, process.pid))
        yield run_dir
        process.kill()


def change_owner(run_dir: Path, **changes: Any) -> None:
    owner = liveness.read_owner(run_dir)
    assert owner is not None
    liveness.write_owner(run_dir, msgspec.structs.replace(owner, **changes))


def test_a_recorded_process_is_alive_without_a_lock(run_dir: Path) -> None:
    (run_dir / layout.LOCK).unlink()
    assert liveness.check(run_dir) is Liveness.ALIVE
    assert not (run_dir / layout.LOCK).exists()


def test_a_reused_pid_is_not_the_supervisor(run_dir: Path) -> None:
    change_owner(run_dir, start_time=1)
    assert liveness.check(run_dir) is Liveness.KILLED


def test_the_holder_of_the_lock_is_alive(run_dir: Path) -> None:
    """The recorded process may be invisible from here."""
    change_owner(run_dir, start_time=1)
    lock = layout.try_lock(run_dir)
    assert lock is not None
    assert liveness.check(run_dir) is Liveness.ALIVE
    os.close(lock)


def test_a_renamed_machine_is_known_by_its_boot(run_dir: Path) -> None:
    change_owner(run_dir, host="an earlier name", start_time=1)
    assert liveness.check(run_dir) is Liveness.KILLED


def test_another_boot_of_the_same_host_is_a_restart(run_dir: Path) -> None:
    change_owner(run_dir, boot_id="another boot")
    assert liveness.check(run_dir) is Liveness.RESTARTED


@pytest.mark.parametrize(
    ("machine", "written", "found"),
    [
        ("this", LONG_AGO, Liveness.RESTARTED),
        ("this", time.time(), Liveness.ELSEWHERE),  # a clone of this machine, and a shared disk
        ("that", LONG_AGO, Liveness.ELSEWHERE),
        ("", LONG_AGO, Liveness.ELSEWHERE),
    ],
    ids=["restarted", "clone or shared disk", "another machine", "unknown machine"],
)
def test_a_new_name_after_a_restart_needs_an_old_log(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, machine: str, written: float, found: Liveness
) -> None:
    monkeypatch.setattr(liveness, "machine_id", lambda: "this")
    change_owner(run_dir, boot_id="another boot", host="an earlier name", machine=machine)
    os.utime(run_dir / layout.EVENTS, (written, written))
    assert liveness.check(run_dir) is found


def test_in_another_pid_namespace_only_the_lock_tells(run_dir: Path) -> None:
    change_owner(run_dir, pid_namespace=1)
    assert liveness.check(run_dir) is Liveness.KILLED
    (run_dir / layout.LOCK).unlink()
    assert liveness.check(run_dir) is Liveness.ALIVE


def test_only_the_directory_it_started_in_is_acted_on(run_dir: Path, tmp_path: Path) -> None:
    owner = liveness.read_owner(run_dir)
    assert owner is not None
    assert liveness.may_signal(run_dir, owner)
    assert liveness.signal_supervisor(run_dir, 0)
    outside = Path(shutil.copytree(run_dir, tmp_path / run_dir.name))
    inside = Path(shutil.copytree(run_dir, run_dir.with_name("20260101T000000Z_program_0002")))
    linked = run_dir.with_name("20260101T000000Z_program_0003")
    linked.symlink_to(outside)
    assert [liveness.may_change(path) for path in (run_dir, outside, inside, linked)] == [
        True,
        False,
        True,
        False,
    ]
    for copy in (outside, inside, linked):
        assert not liveness.may_signal(copy, owner)
        assert not liveness.signal_supervisor(copy, 0)
        assert liveness.unreachable_reason(copy) == f"this is a copy of {run_dir}; stop it there"


def test_a_directory_of_another_user_is_not_acted_on(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert not liveness.may_change(run_dir)
    assert not liveness.signal_supervisor(run_dir, 0)
    assert "is not ours to kill" in liveness.unreachable_reason(run_dir)


def test_no_process_signals_itself(run_dir: Path) -> None:
    liveness.claim(run_dir)
    assert not liveness.signal_supervisor(run_dir, 0)


@pytest.mark.parametrize("name", [layout.OWNER, layout.PLAN, layout.PROCESSES])
def test_a_link_to_a_record_elsewhere_is_not_acted_on(run_dir: Path, tmp_path: Path, name: str) -> None:
    (run_dir / name).touch()
    moved = (run_dir / name).rename(tmp_path / name)
    (run_dir / name).symlink_to(moved)
    assert not liveness.may_change(run_dir)


def test_a_stop_request_overwrites_no_file_behind_a_link(run_dir: Path, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("kept")
    (run_dir / layout.STOP).symlink_to(target)
    liveness.request_stop(run_dir, "a test")
    assert target.read_text() == "kept"
    assert layout.read_stop_request(run_dir) == "a test"
