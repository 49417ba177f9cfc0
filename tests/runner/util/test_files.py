"""Files that are written whole or not at all, and exports to what is no file."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from runner.export.destination import open_output
from runner.util.files import atomic_writer, make_folders, open_append, write_atomically, write_new


def test_full_disk_leaves_only_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    path = tmp_path / "run" / "report.json"
    write_atomically(path, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_nothing_is_seen_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    with atomic_writer(path) as file:
        file.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"


def test_what_is_for_its_owner_alone_is_so_from_the_start(tmp_path: Path) -> None:
    write_atomically(tmp_path / "profile.yaml", b"", mode=0o600)
    assert stat.S_IMODE((tmp_path / "profile.yaml").stat().st_mode) == 0o600


def test_a_link_is_written_through(tmp_path: Path) -> None:
    """Settings and profiles may be kept in a repository of dotfiles."""
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "config").mkdir()
    kept, link = tmp_path / "dotfiles" / "settings.yaml", tmp_path / "config" / "settings.yaml"
    link.symlink_to("../dotfiles/settings.yaml")
    for content in (b"new, where the link led nowhere", b"changed"):
        write_atomically(link, content)
        assert link.is_symlink()
        assert kept.read_bytes() == content
    assert [path.name for path in (*kept.parent.iterdir(), *link.parent.iterdir())] == ["settings.yaml"] * 2


def test_permissions_stay_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.touch()
    path.chmod(0o640)
    write_atomically(path, b"new", mode=0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_an_export_into_a_pipe_is_written_to_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with open_output(pipe) as out:
        out.write(b"table")
    reader.join(10)
    assert read == [b"table"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_permissions_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make_folders(tmp_path / "a" / "b")
        write_atomically(tmp_path / "a" / "x", b"")
        write_new(tmp_path / "a" / "y", b"", 0o600)
        open_append(tmp_path / "a" / "z").close()
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a").rglob("*")}
    assert modes == {"b": 0o755, "x": 0o644, "y": 0o600, "z": 0o644}
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o755


def test_two_threads_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "run" / "report.json"
    path.parent.mkdir()
    with atomic_writer(path) as outer:
        outer.write(b"first")
        inner = threading.Thread(target=write_atomically, args=(path, b"second"))
        inner.start()
        inner.join()
        assert path.read_bytes() == b"second"
    assert path.read_bytes() == b"first"
    assert list(path.parent.iterdir()) == [path]
