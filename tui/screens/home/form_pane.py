"""The options of the chosen profile: the form with what is said about the field under the cursor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual.containers import Vertical
from textual.message import Message

from tui.framework.picker import Picker
from tui.framework.rows import Panel
from tui.screens.home.form import Form, drafts_of, refusal
from tui.screens.home.form_rows import Help, ProfileForm, draw_help


class FormPane(Vertical):
    """Holds the form under change and keeps it as a draft; says when it changed."""

    @dataclass
    class Changed(Message):
        """A value of the form is another one."""

        form: Form

    class Editing(Message):
        """The editor was opened, typed into or closed."""

    def __init__(self) -> None:
        self._fields = ProfileForm(id="profile-form")
        self._help = Panel(draw_help, id="field-help")
        super().__init__(self._fields, self._help, id="options", classes="framed")
        self.border_title = "options"
        self.form: Form | None = None
        """None: the chosen profile cannot be used"""
        self._refused = ""

    @property
    def editing(self) -> bool:
        return self._fields.editing is not None

    @property
    def fixed(self) -> bool:
        """Nothing can be changed: the run that the form stands for is under way."""
        return self._fields.fixed

    def show(self, form: Form | None, *, fixed: bool) -> None:
        """Show another form from its first row; `fixed`: nothing of it can be changed."""
        self._fields.close_editor()
        self._fields.fixed = fixed
        self.form = form
        self._refused = ""
        self._draw(0)

    def _draw(self, cursor: int | None = None) -> None:
        form = self.form
        if form is None:
            return
        rows = form.rows()
        self._fields.show_form(rows, cursor)
        changes = sum(found.changed for found in rows)
        self.border_title = f"{form.saved.name}{' · changed' if form.changed else ''}"
        told = f"{changes} changed · u takes the last one back" if form.past else f"{changes} changed"
        self.border_subtitle = told if form.past or changes else ""
        self._show_help()

    def _show_help(self) -> None:
        self._help.update(Help(self._fields.current, self._refused, editing=self.editing, fixed=self.fixed))

    # --- changing it ------------------------------------------------------------------------------------

    def edit(self) -> None:
        """Open the editor over the field under the cursor."""
        self.screen.set_focus(self._fields)  # now: a focus that comes later would take it from the editor
        self._fields.edit()
        self._show_help()
        self.post_message(self.Editing())

    def accept(self) -> bool:
        """Take what is in the editor, if it is open; False when that is not allowed."""
        row, text = self._fields.editing, self._fields.editor_text
        if row is None or self.form is None:
            return True
        return self._try(lambda form: form.with_value(row.field.path, text), row.field.path)

    def _try(self, change: Callable[[Form], Form], path: str) -> bool:
        """Change the form, or say beside the field why that is not allowed."""
        from runner.profile.file import ProfileError

        assert self.form is not None
        try:
            form = change(self.form)
        except ProfileError as error:
            self._refuse(refusal(error, path))
            return False
        self._fields.close_editor()
        self._change(form)
        return True

    def return_to_editor(self) -> None:
        self._fields.focus_editor()

    def undo(self) -> bool:
        """Take the last change back; False when there is none."""
        return self._step(Form.undone)

    def redo(self) -> bool:
        """Make the change again that was taken back last; False when there is none."""
        return self._step(Form.redone)

    def _step(self, step: Callable[[Form], Form]) -> bool:
        if self.form is None or (form := step(self.form)) is self.form:
            return False
        self._change(form)
        return True

    @property
    def resettable(self) -> bool:
        """Whether the field under the cursor is another than saved."""
        row = self._fields.current
        return self.form is not None and row is not None and row.changed and not self._fields.fixed

    def reset(self) -> None:
        """Give the field under the cursor its saved value."""
        row = self._fields.current
        if self.form is not None and row is not None and self.resettable:
            self._try(lambda form: form.with_reset(row), row.field.path)

    def leave_editor(self) -> None:
        """Close the editor; the field stays as it was."""
        self._fields.close_editor()

    def _change(self, form: Form) -> None:
        self.form = form
        drafts_of(self.app).keep(form)
        self._refused = ""
        self._draw()
        self.post_message(self.Changed(form))

    def _refuse(self, why: str) -> None:
        self._refused = why
        self._show_help()

    # --- what the fields say ----------------------------------------------------------------------------

    def on_picker_chosen(self, event: Picker.Chosen) -> None:
        event.stop()
        self._show_help()
        self.post_message(self.Editing())

    def on_profile_form_refused(self) -> None:
        self.notify("this run is under way; choose its profile below to change options", markup=False)

    def on_profile_form_typing(self) -> None:
        """Say while it is typed whether a value would be taken."""
        from runner.profile.file import ProfileError

        row = self._fields.editing
        why = ""
        if row is not None and self.form is not None:
            try:
                self.form.with_value(row.field.path, self._fields.editor_text)
            except ProfileError as error:
                why = refusal(error, row.field.path)
        self._refuse(why)
        self.post_message(self.Editing())

    def on_profile_form_submitted(self) -> None:
        self.accept()

    def on_profile_form_cycled(self, message: ProfileForm.Cycled) -> None:
        if self.form is not None:
            row = message.row
            self._try(lambda form: form.with_next_choice(row, message.step), row.field.path)
