"""The valid keys of the home screen, which depend on the focus and on changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from tui.framework.filtering import FilteringScreen
from tui.framework.keymap import Key, KeyState

if TYPE_CHECKING:
    from tui.screens.home.catalogue import ProfileItem, ProfileListing
    from tui.screens.home.command_pane import CommandPane
    from tui.screens.home.form import Form
    from tui.screens.home.form_pane import FormPane


class HomeKeys(FilteringScreen):
    """The base of the home screen: what keys act on, and when they are valid."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._item: ProfileItem | None = None
        """the selected item of the list"""
        self._listing: ProfileListing | None = None
        """all items; None: not read yet"""
        self.opening = True  # until the panes are mounted

    @property
    def _pane(self) -> FormPane:
        return cast("FormPane", self.query_one("#options"))

    @property
    def _commands(self) -> CommandPane:
        return cast("CommandPane", self.query_one("#commands"))

    @property
    def _form(self) -> Form | None:
        """The form of the selected profile; None if that is invalid or not read yet."""
        return self._pane.form

    @property
    def needs_consent(self) -> bool:
        """Whether looking at the selected profile would start programs that another user may have named."""
        from tui.screens.home.form import drafts_of

        item, form = self._item, None if self.opening else self._form
        if item is None or form is None or item.run is not None:
            return False
        drafts = drafts_of(self.app)
        is_foreign = item.name in drafts.foreign
        return is_foreign or not (item.trusted or drafts.allowed.get(item.name) == form.saved)

    def allow_programs(self) -> None:
        """Let programs start that the selected profile names."""
        from tui.screens.home.form import drafts_of

        if self._form is not None:
            drafts_of(self.app).allow(self._form.saved)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable all actions but quit until the panes are mounted."""
        if action in ("filter", "edit") and self.typing:
            return False
        return not self.opening or action == "quit"

    def key_states(self) -> tuple[KeyState, ...]:
        if states := super().key_states():
            return states
        return ("welcome",) if self._listing is not None and self._listing.newcomer else ()

    @property
    def typing(self) -> Literal["", "editing", "filtering"]:
        return "editing" if not self.opening and self._pane.editing else super().typing

    def is_key_enabled(self, key: Key) -> bool:
        """Hide keys that have nothing to act on."""
        if not super().is_key_enabled(key) or self.opening:
            return key.action == "quit"
        form = self._form
        return {
            "edit": form is not None and not self._pane.read_only,
            "save_as": form is not None,
            "sweep": form is not None and not self._pane.read_only,
            "undo": form is not None and bool(form.past),
            "redo": form is not None and bool(form.future),
            "reset": self._pane.can_reset,
            "check_profile": self.needs_consent,
            "start": self._item is not None and not self._item.error,
            "run": key.when == "filtering" or (self._item is not None and not self._item.error),
        }.get(key.action, True)

    def on_form_pane_editing(self) -> None:
        self.show_keys()
