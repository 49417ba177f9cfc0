"""How a screen opens."""

from __future__ import annotations

import asyncio

import pytest
from textual.widgets import Static

from runner.cli.places import RunsPlace
from tests.support.patience import PATIENCE_S
from tui.app import TrtbenchApp


async def test_what_is_ready_is_drawn_without_waiting_for_a_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.framework.screen.OPENING_S", PATIENCE_S)
    monkeypatch.setattr("textual.screen.UPDATE_PERIOD", 2 * PATIENCE_S)
    app = TrtbenchApp(RunsPlace())
    async with app.run_test(size=(80, 24)):
        news = Static("news")
        await app.screen.mount(news)
        await asyncio.wait_for(_laid_out(news), PATIENCE_S)


async def _laid_out(widget: Static) -> None:
    while not widget.region.area:
        await asyncio.sleep(0.01)
