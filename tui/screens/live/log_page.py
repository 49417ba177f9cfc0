"""A screen with the raw output of a stage."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from tui.framework.keymap import MOVEMENT, RowMovement, bindings
from tui.framework.titles import set_title
from tui.screens.live.log_keys import LogKeys
from tui.screens.live.log_view import LogView

POLL_S = 0.2


class LogScreen(RowMovement, LogKeys, ModalScreen[None]):
    """A log of any size from its end, with scrolling, search and a level filter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(MOVEMENT),
        ("escape", "back", ""),
        ("q,l", "close", ""),
        ("slash", "search", ""),
        ("n", "match(1)", ""),
        ("N", "match(-1)", ""),
        ("f", "log_level", ""),
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

    def move_rows(self, by: int) -> None:
        self.log_view.scroll_lines(by)

    def rows_of_page(self) -> int:
        return max(1, self.log_view.size.height - 1)

    def action_top(self) -> None:
        self.log_view.go_home()

    def action_bottom(self) -> None:
        self.log_view.follow()

    def action_back(self) -> None:
        if not self.clear_search():
            self.dismiss()

    def action_close(self) -> None:
        self.dismiss()
