"""The live screen of recorded runs, and its view, for tests."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot

from runner.cli.places import LivePlace
from tests.support.recorder import RecordedFeed, Recorder
from tests.tui.cockpit import OneScreenApp
from tui.screens.live.screen import LiveScreen
from tui.screens.live.view import LiveView, make_live_view

SIZE = (120, 40)


class Cockpit(OneScreenApp):
    def __init__(self, feed: RecordedFeed) -> None:
        super().__init__(LivePlace(feed))


def cockpit(run: Recorder, root: Path) -> Cockpit:
    return Cockpit(run.feed(root, after_s=1))


async def settled(pilot: Pilot[int]) -> None:
    """Wait for one frame of the live screen."""
    screen = pilot.app.screen
    if isinstance(screen, LiveScreen):
        screen.tick()
    await pilot.pause()
    await pilot.pause()


def view_of(run: Recorder, root: Path, after_s: float = 0.0) -> LiveView:
    return make_live_view(drained(run, root, after_s))


def drained(run: Recorder, root: Path, after_s: float = 0.0) -> RecordedFeed:
    feed = run.feed(root, after_s)
    feed.drain(1.0)
    return feed
