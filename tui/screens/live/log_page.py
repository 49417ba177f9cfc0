"""A screen with the raw output of a stage."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult
from textual.screen import ModalScreen

from tui.framework.titles import set_title
from tui.screens.live.log_keys import LogKeys
from tui.screens.live.log_view import LogView

POLL_S = 0.2


class LogScreen(LogKeys, ModalScreen[None]):
    """A log of any size from its end, with scrolling, search and a level filter."""

    BINDINGS = [  # noqa: RUF012
        ("escape", "back"),
        ("q,l", "close"),
        ("up,k", "scroll_rows(-1)"),
        ("down,j", "scroll_rows(1)"),
        ("pageup", "scroll_rows(-10)"),
        ("pagedown,space", "scroll_rows(10)"),
        ("home", "top"),
        ("end", "follow"),
        ("slash", "search"),
        ("n", "match(1)"),
        ("N", "match(-1)"),
        ("f", "log_level"),
    ]

    def __init__(self, log: Path) -> None:
        super().__init__()
        self._log_file = log

    def compose(self) -> ComposeResult:
        yield LogView(id="log", classes="framed")

    def on_mount(self) -> None:
        keys = "esc closes  ↑ ↓ scroll  / search  n N next  f level"
        set_title(self.log_view, f"log  {self._log_file.name}   {keys}")
        self.log_view.open(self._log_file)
        self.set_interval(POLL_S, self.log_view.poll)

    def action_scroll_rows(self, by: int) -> None:
        self.log_view.scroll_lines(by)

    def action_follow(self) -> None:
        self.log_view.follow()

    def action_top(self) -> None:
        self.log_view.go_home()

    def action_back(self) -> None:
        if not self.clear_search():
            self.dismiss()

    def action_close(self) -> None:
        self.dismiss()
