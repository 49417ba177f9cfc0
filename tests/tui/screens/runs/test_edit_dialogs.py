"""What a person does with runs on their list: marks, tags, notes, names, deleting and taking it back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from runner.cli.places import RunsPlace
from runner.history import labels, trash
from runner.history.reader import read_entries
from tests.support import histories, world
from tests.support.histories import figure
from tests.support.world import RecordingApp, notifications, wait_until_idle, widget_text
from tui.app import TrtbenchApp
from tui.screens.dialogs.ask import AskScreen
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.runs.run_list import RunList
from tui.screens.runs.screen import RunsScreen
from tui.screens.runs.trash import TrashScreen

SIZE = (120, 40)


@pytest.fixture(autouse=True)
def three() -> list[Path]:
    return [histories.ended(letters, "qwen", ago=100.0 * number, figures=[figure()])
            for number, letters in enumerate(("aaaa", "bbbb", "cccc"), start=1)]  # fmt: skip


@pytest.fixture
def running() -> Iterator[Path]:
    run_dir, lock = world.create_active_run("7f3a", "quickstart", ago=10)
    yield run_dir
    os.close(lock)


def marks(pilot: Pilot[int]) -> list[str]:
    lines = widget_text(pilot.app.screen, "#run-list").splitlines()
    return [line.split()[-1] for line in lines if line.startswith("◆")]


def labelled() -> dict[str, labels.Label]:
    known = labels.Labels()
    known.read()
    return {run[-4:]: label for run, label in known.by_run.items()}


async def answer(pilot: Pilot[int], text: str) -> None:
    await wait_until_idle(pilot)
    assert isinstance(pilot.app.screen, AskScreen)
    pilot.app.screen.query_one(Input).value = text
    await wait_until_idle(pilot)
    await pilot.press("enter")
    await wait_until_idle(pilot)


async def test_marking_by_key_and_by_mouse() -> None:
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("space", "space")
        await wait_until_idle(pilot)
        assert marks(pilot) == ["aaaa", "bbbb"]
        assert widget_text(app.screen, "#header").split("runs")[1].strip().startswith("2 marked")
        await pilot.click("#run-list", offset=(0, 0))
        await pilot.click("#run-list", offset=(0, 2))
        await wait_until_idle(pilot)
        assert marks(pilot) == ["bbbb", "cccc"]
        assert app.went == []
        await pilot.press("escape")
        await wait_until_idle(pilot)
        assert marks(pilot) == []


@pytest.mark.parametrize("leave", ["tab", "click"])
async def test_a_filter_that_lost_the_focus_gets_it_back(leave: str) -> None:
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("slash", "q")
        await (pilot.press("tab") if leave == "tab" else pilot.click("#run-list", offset=(10, 0)))
        await pilot.press("slash", "w")
        await wait_until_idle(pilot)
        assert app.screen.query_one(Input).value == "qw"


async def test_escape_takes_the_filter_first_and_then_the_marks() -> None:
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("space", "slash", *"qwen", "enter", "escape")
        await wait_until_idle(pilot)
        assert marks(pilot) == ["aaaa"]
        await pilot.press("escape")
        await wait_until_idle(pilot)
        assert marks(pilot) == []


async def test_tags_of_one_run_are_edited_as_a_whole(three: list[Path]) -> None:
    labels.tag(three[0].name, ["old", "kept"])
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("t")
        await wait_until_idle(pilot)
        assert app.screen.query_one(Input).value == "kept old "
        await answer(pilot, "kept new, v1.2")
        assert labelled() == {"aaaa": labels.Label(tags=("kept", "new", "v1.2"))}
        assert "kept new v" in widget_text(app.screen, "#run-list").splitlines()[0]
        await pilot.press("t")
        await answer(pilot, "")
        assert labelled() == {}


async def test_tags_of_marked_runs_are_added_and_taken_off(three: list[Path]) -> None:
    labels.tag(three[0].name, ["old"])
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("space", "space", "t")
        await answer(pilot, "+good -old")
        assert {run: label.tags for run, label in labelled().items()} == {
            "aaaa": ("good",),
            "bbbb": ("good",),
        }


async def test_what_cannot_be_a_tag_is_told_and_not_taken() -> None:
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("t")
        await answer(pilot, "!!")
        assert isinstance(app.screen, AskScreen)
        assert "'!!' cannot be a tag" in widget_text(app.screen, "#verdict")
        await pilot.press("escape")
        await wait_until_idle(pilot)
        assert labelled() == {}


async def test_a_note_and_a_name() -> None:
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("E")
        await answer(pilot, "after the driver update")
        await pilot.press("e")
        await answer(pilot, "the good one")
        assert labelled()["aaaa"] == labels.Label("the good one", (), "after the driver update")
        assert "“the good one”" in widget_text(app.screen, "#run-list").splitlines()[0]
        assert "after the driver update" in widget_text(app.screen, "#run-detail")
        await pilot.press("f2")
        await answer(pilot, "x" * 81)
        assert "at most 80 characters" in widget_text(app.screen, "#verdict")


async def test_labels_that_cannot_be_written_are_told(home: Path) -> None:
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        (home / "state" / "labels.jsonl").mkdir()
        for key in ("t", "E", "e"):
            await pilot.press(key)
            await answer(pilot, "x")
        assert len(notifications(pilot)) == 3
        assert "cannot write the labels" in notifications(pilot)[0]


@pytest.mark.parametrize("key", ["D", "delete"])
async def test_deleting_asks_first_and_is_taken_back(key: str, three: list[Path]) -> None:
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("ctrl+z", "down")
        for answer_key, left in (("n", 3), ("escape", 3), ("y", 2)):
            await pilot.press(key)
            await wait_until_idle(pilot)
            assert isinstance(app.screen, ConfirmScreen)
            await pilot.press(answer_key)
            await wait_until_idle(pilot)
            assert app.screen.query_one(RunList).items == left
        current = app.screen.query_one(RunList).current
        assert current is not None
        assert current.run == three[2].name, "the cursor stays where the deleted run was"
        assert notifications(pilot) == ["1 run moved to the trash; u restores"]
        await pilot.press("ctrl+z")
        await wait_until_idle(pilot)
        assert app.screen.query_one(RunList).items == 3
        assert three[1].is_dir()


async def test_all_marked_runs_are_deleted_together() -> None:
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("space", "down", "space", "D", "y")
        await wait_until_idle(pilot)
        assert [entry.run[-4:] for entry in app.screen.query_one(RunList).entries] == ["bbbb"]
        assert "marked" not in widget_text(app.screen, "#header")


async def test_a_run_under_way_is_not_deleted(running: Path) -> None:
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("home", "D")
        await wait_until_idle(pilot)
        assert isinstance(app.screen, RunsScreen)
        assert notifications(pilot) == ["quickstart is running and cannot be deleted; stop it first (x)"]
        assert running.is_dir()


async def test_a_run_that_came_back_by_itself_is_not_restored_over_it(three: list[Path]) -> None:
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("D", "y")
        await wait_until_idle(pilot)
        three[0].mkdir()
        await pilot.press("ctrl+z")
        await wait_until_idle(pilot)
        assert "already exists" in notifications(pilot)[-1]


async def test_the_trash_restores_and_empties(three: list[Path]) -> None:
    trash.delete(three[:2])
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("B")
        await wait_until_idle(pilot)
        assert isinstance(app.screen, TrashScreen)
        assert "2 runs" in widget_text(app.screen, "#trash-keys")
        await pilot.press("enter")
        await wait_until_idle(pilot)
        assert len(trash.list_trash()) == 1
        await pilot.press("D", "n", "D", "y")
        await wait_until_idle(pilot)
        assert trash.list_trash() == []
        assert "the trash is empty" in widget_text(app.screen, "#deleted")
        await pilot.press("enter", "D", "escape")
        await wait_until_idle(pilot)
        assert len(read_entries()) == app.screen.query_one(RunList).items == 2


async def test_a_double_click_restores() -> None:
    trash.delete([entry.run_dir for entry in read_entries()[:1]])
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("B")
        await wait_until_idle(pilot)
        await pilot.click("#deleted", offset=(5, 0), times=2)
        await wait_until_idle(pilot)
        assert trash.list_trash() == []


async def test_keys_do_nothing_where_there_is_no_run(three: list[Path]) -> None:
    trash.delete(three)
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("space", "t", "E", "e", "D", "x", "enter", "s", "S", "v", "u")
        await wait_until_idle(pilot)
        assert isinstance(app.screen, RunsScreen)
        assert "no runs yet" in widget_text(app.screen, "#run-list")


@pytest.mark.parametrize("keys", [("t",), ("B",)], ids=["tags", "trash"])
@pytest.mark.parametrize("size", world.SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture_of_a_dialog(
    snap_compare: Callable[..., bool], keys: tuple[str, ...], size: tuple[int, int],
    three: list[Path], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    labels.tag(three[1].name, ["good", "v0.16"])
    monkeypatch.setattr("runner.history.reader.disk_use", lambda path: 28 << 10)
    monkeypatch.setattr("tui.screens.runs.trash.disk_use", lambda path: 28 << 10)
    monkeypatch.setattr("runner.history.trash.time.time", lambda: world.NOW - 7000)
    trash.delete(three[:1])

    async def look(pilot: Pilot[int]) -> None:
        await wait_until_idle(pilot)
        await pilot.press(*keys)
        await wait_until_idle(pilot)

    assert snap_compare(TrtbenchApp(RunsPlace()), terminal_size=size, run_before=look)
