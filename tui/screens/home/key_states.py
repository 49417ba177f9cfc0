"""The valid keys of the home screen, which depend on the focus and on changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from tui.framework.filtering import FilteringScreen, Typing
from tui.framework.keymap import Key, KeyState

if TYPE_CHECKING:
    from tui.screens.home.catalogue import ProfileItem, ProfileListing
    from tui.screens.home.command_pane import CommandPane
    from tui.screens.home.form import Form
    from tui.screens.home.form_pane import FormPane
    from tui.screens.home.profile_list import ProfileList


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
    def _list(self) -> ProfileList:
        return cast("ProfileList", self.query_one("#profile-list"))

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
        if self.opening or self.typing in ("editing", "filtering"):
            return super().key_states()
        if self.typing == "searching":
            return ("searching", "searched")
        if self._is_in_options:
            group = self._pane.group
            here: KeyState = "filling" if group is None else "unfolded" if group.unfolded else "folded"
            return (here, "searched" if self._pane.search else "inside")
        if self.focused is self._commands:
            return ("inside",)
        state: tuple[KeyState, ...] = super().key_states()
        if not state and self._listing is not None and self._listing.newcomer:
            state = ("welcome",)
        item = self._item
        if item is None or item.error:
            return state
        return ("joining" if item.run else "sweeping" if self.offers_sweep else "listing", *state)

    @property
    def _is_in_options(self) -> bool:
        return not self.opening and self._pane.has_focus_within

    @property
    def offers_sweep(self) -> bool:
        """Whether the form of the selected profile has the axes of a sweep."""
        form = None if self.opening else self._form
        return form is not None and form.profile.sweep is not None and bool(form.profile.sweep.axes)

    @property
    def typing(self) -> Typing:
        if self.opening:
            return super().typing
        return "editing" if self._pane.editing else "searching" if self._pane.searching else super().typing

    def is_key_enabled(self, key: Key) -> bool:
        """Hide keys that have nothing to act on."""
        if not super().is_key_enabled(key) or self.opening:
            return key.action == "quit"
        # The footer asks for every key after each key press, so only what a key needs is looked up.
        match key.action:
            case "run":
                return key.when != "filling" or not self._pane.read_only
            case "edit":
                return self._is_editable and not self._is_in_options
            case "save_as":
                return self._form is not None
            case "sweep":
                return self._is_editable and not self.offers_sweep
            case "tune":
                return self._is_editable
            case "undo":
                return bool(self._form and self._form.past)
            case "redo":
                return bool(self._form and self._form.future)
            case "reset":
                return self._pane.can_reset
            case "check_profile":
                return self.needs_consent
            case "start":
                return self._is_editable and self.focused is not self._list
        return True

    @property
    def _is_editable(self) -> bool:
        pane = self._pane
        return pane.form is not None and not pane.read_only

    def on_form_pane_editing(self) -> None:
        self.show_keys()
