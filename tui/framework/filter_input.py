"""The input line of a list filter; created when it is opened, which keeps `Input` out of the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input


class FilterInput(Input):
    """Reports the text (`Input.Changed`), cursor movement in the list, and when it is closed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close(False)", "show all items", show=False),
        Binding("up", "step(-1)", "previous item", show=False),
        Binding("down", "step(1)", "next item", show=False),
    ]

    @dataclass
    class Closed(Message):
        keep: bool
        """whether the list stays filtered"""

    @dataclass
    class Stepped(Message):
        step: int

    def __init__(self, text: str, hint: str, *, id: str = "filter") -> None:  # noqa: A002
        super().__init__(text, compact=True, select_on_focus=False, placeholder=hint, id=id)
        self.cursor_blink = False

    async def open_in(self, pane: Widget, *, before: int | None = None) -> None:
        """Mount the line in a pane and focus it, so that the next key goes to it.

        If it is open already, and a click or Tab took the focus from it, it gets the focus back.
        """
        for opened in pane.query(f"#{self.id}"):
            pane.screen.set_focus(opened)
            return
        await pane.mount(self, before=before)
        pane.screen.set_focus(self)

    def action_close(self, keep: bool) -> None:
        self.post_message(self.Closed(keep))

    def action_step(self, step: int) -> None:
        self.post_message(self.Stepped(step))

    async def action_submit(self) -> None:
        self.post_message(self.Closed(keep=True))
