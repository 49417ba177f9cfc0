"""The page behind `d`: all that is known of how a run does, brought up to date while it is open."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import ModalScreen

from runner.history.run_feed import Feed
from tui.framework.rows import Panel
from tui.screens.dialogs.help import Section, draw_sections
from tui.screens.live.health_view import doctor_sections
from tui.text import shown

EVERY_S = 1.0


class DoctorScreen(ModalScreen[None]):
    """What helps to tell a slow run from one that stands still, and a sick one from a healthy one."""

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
        self._panel.border_title = "how this run does"
        self._panel.border_subtitle = shown("esc closes   ↑ ↓ scroll")
        self.look()
        self.set_interval(EVERY_S, self.look)

    def look(self) -> None:
        """Examine the run as it is now."""
        self._panel.update(doctor_sections(self._feed))

    @property
    def _panel(self) -> Panel[tuple[Section, ...]]:
        return self.query_one("#help", Panel)

    def action_scroll_rows(self, by: int) -> None:
        self._panel.move_to(self._panel.top + by)

    def action_close(self) -> None:
        self.dismiss()
