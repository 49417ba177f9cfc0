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
from tests.support.keyboard import press_at_once
from tests.support.world import RecordingApp, wait_until_idle
from tui.framework.key_queue import KeyQueue
from tui.screens.dialogs.ask import AskScreen
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.help import HelpScreen
from tui.screens.home.import_engine import ImportEngineScreen
from tui.screens.home.save_as import SaveAsScreen
from tui.screens.live.health_page import HealthScreen
from tui.screens.live.log_page import LogScreen
from tui.screens.runs.trash import TrashScreen
from tui.screens.sweep.start import SweepStart
from tui.screens.tune.start import TuneStart

SIZE = (120, 40)
PROMPT = ("r", "x", "d", "t", "n")
"""letters that would do something on the screen below"""


def typed(app: App[int]) -> str:
    return app.screen.query_one(Input).value


@pytest.mark.parametrize(("key", "dialog"), [("t", AskScreen), ("E", AskScreen), ("e", AskScreen)])
async def test_what_is_said_of_a_run(key: str, dialog: type[Screen[object]]) -> None:
    world.create_ended_run("aaaa", "quickstart", "finished", ago=180)
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await press_at_once(pilot, key, *PROMPT)
        assert isinstance(app.screen, dialog)
        assert typed(app) == "rxdtn"
        assert app.went == []


@pytest.mark.parametrize(
    ("key", "dialog"),
    [("ctrl+s", SaveAsScreen), ("i", ImportEngineScreen), ("w", SweepStart), ("W", TuneStart)],
)
async def test_what_is_asked_of_a_profile(key: str, dialog: type[Screen[object]]) -> None:
    world.create_ended_run("aaaa", "quickstart", "finished", ago=180)
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await press_at_once(pilot, key, *PROMPT, "question_mark")
        assert isinstance(app.screen, dialog)
        assert typed(app) == "rxdtn", "what is proposed is replaced by what is typed"
        assert app.went == []


async def test_a_letter_that_opens_a_dialog_is_a_letter_in_a_line() -> None:
    world.create_ended_run("aaaa", "quickstart", "finished", ago=180)
    app = RecordingApp(HomePlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await press_at_once(pilot, "/", "s", "w", "i")
        assert typed(app) == "swi"
        await press_at_once(pilot, "escape")
        await wait_until_idle(pilot)
        await press_at_once(pilot, "tab", "e", "s", "i")
        assert typed(app).endswith("si")


async def test_a_letter_that_opens_a_dialog_is_a_letter_in_a_search(tmp_path: Path) -> None:
    app = RecordingApp(LivePlace(recorded_runs.under_way().feed(tmp_path, 1.0)))
    async with app.run_test(size=SIZE) as pilot:
        await press_at_once(pilot, "/", "d", "x")
        assert typed(app) == "dx"


async def test_an_answer_that_is_known_before_the_question(tmp_path: Path) -> None:
    run_dir = world.create_ended_run("aaaa", "quickstart", "finished", ago=180)
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await press_at_once(pilot, "D", "n")
        await wait_until_idle(pilot)
        assert run_dir.is_dir()
        await press_at_once(pilot, "D", "y")
        await wait_until_idle(pilot)
        assert not run_dir.exists()
        await press_at_once(pilot, "B", "D", "n")
        assert isinstance(app.screen, TrashScreen)
        await press_at_once(pilot, "D")
        assert isinstance(app.screen, ConfirmScreen)


async def test_pages_to_read_close_as_fast_as_they_open(tmp_path: Path) -> None:
    app = RecordingApp(LivePlace(recorded_runs.under_way().feed(tmp_path, 1.0)))
    async with app.run_test(size=SIZE) as pilot:
        await press_at_once(pilot, "d")
        assert isinstance(app.screen, HealthScreen)
        await press_at_once(pilot, "d")
        await press_at_once(pilot, "question_mark", "q")
        await press_at_once(pilot, "x", "n")
        assert not isinstance(app.screen, HealthScreen | HelpScreen | ConfirmScreen)
        assert app.went == []


async def test_the_log_of_a_result_is_searched_at_once(tmp_path: Path) -> None:
    app = RecordingApp(ResultPlace(recorded_runs.finished().write(tmp_path)))
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await press_at_once(pilot, "l", "/", "W", "e")
        assert isinstance(app.screen, LogScreen)
        assert typed(app) == "We"


async def test_what_is_deleted_is_what_the_keys_before_chose() -> None:
    first, second = (
        world.create_ended_run(name, "quickstart", "finished", ago=ago)
        for name, ago in (("aaaa", 9), ("bbbb", 99))
    )
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await press_at_once(pilot, "down", "D", "y")
        await wait_until_idle(pilot)
        assert first.is_dir()
        assert not second.exists()


async def test_the_palette_is_typed_into_at_once() -> None:
    world.create_ended_run("aaaa", "quickstart", "finished", ago=180)
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await press_at_once(pilot, "ctrl+p", *"tags")
        assert isinstance(app.screen, CommandPalette)
        assert typed(app) == "tags"
        assert not app.screen.query_one(Input).cursor_blink
        await press_at_once(pilot, "escape")
        assert not isinstance(app.screen, CommandPalette)
        app.on_command_palette_opened()  # its message may arrive late


class Swallowing(Static, can_focus=True):
    """Nothing comes out of it."""

    def on_key(self, event: events.Key) -> None:
        event.stop()

    def on_key_queue_key_passed(self, message: KeyQueue.KeyPassed) -> None:
        message.stop()


async def test_a_lost_key_delays_the_next_one_briefly() -> None:
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        swallowing = Swallowing()
        await app.screen.mount(swallowing)
        app.screen.set_focus(swallowing)
        await press_at_once(pilot, "down", "ctrl+t")
        assert app.theme == "light"
