"""Locks between users, in a directory where any of them may have put anything."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

import pytest

from runner.util import machine_lock
from runner.util.machine_lock import Busy, Lock, LockError, find_directory, take

NAME = "trtbench-gpu-0.lock"
OTHER_USER = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return find_directory(str(tmp_path / "place"))


def taken(place: Path, holder: str = "mine") -> Lock:
    lock = take(place, NAME, holder)
    assert isinstance(lock, Lock)
    return lock


def test_a_lock_has_one_holder_and_leaves_no_file(place: Path) -> None:
    lock = taken(place, "first")
    assert take(place, NAME, "second") == Busy("first")
    lock.release()
    assert list(place.iterdir()) == []
    taken(place, "second").release()


def test_all_users_can_read_a_lock_whatever_the_umask(place: Path) -> None:
    before = os.umask(0o077)
    try:
        lock = taken(place)
    finally:
        os.umask(before)
    assert stat.S_IMODE(lock.path.stat().st_mode) == 0o644
    lock.release()


def test_a_link_is_refused_and_its_target_unchanged(place: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (place / NAME).symlink_to(victim)
    with pytest.raises(LockError, match="is a link"):
        take(place, NAME, "mine")
    assert victim.read_text() == "precious"


def test_a_hard_link_leads_to_no_change_of_its_file(place: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    os.link(victim, place / NAME)
    taken(place).release()
    assert victim.read_text() == "precious"


def test_a_pipe_is_refused_at_once(place: Path) -> None:
    os.mkfifo(place / NAME)
    with pytest.raises(LockError, match="not a regular file"):
        take(place, NAME, "mine")


def test_the_file_of_a_killed_holder_is_replaced(place: Path) -> None:
    (place / NAME).write_text(f"killed {os.getpid()} 1\n")
    lock = taken(place, "next")
    assert lock.path.read_text().startswith("next ")
    lock.release()


@pytest.mark.parametrize(
    "content",
    ["x" * 100_000, "a\x1b]52;c;aGk=\x07 1 1\n", f"name {os.getpid()} 1\n", ""],
    ids=["long", "escape sequence", "another start time", "empty"],
)
def test_a_holder_without_a_valid_name_is_a_process(place: Path, content: str) -> None:
    path = place / NAME
    path.write_text(content)
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert take(place, NAME, "mine") == Busy(f"process {os.getpid()} of user {os.geteuid()}")
    assert path.read_text() == content


def test_a_lock_gained_on_a_removed_file_does_not_count(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = taken(place, "first")
    opened = os.open

    def slow_open(path: Path, flags: int, mode: int = 0o777) -> int:
        """Open, then let the first holder release and another process take the lock."""
        file = opened(path, flags, mode)
        monkeypatch.undo()
        first.release()
        assert isinstance(take(place, NAME, "second"), Lock)
        return file

    monkeypatch.setattr(os, "open", slow_open)
    assert take(place, NAME, "third") == Busy("second")


@as_root
def test_the_unreadable_file_of_another_user_is_told(place: Path) -> None:
    (place / NAME).touch(0o600)
    assert in_child_of_other_user(place) == f"{NAME}: Permission denied"


@as_root
def test_the_left_file_of_another_user_is_locked(place: Path) -> None:
    (place / NAME).write_text("killed 1 1\n")
    (place / NAME).chmod(0o644)
    assert in_child_of_other_user(place) == "locked"
    assert (place / NAME).read_text() == "killed 1 1\n"


def in_child_of_other_user(place: Path) -> str:
    """Take the lock as another user; return `locked`, the holder, or why it is unavailable."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.chdir(place)  # the folders above it are closed to other users
        os.setresuid(OTHER_USER, OTHER_USER, OTHER_USER)
        try:
            lock = take(Path(), NAME, "theirs")
            answer = "locked" if isinstance(lock, Lock) else lock.holder
        except LockError as problem:
            answer = str(problem)
        os.write(writer, answer.encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with open(reader, "rb") as file:
        return file.read().decode()


class TestDirectory:
    def test_it_does_not_depend_on_the_temporary_folder(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before = find_directory(None)
        monkeypatch.setenv("TMPDIR", "/elsewhere")
        assert find_directory(None) == before
        assert before.stat().st_uid == 0
        assert before.stat().st_mode & 0o1777 == 0o1777

    def test_one_that_others_can_change_is_refused(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o777)
        with pytest.raises(LockError, match="can be changed by other users"):
            find_directory(str(tmp_path))

    @as_root
    def test_one_of_another_user_is_refused(self, tmp_path: Path) -> None:
        os.chown(tmp_path, OTHER_USER, -1)
        with pytest.raises(LockError, match="belongs to another user"):
            find_directory(str(tmp_path))

    def test_the_first_safe_place_is_used(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        tmp_path.chmod(0o777)
        monkeypatch.setattr(machine_lock, "PLACES", (str(tmp_path / "absent"), str(tmp_path), "/tmp"))
        assert find_directory(None) == Path("/tmp")

    def test_without_a_safe_place_there_is_a_reason(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(machine_lock, "PLACES", ("/absent",))
        with pytest.raises(LockError, match="none of /absent"):
            find_directory(None)
