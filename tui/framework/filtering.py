"""Filtering a list as one types: what the screens with a list have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from textual.reactive import var

from tui.framework.keymap import EVERYWHERE, Key, When
from tui.framework.picker import Picker
from tui.framework.screen import KeyedScreen

if TYPE_CHECKING:
    from textual.widgets import Input

    from tui.framework.filter_input import FilterInput


class FilteringScreen(KeyedScreen):
    """A screen with one list to filter, in a pane of its own; `watch_filter` shows what is left."""

    filter_pane: str
    """selector of the pane that gets the line to type into"""
    filter_list: str
    """selector of the list"""
    filter_hint: str = "type to filter"
    """what stands in the line while nothing is typed"""

    filter: var[str] = var("", init=False)
    """what is typed; empty: everything is shown"""

    def filter_stands(self) -> bool:
        """Whether what is typed can be left as it is."""
        return True

    @property
    def typing(self) -> Literal["", "editing", "filtering"]:
        """What letters go into while a line is open."""
        return "filtering" if self.query("#filter") else ""

    def states(self) -> tuple[When, ...]:
        if self.typing == "filtering":
            return ("filtering", "filtered")
        return (self.typing,) if self.typing else ("filtered",) if self.filter else ()

    def keys_now(self) -> list[Key]:
        keys = super().keys_now()
        if self.typing:
            return [key for key in keys if key.when in self.states() or key in EVERYWHERE]
        return keys

    async def action_filter(self) -> None:
        from tui.framework.filter_input import FilterInput

        line = FilterInput(self.filter, self.filter_hint)
        await line.open_in(self.query_one(self.filter_pane), before=0)
        self.show_keys()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.filter = event.value.strip()

    async def on_filter_input_closed(self, message: FilterInput.Closed) -> None:
        if message.keep and not self.filter_stands():
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
