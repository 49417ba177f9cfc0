"""Questions and help answer to the mouse as to the keys."""

from __future__ import annotations

import pytest
from textual.app import App

from runner.cli.places import RunsPlace
from tests.support.world import widget_text
from tui.app import TrtbenchApp
from tui.framework.rows import Panel
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.help import HelpScreen


class Asking(App[None]):
    """An app with one question."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[bool | None] = []

    def on_mount(self) -> None:
        question = ConfirmScreen("Stop it?", "It ends.", yes="stop it", no="let it run")
        self.push_screen(question, self.answers.append)


@pytest.mark.parametrize(
    ("column", "answers"), [(0, [True]), (8, [True]), (11, []), (14, [False]), (30, [False])]
)
async def test_the_words_of_an_answer_can_be_clicked(column: int, answers: list[bool]) -> None:
    app = Asking()
    async with app.run_test(size=(80, 24)) as pilot:
        panel = app.screen.query_one("#question", Panel)
        assert panel.size.height == 5
        await pilot.click(panel, offset=(column, 4))
        await pilot.pause()
        assert app.answers == answers


@pytest.mark.parametrize(
    ("key", "answers"), [("y", [True]), ("n", [False]), ("escape", [False]), ("enter", [])]
)
async def test_keys_answer(key: str, answers: list[bool]) -> None:
    app = Asking()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        assert app.answers == answers


@pytest.mark.parametrize(("rows", "shown"), [(24, 5), (7, 3), (5, 2), (4, 1)])
async def test_the_keys_of_a_question_are_visible_at_any_height(rows: int, shown: int) -> None:
    app = Asking()
    async with app.run_test(size=(80, rows)):
        lines = widget_text(app.screen, "#question").splitlines()
        assert len(lines) == shown
        assert lines[-1].startswith("y stop it")
        panel = app.screen.query_one("#question", Panel)
        assert panel.region.bottom < app.size.height


async def test_only_a_click_outside_closes_the_help() -> None:
    app = TrtbenchApp(RunsPlace())
    async with app.run_test(size=(120, 40)) as pilot:
        await app.push_screen(HelpScreen("home"))
        await pilot.click("#help", offset=(5, 5))
        assert isinstance(app.screen, HelpScreen)
        assert widget_text(app.screen_stack[-2], "#footer") == "", "its keys would not work now"
        await pilot.click(offset=(1, 1))
        assert not isinstance(app.screen, HelpScreen)
        assert "quit" in widget_text(app.screen, "#footer")


async def test_the_help_can_be_filtered() -> None:
    app = TrtbenchApp(RunsPlace())
    async with app.run_test(size=(120, 40)) as pilot:
        page = HelpScreen("runs")
        await app.push_screen(page)
        await pilot.press("/", *"trash")
        assert [title for title, _ in (page.panel.data or ())] == ["keys"]
        await pilot.press(*"zzz", "enter", "escape")  # a filter that matches nothing; it ends first
        assert isinstance(app.screen, HelpScreen)
        assert len(page.panel.data or ()) > 5
        await pilot.press("escape")
        assert not isinstance(app.screen, HelpScreen)


@pytest.mark.parametrize("keys", [("down", "up"), ("j", "k"), ("pagedown", "pageup"), ("G", "g")])
async def test_the_help_scrolls(keys: tuple[str, str]) -> None:
    app = TrtbenchApp(RunsPlace())
    async with app.run_test(size=(120, 40)) as pilot:
        await app.push_screen(HelpScreen("home"))
        panel = app.screen.query_one("#help", Panel)
        await pilot.press(keys[0])
        assert panel.top > 0
        await pilot.press(keys[1])
        assert panel.top == 0
