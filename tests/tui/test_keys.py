from __future__ import annotations

import pytest

from tests.tui.runs import StillFeed
from tui.keys import KEYS, ScreenName, footer_row, valid_keys
from tui.screens.help import draw_sections, screen_sections
from tui.screens.live import LiveScreen
from tui.screens.result import ResultScreen
from tui.widgets.rows import row_text, row_width

SCREENS: tuple[ScreenName, ...] = ("home", "runs", "live", "result")


@pytest.mark.parametrize("screen", SCREENS)
def test_every_key_is_explained(screen: ScreenName) -> None:
    shown = "\n".join(row_text(row) for row in draw_sections(screen_sections(screen), 500, 40))
    for key in KEYS[screen]:
        assert key.name in shown
        assert key.help in shown


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("state", ["running", "ended"])
def test_a_key_means_one_thing_in_a_state(screen: ScreenName, state: str) -> None:
    assert state in ("running", "ended")
    keys = [name for key in valid_keys(screen, "running" if state == "running" else "ended")
            for name in key.keys.split(",")]  # fmt: skip
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("state", ["running", "ended"])
def test_the_footer_fits_a_small_terminal(screen: ScreenName, state: str) -> None:
    keys = valid_keys(screen, "running" if state == "running" else "ended")
    assert "…" not in row_text(footer_row(keys, 78))
    assert row_width(footer_row(keys, 78, "last event 0:12 ago")) <= 78


@pytest.mark.parametrize(("screen", "kind"), [("live", LiveScreen), ("result", ResultScreen)])
def test_every_key_has_its_action(screen: ScreenName, kind: type[LiveScreen] | type[ResultScreen]) -> None:
    for key in KEYS[screen]:
        assert hasattr(kind, f"action_{key.action.partition('(')[0]}"), key


def test_the_feed_of_the_tests_is_a_feed() -> None:
    from runner.feed import Feed

    def takes(feed: type[Feed]) -> None: ...

    takes(StillFeed)
