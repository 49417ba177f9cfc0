"""Keys that come right after the one that opens a dialog go into the dialog, however fast they come."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events
from textual.app import App
from textual.command import CommandPalette
from textual.screen import Screen
from textual.widgets import Input, Static

from runner.cli.places import HomePlace, LivePlace, ResultPlace, RunsPlace
from tests.support import recorded_runs, world
from tests.support.keyboard import at_once
from tests.support.world import Cockpit, settled
from tui.framework.key_queue import TypedKeys
from tui.screens.dialogs.ask import AskScreen
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.help import HelpScreen
from tui.screens.home.import_engine import ImportEngine
from tui.screens.home.save_as import SaveAs
from tui.screens.live.health_page import DoctorScreen
from tui.screens.live.log_page import LogScreen
from tui.screens.runs.trash import TrashScreen
from tui.screens.sweep.start import SweepStart

SIZE = (120, 40)
PROMPT = ("r", "x", "d", "t", "n")
"""letters that would do something on the screen below"""


def typed(app: App[int]) -> str:
    return app.screen.query_one(Input).value


@pytest.mark.parametrize(("key", "dialog"), [("t", AskScreen), ("n", AskScreen), ("e", AskScreen)])
async def test_what_is_said_of_a_run(key: str, dialog: type[Screen[object]]) -> None:
    world.ended("aaaa", "quickstart", "finished", ago=180)
    app = Cockpit(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await at_once(pilot, key, *PROMPT)
        assert isinstance(app.screen, dialog)
        assert typed(app) == "rxdtn"
        assert app.went == []


@pytest.mark.parametrize(
    ("key", "dialog"),
    [("s", SaveAs), ("i", ImportEngine), ("w", SweepStart)],
)
async def test_what_is_asked_of_a_profile(key: str, dialog: type[Screen[object]]) -> None:
    world.ended("aaaa", "quickstart", "finished", ago=180)
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await at_once(pilot, key, *PROMPT, "question_mark")
        assert isinstance(app.screen, dialog)
        assert typed(app) == "rxdtn", "what is proposed is replaced by what is typed"
        assert app.went == []


async def test_a_letter_that_opens_a_dialog_is_a_letter_in_a_line() -> None:
    world.ended("aaaa", "quickstart", "finished", ago=180)
    app = Cockpit(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await at_once(pilot, "/", "s", "w", "i")
        assert typed(app) == "swi"
        await at_once(pilot, "escape")
        await settled(pilot)
        await at_once(pilot, "tab", "e", "s", "i")
        assert typed(app).endswith("si")


async def test_a_letter_that_opens_a_dialog_is_a_letter_in_a_search(tmp_path: Path) -> None:
    app = Cockpit(LivePlace(recorded_runs.under_way().feed(tmp_path, 1.0)))
    async with app.run_test(size=SIZE) as pilot:
        await at_once(pilot, "/", "d", "x")
        assert typed(app) == "dx"


async def test_an_answer_that_is_known_before_the_question(tmp_path: Path) -> None:
    run_dir = world.ended("aaaa", "quickstart", "finished", ago=180)
    app = Cockpit(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await at_once(pilot, "d", "n")
        await settled(pilot)
        assert run_dir.is_dir()
        await at_once(pilot, "d", "y")
        await settled(pilot)
        assert not run_dir.exists()
        await at_once(pilot, "b", "e", "n")
        assert isinstance(app.screen, TrashScreen)
        await at_once(pilot, "e")
        assert isinstance(app.screen, ConfirmScreen)


async def test_pages_to_read_close_as_fast_as_they_open(tmp_path: Path) -> None:
    app = Cockpit(LivePlace(recorded_runs.under_way().feed(tmp_path, 1.0)))
    async with app.run_test(size=SIZE) as pilot:
        await at_once(pilot, "d")
        assert isinstance(app.screen, DoctorScreen)
        await at_once(pilot, "d")
        await at_once(pilot, "question_mark", "q")
        await at_once(pilot, "x", "n")
        assert not isinstance(app.screen, DoctorScreen | HelpScreen | ConfirmScreen)
        assert app.went == []


async def test_the_log_of_a_result_is_searched_at_once(tmp_path: Path) -> None:
    app = Cockpit(ResultPlace(recorded_runs.finished().write(tmp_path)))
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await at_once(pilot, "l", "/", "W", "e")
        assert isinstance(app.screen, LogScreen)
        assert typed(app) == "We"


async def test_what_is_deleted_is_what_the_keys_before_chose() -> None:
    first, second = (
        world.ended(name, "quickstart", "finished", ago=ago) for name, ago in (("aaaa", 9), ("bbbb", 99))
    )
    app = Cockpit(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await at_once(pilot, "down", "d", "y")
        await settled(pilot)
        assert first.is_dir()
        assert not second.exists()


async def test_the_palette_is_typed_into_at_once() -> None:
    world.ended("aaaa", "quickstart", "finished", ago=180)
    app = Cockpit(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await at_once(pilot, "ctrl+p", *"tags")
        assert isinstance(app.screen, CommandPalette)
        assert typed(app) == "tags"


class Swallowing(Static, can_focus=True):
    """Nothing comes out of it."""

    def on_key(self, event: events.Key) -> None:
        event.stop()

    def on_typed_keys_passed(self, message: TypedKeys.Passed) -> None:
        message.stop()


async def test_a_key_that_is_never_heard_of_again_holds_the_next_one_up_for_a_moment_only() -> None:
    app = Cockpit(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        swallowing = Swallowing()
        await app.screen.mount(swallowing)
        app.screen.set_focus(swallowing)
        await at_once(pilot, "down", "ctrl+t")
        assert app.theme == "light"
