"""The raw output of a stage on the whole screen."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult
from textual.markup import escape
from textual.screen import ModalScreen

from tui.text import shown
from tui.widgets.log_tail import LogTail, TailReader


class LogScreen(ModalScreen[None]):
    """The end of a log that nobody writes any more; the file has all of it."""

    CSS = "LogScreen #log { width: 100%; height: 100%; background: $background; }"
    BINDINGS = [  # noqa: RUF012
        ("escape,q,l", "close"),
        ("up,k", "scroll_rows(-1)"),
        ("down,j", "scroll_rows(1)"),
        ("pageup", "scroll_rows(-10)"),
        ("pagedown,space", "scroll_rows(10)"),
        ("home", "scroll_rows(-100000)"),
        ("end", "scroll_rows(100000)"),
    ]

    def __init__(self, log: Path) -> None:
        super().__init__()
        self._log = log

    def compose(self) -> ComposeResult:
        yield LogTail(id="log", classes="framed")

    def on_mount(self) -> None:
        tail = TailReader(self._log)
        tail.read()
        widget = self.query_one(LogTail)
        widget.border_title = escape(shown(f"log  {self._log.name}"))
        widget.border_subtitle = shown("↑ ↓ scroll   esc closes")
        widget.update(tail.tail())

    def action_scroll_rows(self, by: int) -> None:
        self.query_one(LogTail).scroll_lines(by)

    def action_close(self) -> None:
        self.dismiss()
