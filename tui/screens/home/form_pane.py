"""The options of the selected profile: the form, its search, and the help of the field under the cursor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from textual.containers import Vertical
from textual.message import Message

from tui.framework.picker import Picker
from tui.framework.rows import Panel
from tui.framework.titles import set_subtitle, set_title
from tui.screens.home.form import Form, FormRow, drafts_of, value_problem
from tui.screens.home.form_entries import FormGroup, entries_of, search_rows
from tui.screens.home.form_view import FieldHelp, draw_field_help, form_lines, search_lines
from tui.screens.home.profile_form import ProfileForm

if TYPE_CHECKING:
    from textual.widgets import Input

    from tui.app import TrtbenchApp
    from tui.framework.filter_input import FilterInput


class FormPane(Vertical):
    """Holds the edited form and keeps it as a draft; posts a message when it changes."""

    @dataclass
    class Changed(Message):
        """A value of the form changed."""

        form: Form

    class Editing(Message):
        """The editor or the search was opened or closed, its text changed, or the cursor moved."""

    def __init__(self) -> None:
        self._fields = ProfileForm(id="profile-form")
        self._help = Panel(draw_field_help, id="field-help")
        super().__init__(self._fields, self._help, id="options", classes="framed")
        set_title(self, "options")
        self.form: Form | None = None
        """None: the selected profile is invalid"""
        self._problem = ""
        self.search = ""
        """the fields that contain these words are shown; empty: all"""

    @property
    def searching(self) -> bool:
        """Whether the line for the words of a search is open."""
        return bool(self.query("#field-search"))

    @property
    def group(self) -> FormGroup | None:
        """The group under the cursor; None: a field."""
        entry = self._fields.entry
        return entry if isinstance(entry, FormGroup) else None

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
        self.search = ""
        self.query("#field-search").remove()
        self._draw("")

    def _draw(self, cursor: str | None = None) -> None:
        """Show the entries; the cursor stays on its entry, or goes to that with a key, or up (empty)."""
        form = self.form
        if form is None:
            return
        rows = form.rows()
        if self.search:
            lines = search_lines(search_rows(rows, self.search), self.search)
        else:
            lines = form_lines(rows, entries_of(rows, drafts_of(self.app).unfolded))
        self._fields.show_form(lines, cursor)
        set_title(self, f"{form.saved.name}{' · changed' if form.changed else ''}")
        changes = sum(found.changed for found in rows)
        parts = [f"fields: {self.search}"] if self.search else []
        parts += [f"{changes} changed"] if form.past or changes else []
        parts += ["ctrl+z undo"] if form.past else []
        set_subtitle(self, " · ".join(parts))
        self._show_help()

    def _show_help(self) -> None:
        self._help.update(
            FieldHelp(self._fields.entry, self._problem, editing=self.editing, read_only=self.read_only)
        )

    # --- editing ------------------------------------------------------------------------------------

    async def edit(self) -> None:
        """Edit the field under the cursor: in place, or from a list of its choices; a group (un)folds."""
        self.screen.set_focus(self._fields)  # now: a later focus change would take it from the editor
        row = self._fields.current
        if (group := self.group) is not None:
            self._fold(group)
        elif row is not None and row.field.kind == "choice" and not self.read_only:
            await self._choose(row)
        else:
            self._fields.edit()
            self._show_help()
        self.post_message(self.Editing())

    def _fold(self, group: FormGroup) -> None:
        drafts_of(self.app).unfolded ^= {group.section}
        self._draw(group.key)
        self.post_message(self.Editing())

    async def _choose(self, row: FormRow) -> None:
        """Show the choices of a field; one that the other fields do not allow is not taken."""
        from tui.screens.dialogs.choose import Choice, ChooseScreen

        field, form = row.field, self.form
        choices = tuple(
            Choice(
                text,
                " · ".join(
                    name
                    for name, value in (("saved", row.saved), ("default", field.default))
                    if value == text
                ),
            )
            for text in field.choices
        )

        def problem(text: str) -> str:
            return self._problem_of(lambda form: form.with_value(field.path, text), field.path)

        def chosen(text: str | None) -> None:
            if text is not None and self.form is form:
                self._try_change(lambda form: form.with_value(field.path, text), field.path)

        dialog = ChooseScreen(field.path, field.help, choices, field.text, problem)
        await cast("TrtbenchApp", self.app).open_dialog(dialog, chosen)

    def accept(self) -> bool:
        """Apply the text of the editor, if it is open; return False if the value is not allowed."""
        row, text = self._fields.editing, self._fields.editor_text
        if row is None or self.form is None:
            return True
        return self._try_change(lambda form: form.with_value(row.field.path, text), row.field.path)

    def _try_change(self, change: Callable[[Form], Form], path: str) -> bool:
        """Change the form, or show below the fields why the value is not allowed."""
        from runner.profile.yaml_file import ProfileError

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

    async def on_picker_activated(self, event: Picker.Activated) -> None:
        event.stop()
        await self.edit()

    def on_profile_form_folding(self, message: ProfileForm.Folding) -> None:
        self._fold(message.group)

    def on_profile_form_typing(self) -> None:
        """Show while the user types whether the value is allowed."""
        row, text = self._fields.editing, self._fields.editor_text
        problem = ""
        if row is not None:
            path = row.field.path
            problem = self._problem_of(lambda form: form.with_value(path, text), path)
        self._show_problem(problem)
        self.post_message(self.Editing())

    def _problem_of(self, change: Callable[[Form], Form], path: str) -> str:
        """Return why a change is not allowed; empty if it is."""
        from runner.profile.yaml_file import ProfileError

        if self.form is not None:
            try:
                change(self.form)
            except ProfileError as error:
                return value_problem(error, path)
        return ""

    def on_profile_form_submitted(self) -> None:
        self.accept()

    def on_profile_form_cycled(self, message: ProfileForm.Cycled) -> None:
        if self.form is not None:
            row = message.row
            self._try_change(lambda form: form.with_next_choice(row, message.step), row.field.path)

    # --- searching fields -------------------------------------------------------------------------------

    async def open_search(self) -> None:
        """Open the line for the words of a search."""
        from tui.framework.filter_input import FilterInput

        line = FilterInput(self.search, "words of a field's name or description", id="field-search")
        await line.open_in(self, before=0)
        self.post_message(self.Editing())

    def show_all(self) -> None:
        """End the search; the cursor stays on its field, whose group is unfolded for it."""
        if not self.search:
            return
        self.search = ""
        row = self._fields.current
        if row is not None and not row.first:
            drafts_of(self.app).unfolded.add(row.field.section)
        self._draw()
        self.post_message(self.Editing())

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.search = event.value.strip()
        self._draw("")

    def on_filter_input_stepped(self, message: FilterInput.Stepped) -> None:
        message.stop()
        self._fields.action_move(message.step)

    async def on_filter_input_closed(self, message: FilterInput.Closed) -> None:
        message.stop()
        await self.query("#field-search").remove()
        self._fields.focus()
        if not message.keep:
            self.show_all()
        self.post_message(self.Editing())
