"""The options of the home screen: every mistake a user can make, and that none of them loses anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from runner.cli.places import HomePlace
from runner.engines.torch.profile import TorchProfile
from runner.profile import store as profile_store
from tests.support import world
from tests.support.world import Cockpit, settled, text_of, told
from tests.tui.screens.home.support import SIZE, chosen, form_of, go_to, type_into, value
from tui.app import TrtbenchApp
from tui.screens.home.form import drafts_of
from tui.screens.home.save_as import SaveAs
from tui.screens.home.screen import HomeScreen


async def test_editing_a_number_by_typing_it() -> None:
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await go_to(pilot, "benchmark.num_runs")
        await pilot.press("5", "0", "enter")
        await settled(pilot)
        assert value(pilot, "benchmark.num_runs") == "50"
        assert app.went == []
        assert "◆ num_runs" in text_of(app.screen, "#profile-form")
        assert "saved: 20" in text_of(app.screen, "#profile-form")
        assert "--num_runs 50" in text_of(app.screen, "#commands")
        assert str(app.screen.query_one("#options").border_title) == "quickstart · changed"
        assert form_of(pilot).has_focus


@pytest.mark.parametrize("key", ["e", "f2"])
async def test_editing_the_present_value(key: str) -> None:
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await go_to(pilot, "benchmark.batch_size")
        await pilot.press(key, "backspace", *", 16]", "enter")
        await settled(pilot)
        assert value(pilot, "benchmark.batch_size") == "[1, 4, 16]"


async def test_escape_leaves_a_field_as_it_was() -> None:
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await go_to(pilot, "benchmark.num_runs")
        await pilot.press("7", "escape")
        await settled(pilot)
        assert value(pilot, "benchmark.num_runs") == "20"
        assert not app.screen.query("#editor")
        assert form_of(pilot).has_focus


async def test_a_value_that_is_not_allowed_stays_in_the_editor() -> None:
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await go_to(pilot, "parallel.tp")
        await pilot.press("3", "enter")
        await settled(pilot)
        assert form_of(pilot).editor_text == "3"
        assert "tp 3 does not fit 8 query heads" in text_of(app.screen, "#field-help")
        await pilot.press("tab", "enter", "f5")
        await settled(pilot)
        assert form_of(pilot).editor_text == "3"
        assert app.went == []
        await pilot.press("backspace")
        await settled(pilot)
        assert "does not fit" not in text_of(app.screen, "#field-help")
        await pilot.press("4", "enter")
        await settled(pilot)
        assert value(pilot, "parallel.tp") == "4"


async def test_another_profile_cannot_be_chosen_over_a_value_that_is_not_allowed() -> None:
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await go_to(pilot, "parallel.tp")
        await pilot.press("3")
        await pilot.click("#profile-list", offset=(4, 3))
        await settled(pilot)
        assert chosen(pilot) == "quickstart"
        assert form_of(pilot).editor_text == "3"
        await pilot.press("escape")
        await settled(pilot)
        assert not app.screen.query("#editor")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [(["space"], "bfloat16"), (["right", "right"], "float16"), (["left"], "float16"), (["e"], "bfloat16")],
)
async def test_choices_move_on(keys: list[str], expected: str) -> None:
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await go_to(pilot, "model.dtype")
        for key in keys:
            await pilot.press(key)
            await settled(pilot)
        assert value(pilot, "model.dtype") == expected


async def test_undo_goes_back_step_by_step() -> None:
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await type_into(pilot, "benchmark.num_runs", "5")
        await type_into(pilot, "benchmark.warm_up", "9")
        await pilot.press("u")
        await settled(pilot)
        assert (value(pilot, "benchmark.num_runs"), value(pilot, "benchmark.warm_up")) == ("5", "2")
        await pilot.press("u")
        await settled(pilot)
        assert value(pilot, "benchmark.num_runs") == "20"
        await pilot.press("u")
        await settled(pilot)
        assert told(pilot)[-1] == "nothing was changed here"


async def test_changes_stay_with_their_profile_and_over_screens() -> None:
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await type_into(pilot, "benchmark.num_runs", "5")
        await pilot.press("shift+tab", "down")
        await settled(pilot)
        assert value(pilot, "benchmark.num_runs") == "2000"
        await pilot.press("up")
        await settled(pilot)
        assert value(pilot, "benchmark.num_runs") == "5"
        TrtbenchApp.open_runs(app)
        await settled(pilot)
        TrtbenchApp.open_home(app)
        await settled(pilot)
        assert chosen(pilot) == "quickstart"
        assert value(pilot, "benchmark.num_runs") == "5"
        assert "◆ quickstart" in text_of(app.screen, "#profile-list")


async def test_a_folder_instead_of_a_shape_and_back(tmp_path: Path) -> None:
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await type_into(pilot, "model.dir", str(tmp_path))
        assert "num_hidden_layers" not in text_of(app.screen, "#profile-form")
        assert "cannot read" in text_of(app.screen, "#commands")
        await pilot.press("u")
        await settled(pilot)
        assert value(pilot, "model.shape.num_hidden_layers") == "8"
        assert "--engine_dir" in text_of(app.screen, "#commands")


async def save_name(pilot: Pilot[int], text: str) -> str:
    """Type a name into the dialog; what it says about it."""
    await pilot.press("ctrl+u", *text)
    await settled(pilot)
    return " ".join(text_of(pilot.app.screen, "#save-verdict").split())


async def test_saving_under_a_new_name() -> None:
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await type_into(pilot, "benchmark.num_runs", "5")
        await pilot.press("s")
        await settled(pilot)
        assert isinstance(app.screen, SaveAs)
        assert "quickstart is a built-in profile" in await save_name(pilot, "quickstart")
        assert "a name has letters, digits" in await save_name(pilot, "my profile")
        assert "Enter saves it as" in await save_name(pilot, "mine")
        await pilot.press("enter")
        await settled(pilot)
        mine = profile_store.find("mine").load()
        assert isinstance(mine, TorchProfile)
        assert mine.benchmark.num_runs == 5
        assert chosen(pilot) == "mine"
        assert "saved as mine" in told(pilot)
        assert not drafts_of(app).forms
        await pilot.press("shift+tab", "down")
        await settled(pilot)
        assert value(pilot, "benchmark.num_runs") == "20"


async def test_a_name_that_is_not_allowed_is_not_saved() -> None:
    world.mine("other", world.BUILT_IN["quickstart"].replace("name: quickstart", "name: other"))
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("s")
        await settled(pilot)
        assert "you have another profile called other" in await save_name(pilot, "other")
        await pilot.press("enter")
        await settled(pilot)
        assert isinstance(app.screen, SaveAs)
        await pilot.press("escape")
        await settled(pilot)
        assert isinstance(app.screen, HomeScreen)


async def test_saving_a_profile_of_mine_again_replaces_it() -> None:
    world.mine("mine", world.BUILT_IN["quickstart"].replace("name: quickstart", "name: mine"))
    world.ended("aaaa", "quickstart", "finished", ago=180)
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert chosen(pilot) == "mine"
        await type_into(pilot, "benchmark.num_runs", "5")
        await pilot.press("s")
        await settled(pilot)
        assert "Enter replaces your saved profile mine" in text_of(app.screen, "#save-verdict")
        await pilot.press("enter")
        await settled(pilot)
        mine = profile_store.find("mine").load()
        assert isinstance(mine, TorchProfile)
        assert mine.benchmark.num_runs == 5
        assert "changed" not in str(app.screen.query_one("#options").border_title)
