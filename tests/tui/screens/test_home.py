"""The home screen: every key, every mistake a user can make, and that none of them loses anything."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot

from runner import engines, launcher, mpi, preflight
from runner.engines import torch
from runner.errors import UserError
from runner.plan import Stage
from runner.preflight.check import Check
from runner.profile import Profile, TorchProfile
from runner.profile import store as profile_store
from tests.patience import PATIENCE_S
from tests.tui.keyboard import at_once
from tests.tui.screens import world
from tests.tui.screens.world import Cockpit, settled, text_of, told
from tui.app import Home, TrtbenchApp
from tui.catalogue import Catalogue, Listing
from tui.form import drafts_of
from tui.screens.confirm import ConfirmScreen
from tui.screens.help import HelpScreen
from tui.screens.home import HomeScreen
from tui.screens.save_as import SaveAs
from tui.widgets.filter_input import FilterInput
from tui.widgets.profile_form import ProfileForm
from tui.widgets.profile_list import ProfileList

SIZE = (120, 40)


def form_of(pilot: Pilot[int]) -> ProfileForm:
    return pilot.app.screen.query_one(ProfileForm)


def value(pilot: Pilot[int], path: str) -> str:
    return next(row.field.text for row in form_of(pilot)._form_rows if row.field.path == path)


def chosen(pilot: Pilot[int]) -> str:
    screen = pilot.app.screen
    assert isinstance(screen, HomeScreen)
    return screen._item.key if screen._item else ""


async def go_to(pilot: Pilot[int], path: str) -> None:
    """Focus the form and move to a field, with the keys that a user has."""
    if not form_of(pilot).has_focus:
        await pilot.press("tab")
    fields = [row.field.path for row in form_of(pilot)._form_rows]
    await at_once(pilot, "home", *["down"] * fields.index(path))
    current = form_of(pilot).current
    assert current is not None
    assert current.field.path == path


async def type_into(pilot: Pilot[int], path: str, text: str) -> None:
    await go_to(pilot, path)
    await at_once(pilot, "e", "ctrl+u")
    await at_once(pilot, *text, "enter")
    await settled(pilot)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Profile]:
    """The profiles that were started; nothing really runs."""
    profiles: list[Profile] = []

    def start(profile: Profile) -> Path:
        profiles.append(profile)
        return world.ended("0001", profile.name, "finished", ago=0)

    monkeypatch.setattr(launcher, "start", start)
    return profiles


# --- the list -------------------------------------------------------------------------------------------


async def test_a_first_start_welcomes_and_chooses_quickstart() -> None:
    world.mine("a-first", world.BUILT_IN["quickstart"].replace("name: quickstart", "name: a-first"))
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert chosen(pilot) == "quickstart"
        about = text_of(app.screen, "#about")
        assert about.startswith("Welcome. A profile says what to measure")
        assert "Press Enter to run quickstart" in about


async def test_groups_summaries_and_last_results() -> None:
    world.ended("aaaa", "quickstart", "finished", ago=180)
    world.ended("bbbb", "quickstart", "failed", ago=7200)
    world.mine("mine", world.BUILT_IN["quickstart"].replace("name: quickstart", "name: mine"))
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        shown = text_of(app.screen, "#profile-list")
        lines = [line.strip() for line in shown.splitlines()]
        assert lines[:4] == ["mine", "mine", "torch · 56 M · tp 2", ""]
        assert lines[4] == "recent"
        assert lines[5].split() == ["quickstart", "✔", "3", "min", "ago"]
        assert lines[8:10] == ["built in", "quickstart-long"]
        assert "Welcome" not in text_of(app.screen, "#about")


async def test_moving_with_arrows_and_letters() -> None:
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        first, second, third = "quickstart", "quickstart-long", "torch-1gpu"
        for key, expected in (("down", second), ("j", third), ("j", third), ("up", second), ("k", first),
                              ("end", third), ("home", first), ("pagedown", third),
                              ("pageup", first)):  # fmt: skip
            await pilot.press(key)
            await settled(pilot)
            assert chosen(pilot) == expected, key
            options = app.screen.query_one("#options")
            assert str(options.border_title) == expected


async def test_filtering_as_one_types() -> None:
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("slash", "g", "p", "u")
        await settled(pilot)
        shown = text_of(app.screen, "#profile-list")
        assert "torch-1gpu" in shown
        assert "quickstart" not in shown
        assert chosen(pilot) == "torch-1gpu"
        await pilot.press("x")
        await settled(pilot)
        assert "no profile contains “gpux”" in text_of(app.screen, "#profile-list")
        await pilot.press("backspace", "enter")
        await settled(pilot)
        assert isinstance(app.focused, ProfileList)
        assert "filter: gpu" in str(app.screen.query_one("#profiles").border_subtitle)
        await pilot.press("escape")
        await settled(pilot)
        assert "quickstart" in text_of(app.screen, "#profile-list")
        assert chosen(pilot) == "torch-1gpu"


async def test_a_fast_typist_types_into_the_filter() -> None:
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await at_once(pilot, "slash", *"i/wgpu")
        assert isinstance(app.screen, HomeScreen), "no letter opened a dialog"
        assert app.screen.query_one(FilterInput).value == "i/wgpu"
        await at_once(pilot, "escape")
        await at_once(pilot, "slash", *"gpu", "enter")
        await settled(pilot)
        assert chosen(pilot) == "torch-1gpu"
        assert isinstance(app.focused, ProfileList)


async def test_a_slash_in_a_field_is_a_character() -> None:
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await go_to(pilot, "description")
        await at_once(pilot, "e", *"/s")
        assert form_of(pilot).editor_text.endswith("any machine/s")
        assert not app.screen.query(FilterInput)


async def test_arrows_move_while_filtering_and_escape_shows_all() -> None:
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("slash", "q", "down")
        await settled(pilot)
        assert chosen(pilot) == "quickstart-long"
        await pilot.press("escape")
        await settled(pilot)
        assert "torch-1gpu" in text_of(app.screen, "#profile-list")
        assert not app.screen.query("#filter")


async def test_a_broken_profile_is_listed_with_its_whole_error() -> None:
    path = world.mine("broken", world.BROKEN)
    world.ended("aaaa", "quickstart", "finished", ago=180)
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert chosen(pilot) == "broken"
        assert "✖ broken" in text_of(app.screen, "#profile-list")
        about = " ".join(text_of(app.screen, "#about").split())
        assert "~/config/trtbench/profiles/broken.yaml:4: model.dtype:" in about
        assert "parallel.tp" in about
        assert "(did you mean num_runs?)" in about
        await pilot.press("enter", "e", "s", "u")
        await settled(pilot)
        assert told(pilot)[0] == "broken cannot be used; the reason is on the right"
        assert app.went == []

        path.write_text(world.BUILT_IN["quickstart"].replace("name: quickstart", "name: broken"))
        app.screen._look()  # type: ignore[attr-defined]
        await settled(pilot)
        assert value(pilot, "benchmark.num_runs") == "20"


async def test_a_profile_of_mine_that_hides_a_built_in_one_says_so() -> None:
    world.mine("quickstart", world.BUILT_IN["quickstart"])
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        assert "yours; it hides the built-in profile" in text_of(app.screen, "#about")
        assert text_of(app.screen, "#profile-list").count("quickstart ") == 1


# --- the form -------------------------------------------------------------------------------------------


async def test_editing_a_number_by_typing_it() -> None:
    app = Cockpit(Home())
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
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await go_to(pilot, "benchmark.batch_size")
        await pilot.press(key, "backspace", *", 16]", "enter")
        await settled(pilot)
        assert value(pilot, "benchmark.batch_size") == "[1, 4, 16]"


async def test_escape_leaves_a_field_as_it_was() -> None:
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await go_to(pilot, "benchmark.num_runs")
        await pilot.press("7", "escape")
        await settled(pilot)
        assert value(pilot, "benchmark.num_runs") == "20"
        assert not app.screen.query("#editor")
        assert form_of(pilot).has_focus


async def test_a_value_that_is_not_allowed_stays_in_the_editor() -> None:
    app = Cockpit(Home())
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
    app = Cockpit(Home())
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
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await go_to(pilot, "model.dtype")
        for key in keys:
            await pilot.press(key)
            await settled(pilot)
        assert value(pilot, "model.dtype") == expected


async def test_undo_goes_back_step_by_step() -> None:
    app = Cockpit(Home())
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
    app = Cockpit(Home())
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
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await type_into(pilot, "model.dir", str(tmp_path))
        assert "num_hidden_layers" not in text_of(app.screen, "#profile-form")
        assert "cannot read" in text_of(app.screen, "#commands")
        await pilot.press("u")
        await settled(pilot)
        assert value(pilot, "model.shape.num_hidden_layers") == "8"
        assert "--engine_dir" in text_of(app.screen, "#commands")


# --- the mouse ------------------------------------------------------------------------------------------


async def test_a_click_chooses_and_a_double_click_edits() -> None:
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.click("#profile-list", offset=(4, 3))
        await settled(pilot)
        assert chosen(pilot) == "quickstart-long"
        await pilot.click("#profile-form", offset=(4, 0))
        await settled(pilot)
        current = form_of(pilot).current
        assert current is not None
        assert current.field.path == "description"
        assert form_of(pilot).editing is None
        await pilot.click("#profile-form", offset=(4, 0), times=2)
        await settled(pilot)
        assert form_of(pilot).editing is not None
        assert form_of(pilot).editor_text.startswith("many iterations")


async def test_a_double_click_on_a_profile_goes_to_its_options() -> None:
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.click("#profile-list", offset=(4, 3), times=2)
        await settled(pilot)
        assert form_of(pilot).has_focus


async def test_a_click_beside_everything_changes_nothing() -> None:
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.click("#profile-list", offset=(4, 20))
        await settled(pilot)
        assert chosen(pilot) == "quickstart"


# --- running --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["enter", "f5"])
async def test_enter_runs_what_the_form_says(key: str, started: list[Profile]) -> None:
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await type_into(pilot, "benchmark.num_runs", "5")
        await pilot.press(key)
        await settled(pilot)
        [profile] = started
        assert isinstance(profile, TorchProfile)
        assert profile.benchmark.num_runs == 5
        assert app.went == [("live", world.run_dir_of("0001", world.NOW, "quickstart"))]


async def test_enter_twice_starts_one_run(started: list[Profile]) -> None:
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("enter", "enter")
        await settled(pilot)
        assert len(started) == 1


async def test_a_run_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(profile: Profile) -> Path:
        raise UserError("the disk is full", hint="remove something")

    monkeypatch.setattr(launcher, "start", start)
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert told(pilot) == ["the disk is full\nremove something"]
        assert app.went == []


async def test_without_mpirun_the_reason_stands_there_and_enter_repeats_it(
    monkeypatch: pytest.MonkeyPatch, started: list[Profile]
) -> None:
    no_mpirun(monkeypatch)
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        shown = text_of(app.screen, "#commands")
        assert "there is no mpirun: none on PATH and none beside the interpreter" in shown
        assert "install one with: pip install" in shown
        await pilot.press("enter")
        await settled(pilot)
        assert told(pilot)[0].startswith("there is no mpirun: none on PATH")
        assert started == []


# --- preflight ------------------------------------------------------------------------------------------

FAILS = Check("mpirun", "fail", "there is none on PATH", "apt-get install openmpi-bin")
WARNS = Check("cores", "warn", "2 ranks share 1 cores, so they wait for each other", "--set parallel.tp=1")
PASSES = Check("python", "pass", "3.12")


def finds(monkeypatch: pytest.MonkeyPatch, *checks: Check) -> None:
    monkeypatch.setattr(preflight, "check", lambda profile: list(checks))


async def test_preflight_that_finds_nothing_is_a_word_in_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    finds(monkeypatch, PASSES, PASSES)
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        title = str(app.screen.query_one("#commands").border_title)
        assert title == "commands · preflight: all 2 checks passed"
        assert text_of(app.screen, "#commands").startswith("# benchmark")


async def test_preflight_says_what_is_wrong_worst_first_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    finds(monkeypatch, FAILS, WARNS, PASSES)
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        title = str(app.screen.query_one("#commands").border_title)
        assert title == "commands · preflight: 1 check fails, 1 warning"
        lines = text_of(app.screen, "#commands").splitlines()
        assert lines[0] == "✖ mpirun: there is none on PATH   fix: apt-get install openmpi-bin"
        assert lines[1].startswith("! cores: 2 ranks share 1 cores")


async def test_enter_asks_before_it_runs_what_preflight_says_would_fail(
    monkeypatch: pytest.MonkeyPatch, started: list[Profile]
) -> None:
    finds(monkeypatch, FAILS, FAILS, WARNS)
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert isinstance(app.screen, ConfirmScreen)
        assert "2 checks fail; run anyway?" in text_of(app.screen, "#question")
        await pilot.press("n")
        await settled(pilot)
        assert started == []
        await pilot.press("enter", "y")
        await settled(pilot)
        assert len(started) == 1


async def test_a_warning_does_not_ask(monkeypatch: pytest.MonkeyPatch, started: list[Profile]) -> None:
    finds(monkeypatch, WARNS)
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert len(started) == 1


async def test_preflight_under_way_holds_nobody_up_and_answers_only_for_the_profile_it_looked_at(
    monkeypatch: pytest.MonkeyPatch, started: list[Profile]
) -> None:
    may_answer = threading.Event()

    def check(profile: Profile) -> list[Check]:
        if isinstance(profile, TorchProfile) and profile.benchmark.num_runs == 20:
            may_answer.wait(PATIENCE_S)
            return [FAILS]
        return [PASSES]

    monkeypatch.setattr(preflight, "check", check)
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        commands = app.screen.query
        while not commands("#commands") or "preflight ..." not in str(
            commands("#commands").first().border_title
        ):
            await pilot.pause(0.01)
        await go_to(pilot, "benchmark.num_runs")
        await pilot.press("5", "enter")
        await pilot.pause()
        assert value(pilot, "benchmark.num_runs") == "5"
        may_answer.set()
        await settled(pilot)
        await settled(pilot)
        assert str(commands("#commands").first().border_title) == "commands · preflight: all 1 check passed"
        await pilot.press("enter")
        await settled(pilot)
        assert len(started) == 1


async def test_stages_that_are_not_run_or_run_again_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    partly_cached(monkeypatch)
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        shown = text_of(app.screen, "#commands").splitlines()
        assert shown[0] == "# convert: not run, cached: /data/small-checkpoint-1a2b3c4d"
        assert shown[1] == "# build: 1 rank, in /data"
        assert shown[2] == "# made again: max_batch_size 8 -> 16"
        assert shown[3].startswith("trtllm-build")


def partly_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that reuses a checkpoint and builds an engine anew."""
    convert = Stage(
        name="convert", argv=["python3"], cwd="/data", skip="cached: /data/small-checkpoint-1a2b3c4d"
    )
    build = Stage(name="build", argv=["trtllm-build"], cwd="/data", again="max_batch_size 8 -> 16")
    plan = world.plan_of("quickstart")
    plan = msgspec.structs.replace(plan, stages=[convert, build, *plan.stages])
    monkeypatch.setattr(engines, "make_plan", lambda profile: plan)


def no_mpirun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "find_mpirun", mpi.find_mpirun)
    monkeypatch.setattr(torch, "default_python", lambda: "/nowhere/python3")
    monkeypatch.setenv("PATH", "/nowhere")


async def test_a_run_under_way_can_be_joined_but_not_changed() -> None:
    run_dir, lock = world.under_way("7f3a", "quickstart", ago=100)
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        shown = text_of(app.screen, "#profile-list").splitlines()
        assert shown[0].strip() == "running now"
        assert shown[1].split() == ["●", "quickstart", "running"]
        assert chosen(pilot) == run_dir.name
        assert "under way: Enter shows this run" in text_of(app.screen, "#about")
        await go_to(pilot, "benchmark.num_runs")
        await pilot.press("e")
        await settled(pilot)
        assert form_of(pilot).editing is None
        assert told(pilot) == ["this run is under way; choose its profile below to change options"]
        await pilot.press("5")
        await settled(pilot)
        assert form_of(pilot).editing is None
        await pilot.press("enter")
        await settled(pilot)
        assert app.went == [("live", run_dir)]
    os.close(lock)


async def test_runs_under_way_are_in_view_in_a_small_window() -> None:
    _, lock = world.under_way("7f3a", "quickstart", ago=100)
    app = Cockpit(Home())
    drafts_of(app).chosen = "quickstart-long"
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert chosen(pilot) == "quickstart-long"
        assert text_of(app.screen, "#profile-list").startswith("● quickstart")
    os.close(lock)


async def test_commands_unfold_in_a_small_window_while_they_have_the_focus() -> None:
    app = Cockpit(Home())
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        commands = app.screen.query_one("#commands")
        assert str(commands.border_subtitle) == "3 more lines"
        await pilot.press("tab", "tab")
        await settled(pilot)
        assert "--warm_up 2" in text_of(app.screen, "#commands")
        assert str(commands.border_subtitle) == ""
        await pilot.press("tab")
        await settled(pilot)
        assert str(commands.border_subtitle) == "3 more lines"


# --- saving ---------------------------------------------------------------------------------------------


async def save_name(pilot: Pilot[int], text: str) -> str:
    """Type a name into the dialog; what it says about it."""
    await pilot.press("ctrl+u", *text)
    await settled(pilot)
    return " ".join(text_of(pilot.app.screen, "#save-verdict").split())


async def test_saving_under_a_new_name() -> None:
    app = Cockpit(Home())
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
    app = Cockpit(Home())
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
    app = Cockpit(Home())
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


# --- going elsewhere ------------------------------------------------------------------------------------


async def test_tab_goes_around() -> None:
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        went = []
        for key in ("tab", "tab", "tab", "shift+tab", "shift+tab"):
            await pilot.press(key)
            assert app.focused is not None
            went.append(app.focused.id)
        assert went == ["profile-form", "commands", "profile-list", "commands", "profile-form"]


@pytest.mark.parametrize(("key", "place"), [("r", "runs"), ("q", "away")])
async def test_leaving(key: str, place: str) -> None:
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press(key)
        await settled(pilot)
        assert app.went == [place]


async def test_help() -> None:
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("question_mark")
        await settled(pilot)
        assert isinstance(app.screen, HelpScreen)


async def test_keys_before_anything_was_read_do_nothing(
    monkeypatch: pytest.MonkeyPatch, started: list[Profile]
) -> None:
    may_read = threading.Event()
    names = Catalogue.names

    def slow(self: Catalogue, key: str) -> Listing | None:
        may_read.wait(PATIENCE_S)
        return names(self, key)

    monkeypatch.setattr(Catalogue, "names", slow)
    app = Cockpit(Home())
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("enter", "e", "s", "u", "slash", "tab", "escape")
        may_read.set()
        await settled(pilot)
        assert (app.went, started) == ([], [])
        assert isinstance(app.screen, HomeScreen)


# --- pictures -------------------------------------------------------------------------------------------

SNAP_SIZES = pytest.mark.parametrize("size", world.SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
Snap = Callable[..., bool]


def used() -> None:
    """Somebody has worked here before."""
    world.ended("aaaa", "quickstart", "finished", ago=180)
    world.ended("bbbb", "torch-1gpu", "failed", ago=7200, cause="rank 0 ran out of memory")


@SNAP_SIZES
def test_picture_of_a_first_start(snap_compare: Snap, size: tuple[int, int]) -> None:
    assert snap_compare(TrtbenchApp(Home()), terminal_size=size, run_before=settled)


@SNAP_SIZES
def test_picture_of_a_usual_start(snap_compare: Snap, size: tuple[int, int]) -> None:
    used()
    world.mine("mine", world.BUILT_IN["quickstart"].replace("name: quickstart", "name: mine"))
    assert snap_compare(TrtbenchApp(Home()), terminal_size=size, run_before=settled)


@SNAP_SIZES
def test_picture_of_changes_and_a_refused_value(snap_compare: Snap, size: tuple[int, int]) -> None:
    used()

    async def edit(pilot: Pilot[int]) -> None:
        await settled(pilot)
        await type_into(pilot, "benchmark.num_runs", "50")
        await type_into(pilot, "benchmark.duration", "30")
        await go_to(pilot, "benchmark.warm_up")
        await pilot.press("x", "4", "2", "x", "enter")
        await settled(pilot)

    assert snap_compare(TrtbenchApp(Home()), terminal_size=size, run_before=edit)


@SNAP_SIZES
def test_picture_of_a_broken_profile(snap_compare: Snap, size: tuple[int, int]) -> None:
    used()
    world.mine("broken", world.BROKEN)
    assert snap_compare(TrtbenchApp(Home()), terminal_size=size, run_before=settled)


@SNAP_SIZES
def test_picture_without_mpirun(
    snap_compare: Snap, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    used()
    no_mpirun(monkeypatch)
    finds(monkeypatch, FAILS, PASSES)
    assert snap_compare(TrtbenchApp(Home()), terminal_size=size, run_before=settled)


@SNAP_SIZES
def test_picture_of_verdicts_and_reuse(
    snap_compare: Snap, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    used()
    partly_cached(monkeypatch)
    finds(monkeypatch, FAILS, WARNS, PASSES)
    assert snap_compare(TrtbenchApp(Home()), terminal_size=size, run_before=settled)


@pytest.mark.parametrize("size", world.BOTH, ids=world.size_id)
def test_picture_of_a_question_before_a_run(
    snap_compare: Snap, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    used()
    finds(monkeypatch, FAILS, WARNS)

    async def enter(pilot: Pilot[int]) -> None:
        await settled(pilot)
        await pilot.press("enter")

    assert snap_compare(TrtbenchApp(Home()), terminal_size=size, run_before=enter)


@pytest.mark.parametrize("size", world.BOTH, ids=world.size_id)
def test_picture_of_a_run_under_way(snap_compare: Snap, size: tuple[int, int]) -> None:
    used()
    _, lock = world.under_way("7f3a", "quickstart", ago=100)
    assert snap_compare(TrtbenchApp(Home()), terminal_size=size, run_before=settled)
    os.close(lock)


@pytest.mark.parametrize("size", world.BOTH, ids=world.size_id)
@pytest.mark.parametrize("keys", ["s", "slash z z"])
def test_picture_of_lines_to_type_into(snap_compare: Snap, size: tuple[int, int], keys: str) -> None:
    used()

    async def open_line(pilot: Pilot[int]) -> None:
        await settled(pilot)
        await pilot.press(*keys.split())
        await settled(pilot)

    assert snap_compare(TrtbenchApp(Home()), terminal_size=size, run_before=open_line)
