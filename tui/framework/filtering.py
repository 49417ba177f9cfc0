"""Filter a list while the user types: the base of the screens with a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from textual.reactive import var

from tui.framework.keymap import GLOBAL_KEYS, Key, KeyState
from tui.framework.picker import Picker
from tui.framework.screen import KeyedScreen

if TYPE_CHECKING:
    from textual.widgets import Input

    from tui.framework.filter_input import FilterInput

Typing = Literal["", "editing", "filtering", "searching"]
"""The kind of input line that is open; empty: none."""


class FilteringScreen(KeyedScreen):
    """A screen with a filtered list in a pane; subclasses show the matches in `watch_filter`."""

    filter_pane: str
    """selector of the pane that gets the input line"""
    filter_list: str
    """selector of the list"""
    filter_hint: str = "type to filter"
    """placeholder of the empty input line"""

    filter: var[str] = var("", init=False)
    """the filter text; empty: all items are shown"""

    def is_filter_valid(self) -> bool:
        """Whether the text is a valid filter."""
        return True

    @property
    def typing(self) -> Typing:
        return "filtering" if self.query("#filter") else ""

    def key_states(self) -> tuple[KeyState, ...]:
        if self.typing == "filtering":
            return ("filtering", "filtered")
        return (self.typing,) if self.typing else ("filtered",) if self.filter else ()

    def active_keys(self) -> list[Key]:
        keys = super().active_keys()
        if self.typing:
            states = self.key_states()
            return [key for key in keys if key.when in states or key in GLOBAL_KEYS]
        return keys

    async def action_filter(self) -> None:
        from tui.framework.filter_input import FilterInput

        line = FilterInput(self.filter, self.filter_hint)
        await line.open_in(self.query_one(self.filter_pane), before=0)
        self.show_keys()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.filter = event.value.strip()

    async def on_filter_input_closed(self, message: FilterInput.Closed) -> None:
        if message.keep and not self.is_filter_valid():
            return
        await self.query("#filter").remove()
        self.query_one(self.filter_list).focus()
        if not message.keep:
            self.action_show_all()
        self.show_keys()

    def on_filter_input_stepped(self, message: FilterInput.Stepped) -> None:
        picker = self.query_one(self.filter_list)
        assert isinstance(picker, Picker)
        picker.action_move(message.step)

    def action_show_all(self) -> None:
        self.filter = ""
