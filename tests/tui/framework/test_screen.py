"""What a screen does until its first frame is drawn."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import RenderableType
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.screen import Screen

from runner.cli.places import RunsPlace
from tests.tui.cockpit import OneScreenApp


class RecordingApp(OneScreenApp):
    """Records the frames that it draws."""

    def __init__(self) -> None:
        super().__init__(RunsPlace())
        self.frames: list[RenderableType] = []

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if renderable is not None:
            self.frames.append(renderable)
        super()._display(screen, renderable)


async def test_a_batch_draws_one_frame_when_it_ends() -> None:
    app = RecordingApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        app.frames.clear()
        with app.batch_update():
            app.screen.query_one("#footer").refresh()
            await pilot.pause()
            app.screen._refresh_layout()
            await pilot.pause()
            assert app.frames == []
        app.screen.refresh()
        await pilot.pause()
        assert len(app.frames) == 1


async def test_styles_of_a_new_screen_are_applied_once(monkeypatch: pytest.MonkeyPatch) -> None:
    applied: list[DOMNode] = []
    apply = Stylesheet.apply

    def record(self: Stylesheet, node: DOMNode, **options: Any) -> None:
        applied.append(node)
        apply(self, node, **options)

    monkeypatch.setattr(Stylesheet, "apply", record)
    app = RecordingApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert {applied.count(widget) for widget in app.screen.children} == {1}
