"""The state of a profile form, without drawing: changes, undo and redo."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from runner.engines.registry import find_engine
from runner.profile.fields import Field, edit_field, fields
from runner.profile.yaml_file import ProfileError
from runner.schema.base import Profile
from runner.util.errors import UserError
from tui.screens.home.arrangement import Arrangement

if TYPE_CHECKING:
    from textual.app import App

NAME = "name"
"""Not a row of the form: a profile is renamed by saving it under another name."""


@dataclass(frozen=True, slots=True)
class FormRow:
    """One field as the form shows it."""

    field: Field
    saved: str | None
    """the value in the saved profile; None if it has no such field"""
    first: bool = False
    """one of the fields that users change most; the others are in the group of their section"""

    @property
    def changed(self) -> bool:
        return self.field.text != self.saved

    @property
    def key(self) -> str:
        """Identifies the row, also after a change."""
        return self.field.path


@dataclass(frozen=True, slots=True)
class Form:
    """A profile that is edited: its saved and current values, and the changes between them."""

    saved: Profile
    profile: Profile
    past: tuple[Profile, ...] = ()
    """the values that `undone` restores, latest last"""
    future: tuple[Profile, ...] = ()
    """the values that `redone` restores, next one last"""

    @property
    def changed(self) -> bool:
        return self.profile != self.saved

    def rows(self) -> list[FormRow]:
        """Return all rows in drawing order: the fields that users change most, then section by section."""
        saved = {found.path: found.text for found in fields(self.saved)}
        first = list(find_engine(self.profile.engine).first_fields(self.profile))
        rows = [
            FormRow(found, saved.get(found.path), found.path in first)
            for found in fields(self.profile)
            if found.path != NAME
        ]
        # In definition order, a nested section would interrupt the fields of the outer one.
        sections = list(dict.fromkeys(found.field.section for found in rows))

        def place(found: FormRow) -> int:
            field = found.field
            return first.index(field.path) if found.first else len(first) + sections.index(field.section)

        return sorted(rows, key=place)

    def with_value(self, path: str, text: str) -> Form:
        """Return the form with a field set; the same form if the value is unchanged.

        Raises:
            ProfileError: the value is not allowed.
        """
        return self.with_profile(edit_field(self.profile, path, text))

    def with_profile(self, profile: Profile) -> Form:
        """Return the form with other values as one change; the same form if they are equal."""
        if profile == self.profile:
            return self
        return replace(self, profile=profile, past=(*self.past, self.profile), future=())

    def with_reset(self, row: FormRow) -> Form:
        """Return the form with a field reset to its saved value, or else to its default.

        Raises:
            ProfileError: with the other changes, the saved value is not allowed.
        """
        text = row.field.default if row.saved is None else row.saved
        return self if text is None else self.with_value(row.field.path, text)

    def with_next_choice(self, row: FormRow, step: int) -> Form:
        """Return the form with a choice field set to the next (1) or previous (-1) allowed choice.

        Raises:
            ProfileError: no other choice is allowed.
        """
        choices = row.field.choices
        position = choices.index(row.field.text)
        for distance in range(1, len(choices)):
            choice = choices[(position + step * distance) % len(choices)]
            try:
                return self.with_value(row.field.path, choice)
            except ProfileError:
                if distance == len(choices) - 1:
                    raise
        return self

    def undone(self) -> Form:
        """Return the form before the last change."""
        if not self.past:
            return self
        return replace(self, profile=self.past[-1], past=self.past[:-1], future=(*self.future, self.profile))

    def redone(self) -> Form:
        """Return the form with the last undone change."""
        if not self.future:
            return self
        return replace(
            self, profile=self.future[-1], past=(*self.past, self.profile), future=self.future[:-1]
        )

    def with_saved(self, profile: Profile) -> Form:
        """Return the form for a new version of the saved profile; changes are kept."""
        return Form(profile, profile) if not self.changed else replace(self, saved=profile)


def open_form(profile: Profile) -> Form:
    return Form(saved=profile, profile=profile)


def value_problem(error: ProfileError, path: str) -> str:
    """Return why a value is not allowed, as a sentence for the row of the field."""
    return "; ".join(
        problem.message if problem.path == path else f"{problem.path}: {problem.message}"
        for problem in error.problems
    )


@dataclass
class Drafts:
    """The edits of the home screen, kept while other screens are shown."""

    forms: dict[str, Form] = field(default_factory=dict)
    """changed profiles by name"""
    unsaved: dict[str, Profile] = field(default_factory=dict)
    """never saved profiles by name: of an engine, or of a run whose profile was deleted"""
    foreign: set[str] = field(default_factory=set)
    """names of profiles with values of a run that was not started here"""
    allowed: dict[str, Profile] = field(default_factory=dict)
    """saved profiles, by name, whose programs the user allowed to start"""
    chosen: str = ""
    """name of the profile under the cursor"""
    arrangement: Arrangement = field(default_factory=Arrangement)
    """the order of the list of profiles"""
    unfolded: set[str] = field(default_factory=set)
    """sections whose fields the form shows"""

    def allow(self, profile: Profile) -> None:
        """Let programs start that a saved profile and its draft name."""
        self.allowed[profile.name] = profile
        self.foreign.discard(profile.name)

    def keep(self, form: Form) -> None:
        """Keep the form if it has changes or an undo history; drop it otherwise."""
        name = form.saved.name
        if form.changed or form.past or form.future:
            self.forms[name] = form
        else:
            self.forms.pop(name, None)

    def form_of(self, profile: Profile) -> Form:
        """Return the form of a profile, with earlier changes."""
        kept = self.forms.get(profile.name)
        return open_form(profile) if kept is None else kept.with_saved(profile)


def add_variant(drafts: Drafts, profile: Profile) -> None:
    """Select an unsaved profile on the home screen.

    If a profile with its name is saved, the values become changes of that profile; undo restores earlier
    changes.
    """
    from runner.profile import store

    drafts.chosen = profile.name
    try:
        saved = store.find(profile.name).load()
    except UserError:
        drafts.unsaved[profile.name] = profile
        return
    drafts.keep(drafts.form_of(saved).with_profile(profile))


_drafts: WeakKeyDictionary[App[Any], Drafts] = WeakKeyDictionary()


def drafts_of(app: App[Any]) -> Drafts:
    """Return the drafts of an app; they exist as long as the app."""
    return _drafts.setdefault(app, Drafts())
