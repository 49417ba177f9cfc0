from __future__ import annotations

from pathlib import Path

import pytest

from runner.cli.places import LivePlace
from tests.support import recorded_runs
from tests.support.recorder import RecordedFeed
from tui.app import TrtbenchApp
from tui.framework.footer import footer_keys, footer_row, place_footer_keys
from tui.framework.keymap import valid_keys
from tui.framework.rows import row_text, row_width
from tui.framework.screen import KeyFooter
from tui.screens.dialogs.help import HelpScreen, draw_sections, screen_sections
from tui.screens.live.screen import LiveScreen
from tui.screens.registry import SCREENS, keys_of
from tui.screens.result.screen import ResultScreen


@pytest.mark.parametrize("screen", SCREENS)
def test_every_key_is_explained(screen: str) -> None:
    shown = "\n".join(row_text(row) for row in draw_sections(screen_sections(screen), 500, 40))
    for key in keys_of(screen):
        assert key.name in shown
        assert key.help in shown


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("state", ["running", "ended"])
def test_a_key_means_one_thing_in_a_state(screen: str, state: str) -> None:
    assert state in ("running", "ended")
    keys = [name for key in valid_keys(keys_of(screen), "running" if state == "running" else "ended")
            for name in key.keys.split(",")]  # fmt: skip
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("state", ["running", "ended"])
def test_the_footer_fits_a_small_terminal(screen: str, state: str) -> None:
    keys = valid_keys(keys_of(screen), "running" if state == "running" else "ended")
    assert "…" not in row_text(footer_row(keys, 78))
    assert row_width(footer_row(keys, 78, "last event 0:12 ago")) <= 78


@pytest.mark.parametrize(("screen", "kind"), [("live", LiveScreen), ("result", ResultScreen)])
def test_every_key_has_its_action(screen: str, kind: type[LiveScreen] | type[ResultScreen]) -> None:
    for key in keys_of(screen):
        assert hasattr(kind, f"action_{key.action.partition('(')[0]}"), key


def test_the_feed_of_the_tests_is_a_feed() -> None:
    from runner.history.run_feed import Feed

    def takes(feed: type[Feed]) -> None: ...

    takes(RecordedFeed)


@pytest.mark.parametrize("width", [20, 30, 40, 60, 78, 120, 200])
@pytest.mark.parametrize("screen", SCREENS)
def test_a_key_is_clicked_where_it_stands(screen: str, width: int) -> None:
    keys = valid_keys(keys_of(screen), "running")
    line = row_text(footer_row(keys, width))
    places = place_footer_keys(keys, width)
    assert places, "one key at least stands in the narrowest line"
    for key, start, end in places:
        assert line[start:end] == f"{key.name} {key.label}"


def test_leaving_and_help_are_the_last_keys_to_go() -> None:
    assert [key.label for key in footer_keys(keys_of("home"), 14)] == ["quit", "help"]


async def test_a_click_on_a_key_of_the_footer_does_what_the_key_does(tmp_path: Path) -> None:
    app = TrtbenchApp(LivePlace(recorded_runs.under_way().feed(tmp_path)))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        footer = app.screen.query_one(KeyFooter)
        assert footer.data is not None
        places = {
            key.action: start for key, start, _ in place_footer_keys(footer.data.keys, footer.size.width)
        }
        await pilot.click(footer, offset=(places["help"] + 1, 0))
        assert isinstance(app.screen, HelpScreen)
