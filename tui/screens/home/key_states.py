"""The keys of the home screen: which of them mean something depends on where one is and what was changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from tui.framework.filtering import FilteringScreen
from tui.framework.keymap import Key, When

if TYPE_CHECKING:
    from tui.screens.home.catalogue import Item, Listing
    from tui.screens.home.command_pane import CommandPane
    from tui.screens.home.form import Form
    from tui.screens.home.form_pane import FormPane


class HomeKeys(FilteringScreen):
    """What the keys act on, and when."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._item: Item | None = None
        """what is chosen in the list"""
        self._listing: Listing | None = None
        """everything that can be listed; None: it was not read yet"""
        self._ready = False
        """the panes are there"""

    @property
    def _pane(self) -> FormPane:
        return cast("FormPane", self.query_one("#options"))

    @property
    def _commands(self) -> CommandPane:
        return cast("CommandPane", self.query_one("#commands"))

    @property
    def _form(self) -> Form | None:
        """The form of the chosen profile; None when that cannot be used, or was not read yet."""
        return self._pane.form

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key pressed before there is anything to act on does nothing, but for leaving."""
        if action in ("filter", "edit") and self.typing:
            return False
        return self._ready or action == "quit"

    def states(self) -> tuple[When, ...]:
        if states := super().states():
            return states
        return ("welcome",) if self._listing is not None and self._listing.newcomer else ()

    @property
    def typing(self) -> Literal["", "editing", "filtering"]:
        return "editing" if self._ready and self._pane.editing else super().typing

    def can(self, key: Key) -> bool:
        """Keys that would only say that there is nothing to do are not shown."""
        if not super().can(key) or not self._ready:
            return key.action == "quit"
        form = self._form
        return {
            "edit": form is not None and not self._pane.fixed,
            "save_as": form is not None,
            "sweep": form is not None and not self._pane.fixed,
            "undo": form is not None and bool(form.past),
            "redo": form is not None and bool(form.future),
            "reset": self._pane.resettable,
            "run": key.when == "filtering" or (self._item is not None and not self._item.error),
        }.get(key.action, True)

    def on_form_pane_editing(self) -> None:
        self.show_keys()
