"""The options of the chosen profile: the form with what is said about the field under the cursor."""

from __future__ import annotations

from dataclasses import dataclass

from textual.containers import Vertical
from textual.message import Message

from tui.form import Form, drafts_of, refusal
from tui.widgets.picker import Picker
from tui.widgets.profile_form import Help, ProfileForm, draw_help
from tui.widgets.rows import Panel


class FormPane(Vertical):
    """Holds the form under change and keeps it as a draft; says when it changed."""

    @dataclass
    class Changed(Message):
        """A value of the form is another one."""

        form: Form

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
        self._help.update(Help(self._fields.current, self._refused, editing=self.editing))

    # --- changing it ------------------------------------------------------------------------------------

    def edit(self) -> None:
        """Open the editor over the field under the cursor."""
        self._fields.focus()
        self._fields.edit()
        self._show_help()

    def accept(self) -> bool:
        """Take what is in the editor, if it is open; False when that is not allowed."""
        row = self._fields.editing
        if row is None or self.form is None:
            return True
        from runner.profile.file import ProfileError

        try:
            form = self.form.with_value(row.field.path, self._fields.editor_text)
        except ProfileError as error:
            self._refuse(refusal(error, row.field.path))
            return False
        self._fields.close_editor()
        self._change(form)
        return True

    def return_to_editor(self) -> None:
        self._fields.focus_editor()

    def undo(self) -> bool:
        """Take the last change back; False when there is none."""
        if self.form is None or not self.form.past:
            return False
        self._change(self.form.undone())
        return True

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

    def on_profile_form_refused(self) -> None:
        self.notify("this run is under way; choose its profile below to change options", markup=False)

    def on_profile_form_typing(self) -> None:
        self._refuse("")

    def on_profile_form_submitted(self) -> None:
        self.accept()

    def on_profile_form_cycled(self, message: ProfileForm.Cycled) -> None:
        from runner.profile.file import ProfileError

        if self.form is None:
            return
        try:
            self._change(self.form.with_next_choice(message.row, message.step))
        except ProfileError as error:
            self._refuse(refusal(error, message.row.field.path))
