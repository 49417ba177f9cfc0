"""A dialog that asks for a name and saves a profile under it."""

from __future__ import annotations

import re
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from runner.profile import store as profile_store
from runner.schema.base import NAME_PATTERN, Profile
from runner.util import paths
from runner.util.errors import UserError
from tui.framework.rows import Panel, Row, Span, dim, row
from tui.framework.titles import set_title
from tui.text import wrap


class SaveAsScreen(ModalScreen[Profile | None]):
    """Saves the profile under the typed name; the result is the saved profile, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "cancel", show=False)]

    def __init__(self, profile: Profile) -> None:
        super().__init__()
        self._profile = profile
        stored = profile_store.list_profiles()
        self._mine = {found.name for found in stored if found.origin == "mine"}
        self._built_in = {found.name for found in stored if found.origin == "built in"}

    def compose(self) -> ComposeResult:
        with Vertical(classes="framed dialog", id="save-as") as dialog:
            set_title(dialog, "save as")
            name = suggest_name(self._profile.name, self._mine, self._built_in)
            entry = Input(name, compact=True, id="save-name")
            entry.cursor_blink = False
            yield entry
            yield Panel(_draw_message, id="save-verdict")

    def on_mount(self) -> None:
        self._validate(self.query_one(Input).value)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._validate(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        name = event.value.strip()
        if name_problem(name, self._profile.name, self._mine, self._built_in):
            return
        profile = msgspec.structs.replace(self._profile, name=name)
        try:
            profile_store.save_as(profile, replace=name == self._profile.name)
        except UserError as error:
            self._show(str(error), "bad")
            return
        self.dismiss(profile)

    def action_cancel(self) -> None:
        self.dismiss(None)

    def _validate(self, text: str) -> None:
        name = text.strip()
        problem = name_problem(name, self._profile.name, self._mine, self._built_in)
        if problem:
            self._show(problem, "bad")
        elif name in self._mine:
            self._show(f"replaces your saved profile {name}", "warn")
        else:
            self._show(f"saves to {paths.user_profiles_dir().name}/{name}.yaml, with your profiles", "")

    def _show(self, text: str, style: str) -> None:
        panel: Panel[tuple[str, str]] = self.query_one("#save-verdict", Panel)
        panel.update((text, style))


def suggest_name(name: str, mine: set[str], built_in: set[str]) -> str:
    """Return the name of a user's or unsaved profile; for a built-in one, a free name with a number."""
    if name not in built_in:
        return name
    number = 2
    while f"{name}-{number}" in mine | built_in:
        number += 1
    return f"{name}-{number}"


def name_problem(name: str, current: str, mine: set[str], built_in: set[str]) -> str:
    """Return why the profile `current` cannot be saved under a name; empty if it can."""
    if not re.fullmatch(NAME_PATTERN, name):
        return (
            "allowed: up to 64 letters, digits, dots, dashes and underscores; starts with a letter or digit"
        )
    if name in built_in:
        return f"{name} is a built-in profile; choose another name"
    if name in mine and name != current:
        return f"you have another profile called {name}; choose another name"
    return ""


def _draw_message(message: tuple[str, str], width: int, height: int) -> list[Row]:
    text, style = message
    return [
        *(row(Span(line, style)) for line in wrap(text, width)),
        row(),
        row(Span("enter", "key"), dim(" save   "), Span("esc", "key"), dim(" cancel")),
    ]
