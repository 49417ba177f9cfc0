"""Log keys shared by the screens with a log: search, next match, level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from tui.screens.live.log_view import LogView

if TYPE_CHECKING:
    from textual.widgets import Input

    from tui.framework.filter_input import FilterInput


class LogKeys(Screen[None]):
    """A screen with one `LogView`; `update_search` makes room for the search input."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.searching = False
        """whether the search input is open"""

    @property
    def log_view(self) -> LogView:
        return self.query_one(LogView)

    def update_search(self) -> None:
        """Update the layout after the search input opened or closed."""

    async def action_search(self) -> None:
        from tui.framework.filter_input import FilterInput

        window = self.log_view.window
        if window is None:
            return
        self.searching = True
        text = window.search.text if window.search is not None else ""
        line = FilterInput(text, "search the log", id="search")
        self.update_search()
        await line.open_in(self)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._find(event.value)

    def on_filter_input_closed(self, message: FilterInput.Closed) -> None:
        self.query("#search").remove()
        self.searching = False
        self.update_search()
        if not message.keep:
            self._find("")

    def on_filter_input_stepped(self, message: FilterInput.Stepped) -> None:
        self.action_match(message.step)

    def action_match(self, direction: int) -> None:
        if self.log_view.window is not None:
            self.log_view.window.step_match(direction)
            self.log_view.draw()

    def action_log_level(self) -> None:
        if self.log_view.window is not None:
            self.log_view.window.next_level()
            self.log_view.draw()

    def clear_search(self) -> bool:
        """End the search. Return whether there was one."""
        window = self.log_view.window
        if window is None or window.search is None:
            return False
        self._find("")
        return True

    def _find(self, text: str) -> None:
        window = self.log_view.window
        if window is not None:
            window.find(text)
            self.log_view.draw()
