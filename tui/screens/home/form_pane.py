"""The options of the selected profile: the form, and the help of the field under the cursor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual.containers import Vertical
from textual.message import Message

from tui.framework.picker import Picker
from tui.framework.rows import Panel
from tui.framework.titles import set_subtitle, set_title
from tui.screens.home.form import Form, drafts_of, value_problem
from tui.screens.home.form_rows import FieldHelp, ProfileForm, draw_field_help


class FormPane(Vertical):
    """Holds the edited form and keeps it as a draft; posts a message when it changes."""

    @dataclass
    class Changed(Message):
        """A value of the form changed."""

        form: Form

    class Editing(Message):
        """The editor was opened or closed, its text changed, or the cursor moved."""

    def __init__(self) -> None:
        self._fields = ProfileForm(id="profile-form")
        self._help = Panel(draw_field_help, id="field-help")
        super().__init__(self._fields, self._help, id="options", classes="framed")
        set_title(self, "options")
        self.form: Form | None = None
        """None: the selected profile is invalid"""
        self._problem = ""

    @property
    def editing(self) -> bool:
        return self._fields.editing is not None

    @property
    def read_only(self) -> bool:
        """Whether the form shows the options of an active run."""
        return self._fields.read_only

    def show(self, form: Form | None, *, read_only: bool) -> None:
        """Show another form from its first row."""
        self._fields.close_editor()
        self._fields.read_only = read_only
        self.form = form
        self._problem = ""
        self._draw(0)

    def _draw(self, cursor: int | None = None) -> None:
        form = self.form
        if form is None:
            return
        rows = form.rows()
        self._fields.show_form(rows, cursor)
        changes = sum(found.changed for found in rows)
        set_title(self, f"{form.saved.name}{' · changed' if form.changed else ''}")
        summary = f"{changes} changed · u undo" if form.past else f"{changes} changed"
        set_subtitle(self, summary if form.past or changes else "")
        self._show_help()

    def _show_help(self) -> None:
        self._help.update(
            FieldHelp(self._fields.current, self._problem, editing=self.editing, read_only=self.read_only)
        )

    # --- editing ------------------------------------------------------------------------------------

    def edit(self) -> None:
        """Open the editor over the field under the cursor."""
        self.screen.set_focus(self._fields)  # now: a later focus change would take it from the editor
        self._fields.edit()
        self._show_help()
        self.post_message(self.Editing())

    def accept(self) -> bool:
        """Apply the text of the editor, if it is open; return False if the value is not allowed."""
        row, text = self._fields.editing, self._fields.editor_text
        if row is None or self.form is None:
            return True
        return self._try_change(lambda form: form.with_value(row.field.path, text), row.field.path)

    def _try_change(self, change: Callable[[Form], Form], path: str) -> bool:
        """Change the form, or show below the fields why the value is not allowed."""
        from runner.profile.file import ProfileError

        assert self.form is not None
        try:
            form = change(self.form)
        except ProfileError as error:
            self._show_problem(value_problem(error, path))
            return False
        self._fields.close_editor()
        self._change(form)
        return True

    def return_to_editor(self) -> None:
        self._fields.focus_editor()

    def undo(self) -> bool:
        """Undo the last change; return False if there is none."""
        return self._step(Form.undone)

    def redo(self) -> bool:
        """Redo the last undone change; return False if there is none."""
        return self._step(Form.redone)

    def _step(self, step: Callable[[Form], Form]) -> bool:
        if self.form is None or (form := step(self.form)) is self.form:
            return False
        self._change(form)
        return True

    @property
    def can_reset(self) -> bool:
        """Whether the field under the cursor differs from its saved value."""
        row = self._fields.current
        return self.form is not None and row is not None and row.changed and not self._fields.read_only

    def reset(self) -> None:
        """Reset the field under the cursor to its saved value."""
        row = self._fields.current
        if self.form is not None and row is not None and self.can_reset:
            self._try_change(lambda form: form.with_reset(row), row.field.path)

    def leave_editor(self) -> None:
        """Close the editor without a change."""
        self._fields.close_editor()

    def _change(self, form: Form) -> None:
        self.form = form
        drafts_of(self.app).keep(form)
        self._problem = ""
        self._draw()
        self.post_message(self.Changed(form))

    def _show_problem(self, problem: str) -> None:
        self._problem = problem
        self._show_help()

    # --- messages of the fields -------------------------------------------------------------------------

    def on_picker_chosen(self, event: Picker.Chosen) -> None:
        event.stop()
        self._show_help()
        self.post_message(self.Editing())

    def on_profile_form_read_only_edit(self) -> None:
        self.notify("the options of a run are read-only; select its profile below to edit them")

    def on_profile_form_typing(self) -> None:
        """Show while the user types whether the value is allowed."""
        from runner.profile.file import ProfileError

        row = self._fields.editing
        problem = ""
        if row is not None and self.form is not None:
            try:
                self.form.with_value(row.field.path, self._fields.editor_text)
            except ProfileError as error:
                problem = value_problem(error, row.field.path)
        self._show_problem(problem)
        self.post_message(self.Editing())

    def on_profile_form_submitted(self) -> None:
        self.accept()

    def on_profile_form_cycled(self, message: ProfileForm.Cycled) -> None:
        if self.form is not None:
            row = message.row
            self._try_change(lambda form: form.with_next_choice(row, message.step), row.field.path)
