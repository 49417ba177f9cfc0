"""The options of the home screen: every mistake a user can make, and that none of them loses anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from runner.cli.places import HomePlace
from runner.engines.torch.profile import TorchProfile
from runner.profile import store as profile_store
from tests.support import world
from tests.support.keyboard import press_at_once
from tests.support.world import RecordingApp, notifications, wait_until_idle, widget_text
from tests.tui.screens.home.support import SIZE, chosen, form_of, go_to, type_into, value
from tui.app import TrtbenchApp
from tui.screens.home.form import drafts_of
from tui.screens.home.save_as import SaveAsScreen
from tui.screens.home.screen import HomeScreen


async def test_editing_a_number_by_typing_it() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await go_to(pilot, "benchmark.num_runs")
        await pilot.press("5", "0", "enter")
        await wait_until_idle(pilot)
        assert value(pilot, "benchmark.num_runs") == "50"
        assert app.went == []
        assert "◆ benchmark.num_runs" in widget_text(app.screen, "#profile-form")
        assert "saved: 20" in widget_text(app.screen, "#profile-form")
        assert "--num_runs 50" in widget_text(app.screen, "#commands")
        assert str(app.screen.query_one("#options").border_title) == "quickstart · changed"
        assert form_of(pilot).has_focus


@pytest.mark.parametrize("key", ["e", "f2"])
async def test_editing_the_present_value(key: str) -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await go_to(pilot, "benchmark.batch_size")
        await pilot.press(key, "backspace", *", 16]", "enter")
        await wait_until_idle(pilot)
        assert value(pilot, "benchmark.batch_size") == "[1, 4, 16]"


async def test_escape_cancels_the_edit_and_nothing_else() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await type_into(pilot, "benchmark.warm_up", "5")
        await go_to(pilot, "benchmark.num_runs")
        await pilot.press("7", "escape")
        await wait_until_idle(pilot)
        assert (value(pilot, "benchmark.num_runs"), value(pilot, "benchmark.warm_up")) == ("20", "5")
        assert not app.screen.query("#editor")
        assert form_of(pilot).has_focus
        await pilot.press("escape")
        await wait_until_idle(pilot)
        assert app.screen.query_one("#profile-list").has_focus
        assert "Welcome" in widget_text(app.screen, "#about")


async def test_groups_unfold_and_say_what_changed_in_them() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await type_into(pilot, "benchmark.warm_up", "5")
        await pilot.press("up")
        shown = widget_text(app.screen, "#profile-form")
        assert "▾ benchmark" in shown
        assert "enter fold" in widget_text(app.screen, "#footer")
        await pilot.press("enter")
        await wait_until_idle(pilot)
        shown = widget_text(app.screen, "#profile-form")
        assert "1 changed of 2 fields" in shown
        assert "saved: 2" not in shown
        assert app.went == []


async def test_a_search_finds_fields_by_name_and_description() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("tab")
        await press_at_once(pilot, "slash", *"iterations")
        assert widget_text(app.screen, "#profile-form").split()[::2] == [
            "benchmark.num_runs",
            "benchmark.warm_up",
        ]
        await pilot.press("down", "enter", "9", "enter")
        await wait_until_idle(pilot)
        assert value(pilot, "benchmark.warm_up") == "9"
        assert "model" not in widget_text(app.screen, "#profile-form")
        await pilot.press("slash", "x")
        await wait_until_idle(pilot)
        assert "no field contains “iterationsx”" in widget_text(app.screen, "#profile-form")
        await pilot.press("backspace", "down", "escape")
        await wait_until_idle(pilot)
        current = form_of(pilot).current
        assert current is not None
        assert current.field.path == "benchmark.warm_up", "its group is unfolded for it"
        assert app.went == []


async def test_a_value_that_is_not_allowed_stays_in_the_editor() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await go_to(pilot, "parallel.tp")
        await pilot.press("3", "enter")
        await wait_until_idle(pilot)
        assert form_of(pilot).editor_text == "3"
        assert "tp 3 does not fit 8 query heads" in widget_text(app.screen, "#field-help")
        await pilot.press("tab", "enter", "f5")
        await wait_until_idle(pilot)
        assert form_of(pilot).editor_text == "3"
        assert app.went == []
        await pilot.press("backspace")
        await wait_until_idle(pilot)
        assert "does not fit" not in widget_text(app.screen, "#field-help")
        await pilot.press("4", "enter")
        await wait_until_idle(pilot)
        assert value(pilot, "parallel.tp") == "4"


async def test_an_invalid_value_keeps_its_profile_selected() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await go_to(pilot, "parallel.tp")
        await pilot.press("3")
        await pilot.click("#profile-list", offset=(4, 3))
        await wait_until_idle(pilot)
        assert chosen(pilot) == "quickstart"
        assert form_of(pilot).editor_text == "3"
        await pilot.press("escape")
        await wait_until_idle(pilot)
        assert not app.screen.query("#editor")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["right", "right"], "float16"),
        (["left"], "float16"),
        (["enter", "up", "enter"], "float16"),
        (["e", "home", "enter"], "bfloat16"),
        (["enter", "home", "escape"], "float32"),
    ],
)
async def test_choices_are_stepped_or_picked_from_a_list(keys: list[str], expected: str) -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await go_to(pilot, "model.dtype")
        for key in keys:
            await pilot.press(key)
            await wait_until_idle(pilot)
        assert value(pilot, "model.dtype") == expected
        assert form_of(pilot).has_focus
        assert app.went == []


async def test_undo_goes_back_step_by_step() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await type_into(pilot, "benchmark.num_runs", "5")
        await type_into(pilot, "benchmark.warm_up", "9")
        await pilot.press("ctrl+z")
        await wait_until_idle(pilot)
        assert (value(pilot, "benchmark.num_runs"), value(pilot, "benchmark.warm_up")) == ("5", "2")
        await pilot.press("ctrl+z")
        await wait_until_idle(pilot)
        assert value(pilot, "benchmark.num_runs") == "20"
        await pilot.press("ctrl+z")
        await wait_until_idle(pilot)
        assert notifications(pilot)[-1] == "nothing to undo"


async def test_changes_stay_with_their_profile_and_over_screens() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await type_into(pilot, "benchmark.num_runs", "5")
        await pilot.press("shift+tab", "down")
        await wait_until_idle(pilot)
        assert value(pilot, "benchmark.num_runs") == "2000"
        await pilot.press("up")
        await wait_until_idle(pilot)
        assert value(pilot, "benchmark.num_runs") == "5"
        TrtbenchApp.open_runs(app)
        await wait_until_idle(pilot)
        TrtbenchApp.open_home(app)
        await wait_until_idle(pilot)
        assert chosen(pilot) == "quickstart"
        assert value(pilot, "benchmark.num_runs") == "5"
        assert "◆ quickstart" in widget_text(app.screen, "#profile-list")


async def test_a_folder_instead_of_a_shape_and_back(tmp_path: Path) -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await type_into(pilot, "model.dir", str(tmp_path))
        assert "num_hidden_layers" not in widget_text(app.screen, "#profile-form")
        assert "cannot read" in widget_text(app.screen, "#commands")
        await pilot.press("ctrl+z")
        await wait_until_idle(pilot)
        assert value(pilot, "model.shape.num_hidden_layers") == "8"
        assert "--engine_dir" in widget_text(app.screen, "#commands")


async def save_name(pilot: Pilot[int], text: str) -> str:
    """Type a name into the dialog; what it says about it."""
    await pilot.press("ctrl+u", *text)
    await wait_until_idle(pilot)
    return " ".join(widget_text(pilot.app.screen, "#save-verdict").split())


async def test_saving_under_a_new_name() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await type_into(pilot, "benchmark.num_runs", "5")
        await pilot.press("ctrl+s")
        await wait_until_idle(pilot)
        assert isinstance(app.screen, SaveAsScreen)
        assert "quickstart is a built-in profile" in await save_name(pilot, "quickstart")
        assert "up to 64 letters, digits" in await save_name(pilot, "my profile")
        assert "saves to profiles/mine.yaml" in await save_name(pilot, "mine")
        await pilot.press("enter")
        await wait_until_idle(pilot)
        mine = profile_store.find("mine").load()
        assert isinstance(mine, TorchProfile)
        assert mine.benchmark.num_runs == 5
        assert chosen(pilot) == "mine"
        assert "saved as mine" in notifications(pilot)
        assert not drafts_of(app).forms
        await pilot.press("shift+tab", "down")
        await wait_until_idle(pilot)
        assert value(pilot, "benchmark.num_runs") == "20"


async def test_a_name_that_is_not_allowed_is_not_saved() -> None:
    world.write_user_profile("other", world.BUILT_IN["quickstart"].replace("name: quickstart", "name: other"))
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("ctrl+s")
        await wait_until_idle(pilot)
        assert "you have another profile called other" in await save_name(pilot, "other")
        await pilot.press("enter")
        await wait_until_idle(pilot)
        assert isinstance(app.screen, SaveAsScreen)
        await pilot.press("escape")
        await wait_until_idle(pilot)
        assert isinstance(app.screen, HomeScreen)


async def test_saving_a_profile_of_mine_again_replaces_it() -> None:
    world.write_user_profile("mine", world.BUILT_IN["quickstart"].replace("name: quickstart", "name: mine"))
    world.create_ended_run("aaaa", "mine", "finished", ago=180)
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        assert chosen(pilot) == "mine"
        await type_into(pilot, "benchmark.num_runs", "5")
        await pilot.press("ctrl+s")
        await wait_until_idle(pilot)
        assert "replaces your saved profile mine" in widget_text(app.screen, "#save-verdict")
        await pilot.press("enter")
        await wait_until_idle(pilot)
        mine = profile_store.find("mine").load()
        assert isinstance(mine, TorchProfile)
        assert mine.benchmark.num_runs == 5
        assert "changed" not in str(app.screen.query_one("#options").border_title)
