"""Deleting runs, taking it back, and removing them for good."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from runner.history import labels, trash
from runner.history.labels import Label
from runner.history.reader import read_entries
from runner.run import layout, liveness
from runner.util import paths
from runner.util.errors import UserError
from tests.support.histories import ended, figure
from tests.support.runs import single, start, wait_until_ended


def listed() -> list[str]:
    return [row.run for row in read_entries()]


def test_a_deleted_run_is_in_no_list_and_comes_back_as_it_was() -> None:
    run_dir = ended(figures=[figure()])
    labels.tag(run_dir.name, ["good"])
    before = read_entries()
    content = sorted((path.name, path.read_bytes()) for path in run_dir.iterdir() if path.is_file())

    (trashed,) = trash.delete([run_dir])

    assert listed() == []
    assert layout.list_runs() == []
    assert [found.run for found in trash.list_trash()] == [run_dir.name]
    assert abs(trash.list_trash()[0].deleted - trashed.deleted) <= 1
    assert trash.restore(trash.find_trashed("last")) == run_dir
    assert read_entries() == before
    assert sorted((path.name, path.read_bytes()) for path in run_dir.iterdir() if path.is_file()) == content
    assert trash.list_trash() == []
    assert list(paths.trash_dir().iterdir()) == []


def test_an_active_run_stops_the_deletion_of_all() -> None:
    over = ended()
    running = start(single("slow"))
    with pytest.raises(UserError, match=r"is running \(\w+\) and cannot be deleted\n`trtbench-tui stop"):
        trash.delete([over, running])
    assert set(listed()) == {over.name, running.name}
    liveness.request_stop(running, "a test")
    wait_until_ended(running)
    assert len(trash.delete([over, running])) == 2


def test_all_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = ended("0001", ago=20), ended("0002", ago=10)
    rename = os.rename

    def refuse_second(source: Path, target: Path) -> None:
        if Path(source).name == second.name:
            raise OSError(13, "Permission denied")
        rename(source, target)

    monkeypatch.setattr("os.rename", refuse_second)
    with pytest.raises(UserError, match="cannot be moved to the trash: Permission denied"):
        trash.delete([first, second])
    assert set(listed()) == {first.name, second.name}


def test_what_cannot_be_moved_back_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = ended("0001", ago=20), ended("0002", ago=10)
    rename = os.rename

    def only_the_first(source: Path, target: Path) -> None:
        if Path(source) != first:
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr("os.rename", only_the_first)
    with pytest.raises(UserError, match=f"Input/output error; already moved, .*: {first.name}$"):
        trash.delete([first, second])
    assert [found.run for found in trash.list_trash()] == [first.name]


def test_an_empty_name_brings_nothing_back() -> None:
    trash.delete([ended()])
    with pytest.raises(UserError, match="there is no run '' in the trash"):
        trash.find_trashed("")


def test_what_is_no_run_can_be_deleted_too() -> None:
    odd = paths.runs_dir() / "notes"
    odd.mkdir(parents=True)
    trash.delete([odd])
    assert listed() == []


def test_what_lies_elsewhere_is_left_alone(tmp_path: Path) -> None:
    run_dir = ended()
    moved = run_dir.rename(tmp_path / run_dir.name)
    with pytest.raises(UserError, match="only runs of the history can be deleted"):
        trash.delete([moved])
    with pytest.raises(UserError, match=r"the run '.*' does not exist any more"):
        trash.delete([run_dir])


def test_a_run_is_not_restored_over_another() -> None:
    run_dir = ended()
    trash.delete([run_dir])
    ended()
    with pytest.raises(UserError, match="already exists; the deleted run stays in the trash"):
        trash.restore(trash.find_trashed("0001"))
    assert len(trash.list_trash()) == 1


def test_finding_in_the_trash() -> None:
    trash.delete([ended("0001", "a", ago=20), ended("0002", "a", ago=10)])
    assert trash.find_trashed("0001").run.endswith("_a_0001")
    with pytest.raises(UserError, match="there is no run 'nope' in the trash"):
        trash.find_trashed("nope")
    with pytest.raises(UserError, match="'_a_' matches 2 deleted runs: "):
        trash.find_trashed("_a_")


def test_emptying_forgets_labels_except_of_a_restored_run() -> None:
    gone, again = ended("0001", ago=20), ended("0002", ago=10)
    labels.tag(gone.name, ["a"])
    labels.tag(again.name, ["b"])
    trash.delete([gone, again])
    ended("0002", ago=10)
    assert trash.empty(trash.list_trash()) == (2, [])
    assert trash.list_trash() == []
    assert labels.label_of(gone.name) == Label()
    assert labels.label_of(again.name).tags == ("b",)


def test_what_cannot_be_removed_is_told_and_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    trash.delete([ended("0001", ago=20), ended("0002", ago=10)])
    remove = shutil.rmtree

    def refuse(path: Path) -> None:
        if path.name.endswith("0001"):
            raise PermissionError(13, "Permission denied", str(path))
        remove(path)

    monkeypatch.setattr("shutil.rmtree", refuse)
    gone, problems = trash.empty(trash.list_trash())
    assert gone == 1
    assert problems[0].endswith("_0001: Permission denied")
    assert [found.run[-4:] for found in trash.list_trash()] == ["0001"]
