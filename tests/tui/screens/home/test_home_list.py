"""The profiles of the home screen: choosing, filtering, the mouse, and the ways to other screens."""

from __future__ import annotations

import threading

import pytest

from runner import preflight
from runner.cli.places import HomePlace
from runner.engines import registry
from runner.engines.check import Check
from runner.plan.plan import Plan
from runner.schema.base import Profile
from tests.support import world
from tests.support.keyboard import press_at_once
from tests.support.patience import PATIENCE_S
from tests.support.world import RecordingApp, notifications, wait_until_idle, widget_text
from tests.tui.screens.home.support import SIZE, chosen, form_of, go_to, value
from tui.framework.filter_input import FilterInput
from tui.screens.dialogs.help import HelpScreen
from tui.screens.home.catalogue import Catalogue, ProfileListing
from tui.screens.home.profile_list import ProfileList
from tui.screens.home.screen import HomeScreen


async def test_a_first_start_welcomes_and_chooses_quickstart() -> None:
    world.write_user_profile(
        "a-first", world.BUILT_IN["quickstart"].replace("name: quickstart", "name: a-first")
    )
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        assert chosen(pilot) == "quickstart"
        about = widget_text(app.screen, "#about")
        assert about.startswith("Welcome. A profile says what to measure")
        assert "Press Enter to run quickstart" in about


async def test_groups_and_one_line_a_profile() -> None:
    world.create_ended_run("aaaa", "quickstart", "finished", ago=180)
    world.create_ended_run("bbbb", "quickstart", "failed", ago=7200)
    for name in ("mine", "used"):
        world.write_user_profile(name, world.BUILT_IN["quickstart"].replace("quickstart", name))
    world.create_ended_run("cccc", "used", "failed", ago=60)
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        lines = [line.split() for line in widget_text(app.screen, "#profile-list").splitlines()]
        columns = ["engine", "model", "GPUs", "this", "machine", "last", "result", "when"]
        assert lines[:9] == [
            ["recent", *columns],
            ["used", "torch", "56", "M", "CPU", "✓", "fits", "✖", "failed", "1", "min", "ago"],
            ["quickstart", "torch", "56", "M", "CPU", "✓", "fits", "✔", "finished", "3", "min", "ago"],
            ["mine", *columns],
            ["mine", "torch", "56", "M", "CPU", "✓", "fits"],
            ["fits", "here", *columns],
            ["quickstart-long", "torch", "56", "M", "CPU", "✓", "fits"],
            ["others", *columns],
            ["torch-1gpu", "torch", "7.5", "B", "1", "–", "no", "GPU"],
        ]
        await pilot.press("end")
        await wait_until_idle(pilot)
        last = widget_text(app.screen, "#profile-list").splitlines()[8]
        assert "✓ fits" in last, "preflight of the selected profile knows more"


async def test_the_list_is_sorted_by_a_column_and_back() -> None:
    world.create_ended_run("aaaa", "torch-1gpu", "finished", ago=180)
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)

        def names() -> list[str]:
            return [line.split()[0] for line in widget_text(app.screen, "#profile-list").splitlines() if line]

        assert names()[:3] == ["recent", "torch-1gpu", "fits"]
        await pilot.press("s")
        await wait_until_idle(pilot)
        assert names() == ["profile", "quickstart", "quickstart-long", "torch-1gpu"]
        assert "sorted by name" in str(app.screen.query_one("#profiles").border_subtitle)
        await pilot.press("S")
        await wait_until_idle(pilot)
        assert names() == ["profile", "torch-1gpu", "quickstart-long", "quickstart"]
        await pilot.press(*"sssssss")
        await wait_until_idle(pilot)
        assert names()[:3] == ["recent", "torch-1gpu", "fits"]
        assert chosen(pilot) == "torch-1gpu"


async def test_moving_with_arrows_and_letters() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        first, second, third = "quickstart", "quickstart-long", "torch-1gpu"
        for key, expected in (("down", second), ("j", third), ("j", third), ("up", second), ("k", first),
                              ("end", third), ("home", first), ("pagedown", third),
                              ("pageup", first)):  # fmt: skip
            await pilot.press(key)
            await wait_until_idle(pilot)
            assert chosen(pilot) == expected, key
            options = app.screen.query_one("#options")
            assert str(options.border_title) == expected


async def test_filtering_as_one_types() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("slash", "g", "p", "u")
        await wait_until_idle(pilot)
        shown = widget_text(app.screen, "#profile-list")
        assert "torch-1gpu" in shown
        assert "quickstart" not in shown
        assert chosen(pilot) == "torch-1gpu"
        await pilot.press("x")
        await wait_until_idle(pilot)
        assert "no profile has “gpux”" in widget_text(app.screen, "#profile-list")
        await pilot.press("backspace", "enter")
        await wait_until_idle(pilot)
        assert isinstance(app.focused, ProfileList)
        assert "filter: gpu" in str(app.screen.query_one("#profiles").border_subtitle)
        await pilot.press("escape")
        await wait_until_idle(pilot)
        assert "quickstart" in widget_text(app.screen, "#profile-list")
        assert chosen(pilot) == "torch-1gpu"


async def test_a_fast_typist_types_into_the_filter() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await press_at_once(pilot, "slash", *"i/wgpu")
        assert isinstance(app.screen, HomeScreen), "no letter opened a dialog"
        assert app.screen.query_one(FilterInput).value == "i/wgpu"
        await press_at_once(pilot, "escape")
        await press_at_once(pilot, "slash", *"gpu", "enter")
        await wait_until_idle(pilot)
        assert chosen(pilot) == "torch-1gpu"
        assert isinstance(app.focused, ProfileList)


async def test_a_slash_in_a_field_is_a_character() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await go_to(pilot, "description")
        await press_at_once(pilot, "e", *"/s")
        assert form_of(pilot).editor_text.endswith("any machine/s")
        assert not app.screen.query(FilterInput)


async def test_arrows_move_while_filtering_and_escape_shows_all() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("slash", "q", "down")
        await wait_until_idle(pilot)
        assert chosen(pilot) == "quickstart-long"
        await pilot.press("escape")
        await wait_until_idle(pilot)
        assert "torch-1gpu" in widget_text(app.screen, "#profile-list")
        assert not app.screen.query("#filter")


async def test_a_broken_profile_is_listed_with_its_whole_error() -> None:
    path = world.write_user_profile("broken", world.BROKEN)
    world.create_ended_run("aaaa", "broken", "finished", ago=180)
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        assert chosen(pilot) == "broken"
        assert "✖ broken" in widget_text(app.screen, "#profile-list")
        about = " ".join(widget_text(app.screen, "#about").split())
        assert "~/config/trtbench/profiles/broken.yaml:4: model.dtype:" in about
        assert "parallel.tp" in about
        assert "(did you mean num_runs?)" in about
        await pilot.press("enter", "e", "s", "u")
        await wait_until_idle(pilot)
        assert notifications(pilot)[0] == "broken is invalid; the text about it says what to correct"
        assert app.went == []

        path.write_text(world.BUILT_IN["quickstart"].replace("name: quickstart", "name: broken"))
        app.screen.read_in_background()  # type: ignore[attr-defined]
        await wait_until_idle(pilot)
        assert value(pilot, "benchmark.num_runs") == "20"


async def test_a_profile_that_others_can_write_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []
    make_plan = registry.make_plan

    def planned(profile: Profile) -> Plan:
        looked_at.append(profile.name)
        return make_plan(profile)

    def checked(profile: Profile) -> list[Check]:
        looked_at.append(profile.name)
        return []

    monkeypatch.setattr(registry, "make_plan", planned)
    monkeypatch.setattr(preflight, "check", checked)
    world.create_ended_run("aaaa", "theirs", "finished", ago=180)
    for name in ("theirs", "trusted"):
        path = world.write_user_profile(name, world.BUILT_IN["quickstart"].replace("quickstart", name))
        path.chmod(0o666 if name == "theirs" else 0o600)
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("down")
        await wait_until_idle(pilot)
        await pilot.press("up")
        await wait_until_idle(pilot)
        assert chosen(pilot) == "theirs"
        assert "? not checked" in widget_text(app.screen, "#profile-list")
        assert set(looked_at) == {"trusted"}
        assert "press P to make its plan" in " ".join(widget_text(app.screen, "#commands").split())
        assert "P check" in widget_text(app.screen, "#footer")
        await pilot.press("P")
        await wait_until_idle(pilot)
        assert looked_at.count("theirs") == 2
        assert "P check" not in widget_text(app.screen, "#footer")


async def test_a_profile_of_mine_that_hides_a_built_in_one_says_so() -> None:
    world.write_user_profile("quickstart", world.BUILT_IN["quickstart"])
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        assert "your profile; it hides the built-in one" in widget_text(app.screen, "#about")
        assert widget_text(app.screen, "#profile-list").count("quickstart ") == 1


async def test_a_click_chooses_and_a_double_click_edits() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.click("#profile-list", offset=(4, 2))
        await wait_until_idle(pilot)
        assert chosen(pilot) == "quickstart-long"
        await pilot.click("#profile-form", offset=(4, 0))
        await wait_until_idle(pilot)
        current = form_of(pilot).current
        assert current is not None
        assert current.field.path == "benchmark.batch_size"
        assert form_of(pilot).editing is None
        await pilot.click("#profile-form", offset=(4, 0), times=2)
        await wait_until_idle(pilot)
        assert form_of(pilot).editing is not None
        assert form_of(pilot).editor_text == "[1]"


async def test_a_double_click_on_a_profile_goes_to_its_options() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.click("#profile-list", offset=(4, 2), times=2)
        await wait_until_idle(pilot)
        assert form_of(pilot).has_focus


async def test_a_click_beside_everything_changes_nothing() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.click("#profile-list", offset=(4, 10))
        await wait_until_idle(pilot)
        assert chosen(pilot) == "quickstart"


async def test_tab_goes_around() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        went = []
        for key in ("tab", "tab", "tab", "shift+tab", "shift+tab"):
            await pilot.press(key)
            assert app.focused is not None
            went.append(app.focused.id)
        assert went == ["profile-form", "commands", "profile-list", "commands", "profile-form"]


@pytest.mark.parametrize(("key", "place"), [("r", "runs"), ("q", "away")])
async def test_leaving(key: str, place: str) -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press(key)
        await wait_until_idle(pilot)
        assert app.went == [place]


async def test_help() -> None:
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("question_mark")
        await wait_until_idle(pilot)
        assert isinstance(app.screen, HelpScreen)


async def test_keys_typed_before_the_profiles_are_read_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    may_read = threading.Event()
    read_names = Catalogue.read_names

    def slow(self: Catalogue, key: str) -> ProfileListing | None:
        may_read.wait(PATIENCE_S)
        return read_names(self, key)

    monkeypatch.setattr(Catalogue, "read_names", slow)
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("tab", "question_mark")
        assert isinstance(app.screen, HomeScreen)
        may_read.set()
        await wait_until_idle(pilot)
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("escape")
        assert form_of(pilot).has_focus


@pytest.mark.parametrize("keys", [["q"], ["enter", "ctrl+c"]])
async def test_q_and_ctrl_c_do_not_wait(keys: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    may_read = threading.Event()
    monkeypatch.setattr(Catalogue, "read_names", lambda self, key: may_read.wait(PATIENCE_S) and None)
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press(*keys)
        await pilot.pause()
        assert app.went == ["away"]
        may_read.set()
