"""Filtering a list as one types: what the screens with a list have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui.screens.keyed import KeyedScreen
from tui.widgets.picker import Picker

if TYPE_CHECKING:
    from textual.widgets import Input

    from tui.widgets.filter_input import FilterInput


class FilteringScreen(KeyedScreen):
    """A screen with one list to filter, in a pane of its own; `apply_filter` shows what is left."""

    filter_pane: str
    """selector of the pane that gets the line to type into"""
    filter_list: str
    """selector of the list"""
    filter_hint: str = "type to filter"
    """what stands in the line while nothing is typed"""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filter = ""
        """what is typed; empty: everything is shown"""

    def apply_filter(self) -> None:
        """Show the list as `filter` says."""
        raise NotImplementedError

    def filter_stands(self) -> bool:
        """Whether what is typed can be left as it is."""
        return True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In the line itself its key is a character."""
        return action != "filter" or not self.query("#filter")

    async def action_filter(self) -> None:
        from tui.widgets.filter_input import FilterInput

        line = FilterInput(self.filter, self.filter_hint)
        await line.open_in(self.query_one(self.filter_pane), before=0)

    def on_input_changed(self, event: Input.Changed) -> None:
        self.filter = event.value.strip()
        self.apply_filter()

    def on_filter_input_closed(self, message: FilterInput.Closed) -> None:
        if message.keep and not self.filter_stands():
            return
        self.query("#filter").remove()
        self.query_one(self.filter_list).focus()
        if not message.keep:
            self.action_show_all()

    def on_filter_input_stepped(self, message: FilterInput.Stepped) -> None:
        picker = self.query_one(self.filter_list)
        assert isinstance(picker, Picker)
        picker.action_move(message.step)

    def action_show_all(self) -> None:
        if self.filter:
            self.filter = ""
            self.apply_filter()
