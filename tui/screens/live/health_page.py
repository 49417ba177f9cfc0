"""The health overlay behind the key `d`: problems, stalls and ranks of a run, refreshed while open."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import ModalScreen

from runner.history.run_feed import Feed
from tui.framework.rows import Panel
from tui.framework.titles import set_subtitle, set_title
from tui.screens.dialogs.help import HelpSection, draw_sections
from tui.screens.live.health_view import health_sections

REFRESH_S = 1.0


class HealthScreen(ModalScreen[None]):
    """Shows the findings that tell a slow run from a stalled one."""

    CSS_PATH = "../dialogs/help.tcss"
    BINDINGS = [  # noqa: RUF012
        ("escape,q,d,enter", "close"),
        ("up,k", "scroll_rows(-1)"),
        ("down,j", "scroll_rows(1)"),
        ("pageup", "scroll_rows(-10)"),
        ("pagedown,space", "scroll_rows(10)"),
    ]

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self._feed = feed

    def compose(self) -> ComposeResult:
        yield Panel(draw_sections, id="help", classes="dialog framed")

    def on_mount(self) -> None:
        set_title(self._panel, "health")
        set_subtitle(self._panel, "esc closes   ↑ ↓ scroll")
        self.reload()
        self.set_interval(REFRESH_S, self.reload)

    def reload(self) -> None:
        """Update the sections from the present state of the run."""
        self._panel.update(health_sections(self._feed))

    @property
    def _panel(self) -> Panel[tuple[HelpSection, ...]]:
        return self.query_one("#help", Panel)

    def action_scroll_rows(self, by: int) -> None:
        self._panel.move_to(self._panel.top + by)

    def action_close(self) -> None:
        self.dismiss()
