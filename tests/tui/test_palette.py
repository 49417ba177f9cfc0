"""The command palette says what the keys say, and only what can be done now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from textual.command import CommandPalette
from textual.pilot import Pilot

from runner.cli.places import HomePlace, LivePlace, ResultPlace, RunsPlace
from tests.support import recorded_runs, world
from tests.support.recorder import Recorder
from tests.support.world import wait_until_idle
from tui.app import TrtbenchApp
from tui.framework.screen import KeyedScreen
from tui.palette import palette_commands
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.help import HelpScreen
from tui.screens.home.form import drafts_of
from tui.screens.registry import SCREENS, keys_of
from tui.targets import matching, read_targets


def names(app: TrtbenchApp) -> list[str]:
    return [command.name for command in palette_commands(app.screen)]


def live(run: Recorder, root: Path) -> TrtbenchApp:
    return TrtbenchApp(LivePlace(run.feed(root)))


def test_every_name_says_which_area_it_belongs_to() -> None:
    areas = {
        key.palette_name.partition(": ")[0] for name in SCREENS for key in keys_of(name) if key.palette_name
    }
    assert areas <= {"run", "edit", "view", "go", "help"}


async def test_only_what_can_be_done_is_offered(tmp_path: Path) -> None:
    async with (app := live(recorded_runs.under_way(), tmp_path / "a")).run_test() as pilot:
        await pilot.pause()
        assert "run: stop" in names(app)
        assert "go: result" not in names(app)
        assert "view: GPUs" not in names(app)
    async with (app := live(recorded_runs.finished(), tmp_path / "b")).run_test() as pilot:
        await pilot.pause()
        assert "run: stop" not in names(app)
        assert "go: result" in names(app)


async def test_what_the_footer_shows_is_in_the_palette(tmp_path: Path) -> None:
    async with (
        app := TrtbenchApp(ResultPlace(recorded_runs.finished().write(tmp_path)))
    ).run_test() as pilot:
        await pilot.pause()
        assert isinstance(app.screen, KeyedScreen)
        offered = names(app)
        for key in app.screen.active_keys():
            assert not key.label or key.palette_name in offered or key.action == "app.command_palette"


async def test_typing_a_name_and_enter_does_it(tmp_path: Path) -> None:
    async with (app := live(recorded_runs.under_way(), tmp_path)).run_test(size=(100, 30)) as pilot:
        await chosen(pilot, "run stop")
        assert isinstance(app.screen, ConfirmScreen)


async def test_choosing_a_theme(tmp_path: Path) -> None:
    async with (app := live(recorded_runs.under_way(), tmp_path)).run_test(size=(100, 30)) as pilot:
        await chosen(pilot, "theme light")
        assert app.theme == "light"


async def test_going_elsewhere(tmp_path: Path) -> None:
    async with (app := live(recorded_runs.under_way(), tmp_path)).run_test(size=(100, 30)) as pilot:
        await chosen(pilot, "go runs")
        assert app.place == RunsPlace()


async def test_a_run_and_a_profile_are_found_by_name(tmp_path: Path) -> None:
    run_dir = world.create_ended_run("fa57", "qwen", "finished", ago=180)
    async with (app := live(recorded_runs.under_way(), tmp_path)).run_test(size=(100, 30)) as pilot:
        await chosen(pilot, "qwen fa57", by="colon")
        assert [app.place] == [ResultPlace(run_dir)]
        await chosen(pilot, "profile quickstart-sweep", by="colon")
        await wait_until_idle(pilot)
        assert app.place == HomePlace()
        await chosen(pilot, "profile quickstart")
        await wait_until_idle(pilot)
        assert drafts_of(app).chosen == "quickstart", "the item that the list shows"


def test_runs_are_found_by_all_words_newest_first() -> None:
    world.create_ended_run("aaaa", "qwen", "failed", ago=60)
    world.create_ended_run("bbbb", "qwen", "finished", ago=180)
    targets = read_targets(("draft",), world.NOW)
    assert [target.name[-9:] for target in matching(targets, "qwen run")] == ["aaaa qwen", "bbbb qwen"]
    assert [target.name for target in matching(targets, "QWEN finished")] == ["go: run bbbb qwen"]
    assert [target.profile for target in matching(targets, "draft")] == ["draft"]


async def test_in_a_dialog_only_the_colours_change(tmp_path: Path) -> None:
    async with (app := live(recorded_runs.under_way(), tmp_path)).run_test() as pilot:
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        assert {name.partition(":")[0] for name in names(app)} == {"theme"}


async def test_escape_closes_it_again(tmp_path: Path) -> None:
    async with (app := live(recorded_runs.under_way(), tmp_path)).run_test() as pilot:
        await pilot.press("ctrl+p")
        assert isinstance(app.screen, CommandPalette)
        await pilot.press("escape", "escape")
        assert not isinstance(app.screen, CommandPalette)


async def chosen(pilot: Pilot[int], words: str, by: str = "ctrl+p") -> None:
    """Open the palette, type, take the first that fits."""
    await pilot.press(by, *("space" if letter == " " else letter for letter in words))
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    await pilot.press("enter")
    await pilot.pause()
    await pilot.pause()


def test_a_start_does_not_load_it() -> None:
    script = "import sys, tui.app, tui.screens.home.screen; print('tui.palette' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"
