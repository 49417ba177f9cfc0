"""Asking for the name under which a profile is saved."""

from __future__ import annotations

import re
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from runner import paths
from runner.errors import UserError
from runner.profile import store as profile_store
from runner.schema.base import NAME_PATTERN, Profile
from tui.framework.rows import Panel, Row, Span, dim, row
from tui.text import wrap


class SaveAs(ModalScreen[Profile | None]):
    """Saves the profile under the name that is typed; the answer is the profile as saved, or nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "do not save", show=False)]

    def __init__(self, profile: Profile) -> None:
        super().__init__()
        self._profile = profile
        stored = profile_store.list_profiles()
        self._mine = {found.name for found in stored if found.origin == "mine"}
        self._built_in = {found.name for found in stored if found.origin == "built in"}

    def compose(self) -> ComposeResult:
        with Vertical(classes="framed dialog", id="save-as") as dialog:
            dialog.border_title = "save as"
            name = suggested_name(self._profile.name, self._mine, self._built_in)
            entry = Input(name, compact=True, id="save-name")
            entry.cursor_blink = False
            yield entry
            yield Panel(_draw_verdict, id="save-verdict")

    def on_mount(self) -> None:
        self._judge(self.query_one(Input).value)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._judge(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        name = event.value.strip()
        if refusal(name, self._profile.name, self._mine, self._built_in):
            return
        profile = msgspec.structs.replace(self._profile, name=name)
        try:
            profile_store.save_as(profile, replace=name == self._profile.name)
        except UserError as error:
            self._tell(str(error), "bad")
            return
        self.dismiss(profile)

    def action_cancel(self) -> None:
        self.dismiss(None)

    def _judge(self, text: str) -> None:
        name = text.strip()
        refused = refusal(name, self._profile.name, self._mine, self._built_in)
        if refused:
            self._tell(refused, "bad")
        elif name in self._mine:
            self._tell(f"Enter replaces your saved profile {name}", "warn")
        else:
            self._tell(f"Enter saves it as {paths.user_profiles_dir().name}/{name}.yaml, among your own", "")

    def _tell(self, text: str, style: str) -> None:
        verdict: Panel[tuple[str, str]] = self.query_one("#save-verdict", Panel)
        verdict.update((text, style))


def suggested_name(name: str, mine: set[str], built_in: set[str]) -> str:
    """The own name of a profile of the user, or of one not saved yet; a free one like that of a built-in."""
    if name not in built_in:
        return name
    number = 2
    while f"{name}-{number}" in mine | built_in:
        number += 1
    return f"{name}-{number}"


def refusal(name: str, present: str, mine: set[str], built_in: set[str]) -> str:
    """Why a profile called `present` cannot be saved under a name; empty when it can."""
    if not re.fullmatch(NAME_PATTERN, name):
        return (
            "a name has letters, digits, dot, dash and underscore, starts with a letter or digit, at most 64"
        )
    if name in built_in:
        return f"{name} is a built-in profile; choose another name"
    if name in mine and name != present:
        return f"you have another profile called {name}; choose another name"
    return ""


def _draw_verdict(verdict: tuple[str, str], width: int, height: int) -> list[Row]:
    text, style = verdict
    return [
        *(row(Span(line, style)) for line in wrap(text, width)),
        row(),
        row(Span("enter", "key"), dim(" save   "), Span("esc", "key"), dim(" do not save")),
    ]
