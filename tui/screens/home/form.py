"""The form of a profile without its drawing: what was changed, and taking it back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from runner.errors import UserError
from runner.profile.fields import Field, edited, fields
from runner.profile.file import ProfileError
from runner.schema.base import Profile

if TYPE_CHECKING:
    from textual.app import App

NAME = "name"
"""Not a row of the form: a profile gets another name by being saved under it."""


@dataclass(frozen=True, slots=True)
class FormRow:
    """One field as the form shows it."""

    field: Field
    saved: str | None
    """the value of the saved profile; None when that has no such field"""

    @property
    def changed(self) -> bool:
        return self.field.text != self.saved


@dataclass(frozen=True, slots=True)
class Form:
    """A profile under change: as it is saved, as it stands now, and the steps between."""

    saved: Profile
    profile: Profile
    past: tuple[Profile, ...] = ()
    """what `undone` goes back to, the latest last"""
    future: tuple[Profile, ...] = ()
    """what `redone` goes on to, the nearest last"""

    @property
    def changed(self) -> bool:
        return self.profile != self.saved

    def rows(self) -> list[FormRow]:
        """Every row, sections together, in the order in which they are drawn."""
        saved = {found.path: found.text for found in fields(self.saved)}
        rows = [FormRow(found, saved.get(found.path)) for found in fields(self.profile) if found.path != NAME]
        # A section inside a section interrupts its fields in the order of definition.
        order = {
            section: number for number, section in enumerate(dict.fromkeys(r.field.section for r in rows))
        }
        return sorted(rows, key=lambda found: order[found.field.section])

    def with_value(self, path: str, text: str) -> Form:
        """The form after one field was set; the same form when that changes nothing.

        Raises:
            ProfileError: the value is not allowed.
        """
        return self.with_profile(edited(self.profile, path, text))

    def with_profile(self, profile: Profile) -> Form:
        """The form with other values, as one step; the same form when nothing is different."""
        if profile == self.profile:
            return self
        return replace(self, profile=profile, past=(*self.past, self.profile), future=())

    def with_reset(self, row: FormRow) -> Form:
        """The form with one field as it is saved; where the saved profile has none, as its default.

        Raises:
            ProfileError: beside the other changes, the saved value is not allowed.
        """
        text = row.field.default if row.saved is None else row.saved
        return self if text is None else self.with_value(row.field.path, text)

    def with_next_choice(self, row: FormRow, step: int) -> Form:
        """The form with a field of choices moved on to the next (1) or previous (-1) one that is allowed.

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
        """The form before the last change."""
        if not self.past:
            return self
        return replace(self, profile=self.past[-1], past=self.past[:-1], future=(*self.future, self.profile))

    def redone(self) -> Form:
        """The form with the change that was taken back last."""
        if not self.future:
            return self
        return replace(
            self, profile=self.future[-1], past=(*self.past, self.profile), future=self.future[:-1]
        )

    def saved_as(self, profile: Profile) -> Form:
        """The form after the file of its profile was read again: changes stay changes."""
        return Form(profile, profile) if not self.changed else replace(self, saved=profile)


def open_form(profile: Profile) -> Form:
    return Form(saved=profile, profile=profile)


def refusal(error: ProfileError, path: str) -> str:
    """Why a value is not taken, in a sentence for the row it was typed into."""
    return "; ".join(
        problem.message if problem.path == path else f"{problem.path}: {problem.message}"
        for problem in error.problems
    )


@dataclass
class Drafts:
    """What the user left on the home screen: it is there again after a look at another screen."""

    forms: dict[str, Form] = field(default_factory=dict)
    """changed profiles by name"""
    made: dict[str, Profile] = field(default_factory=dict)
    """profiles that were never saved, by name: of a built engine, or of a run whose profile is gone"""
    chosen: str = ""
    """name of the profile that the cursor was on"""

    def keep(self, form: Form) -> None:
        """Remember the form when it holds changes, forget it otherwise."""
        name = form.saved.name
        if form.changed or form.past or form.future:
            self.forms[name] = form
        else:
            self.forms.pop(name, None)

    def form_of(self, profile: Profile) -> Form:
        """The form of a profile, with what was changed in it before."""
        kept = self.forms.get(profile.name)
        return open_form(profile) if kept is None else kept.saved_as(profile)


def take_variant(drafts: Drafts, profile: Profile) -> None:
    """Put a profile that is not saved in front of the user: as changes of the saved one of its name, if any.

    What was changed in that before is one undo away.
    """
    from runner.profile import store

    drafts.chosen = profile.name
    try:
        saved = store.find(profile.name).load()
    except UserError:
        drafts.made[profile.name] = profile
        return
    drafts.keep(drafts.form_of(saved).with_profile(profile))


_drafts: WeakKeyDictionary[App[Any], Drafts] = WeakKeyDictionary()


def drafts_of(app: App[Any]) -> Drafts:
    """The drafts of one dashboard; they live as long as it does."""
    return _drafts.setdefault(app, Drafts())
