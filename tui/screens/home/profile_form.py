"""The options of a profile as lines to edit; the editor is created when it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from tui.framework.picker import LinePicker
from tui.framework.rows import Row
from tui.screens.home.form import FormRow
from tui.screens.home.form_entries import FormEntry, FormGroup
from tui.screens.home.form_view import FormLines, draw_form

if TYPE_CHECKING:
    from textual.widgets import Input

SHORTEST_EDITOR = 8


class ProfileForm(LinePicker):
    """Shows fields and groups of them, and collects input; `FormPane` decides whether a value is allowed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,right", "cycle(1)", "next choice, or unfold", show=False),
        Binding("left", "cycle(-1)", "previous choice, or fold", show=False),
        Binding("escape", "cancel", "cancel", show=False),
    ]

    @dataclass
    class Submitted(Message):
        """A value was typed and confirmed."""

        path: str
        text: str

    @dataclass
    class Cycled(Message):
        """A choice field should change to the next choice."""

        row: FormRow
        step: int

    @dataclass
    class Folding(Message):
        """A group should be folded or unfolded."""

        group: FormGroup

    class ReadOnlyEdit(Message):
        """The user tried to edit a read-only form."""

    class Typing(Message):
        """The text in the editor changed, or the editor was closed."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.lines_shown = FormLines()
        self._editor: Input | None = None
        self.read_only = False
        self.editing: FormRow | None = None
        """the row under the editor"""

    @property
    def editor_text(self) -> str:
        return self._editor.value if self._editor is not None else ""

    @property
    def entry(self) -> FormEntry | None:
        """The field or group under the cursor; None: there is none."""
        entries = self.lines_shown.entries
        return entries[self.chosen] if self.chosen < len(entries) else None

    @property
    def current(self) -> FormRow | None:
        """The field under the cursor; None: a group, or nothing."""
        return self.entry if isinstance(self.entry, FormRow) else None

    def show_form(self, lines: FormLines, cursor: str | None = None) -> None:
        """Show entries with the cursor on the one whose key is `cursor`; None: the cursor keeps its place."""
        wanted = cursor if cursor is not None else self.entry.key if self.entry is not None else ""
        keys = [entry.key for entry in lines.entries]
        self.lines_shown = lines
        chosen = keys.index(wanted) if wanted in keys else min(self.chosen, max(0, len(keys) - 1))
        self.show_lines(lambda width: draw_form(lines, width), 0 if cursor == "" else chosen)

    def on_resize(self) -> None:
        self._place_editor()

    def _line(self, y: int) -> tuple[Row, bool]:
        """Highlight the row only with focus: the profile list next to it has a cursor of its own."""
        drawn, chosen = super()._line(y)
        return drawn, chosen and (self.has_focus or self.editing is not None)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    # --- the editor -------------------------------------------------------------------------------------

    def edit(self, text: str | None = None) -> None:
        """Open the editor over the current field, with its value or with `text`."""
        chosen = self.current
        if chosen is None or self.editing is not None:
            return
        if self.read_only:
            self.post_message(self.ReadOnlyEdit())
            return
        from textual.widgets import Input  # importing it takes a tenth of the start

        self.editing = chosen
        value = chosen.field.text if text is None else text
        self._editor = Input(value, compact=True, select_on_focus=False, id="editor")
        self._editor.cursor_position = len(value)
        self._editor.cursor_blink = False
        self._place_editor()
        self.mount(self._editor)
        self.screen.set_focus(self._editor)

    def close_editor(self) -> None:
        """Remove the editor and discard its text."""
        editor, self._editor, self.editing = self._editor, None, None
        if editor is None:
            return
        had_focus = self.screen.focused is editor
        editor.remove()
        if had_focus:
            self.focus()
        self.post_message(self.Typing())

    def focus_editor(self) -> None:
        if self._editor is not None:
            self._editor.focus()

    def _place_editor(self) -> None:
        if self._editor is None:
            return
        column = self.lines_shown.value_column(self.size.width)
        self._editor.styles.offset = (column, self.lines_of(self.chosen).start - self.first)
        self._editor.styles.width = max(SHORTEST_EDITOR, self.size.width - column)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Typing())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self.editing is not None:
            self.post_message(self.Submitted(self.editing.field.path, event.value))

    # --- keys -------------------------------------------------------------------------------------------

    def pick(self, item: int) -> None:
        # The cursor does not move while the editor is open.
        if self.editing is None:
            super().pick(item)

    def _wheel(self, event: events.MouseEvent, rows: int) -> None:
        super()._wheel(event, rows)
        self._place_editor()

    def action_cycle(self, step: int) -> None:
        """Change a choice to the next or previous one; unfold (1) or fold (-1) a group."""
        chosen = self.entry
        if isinstance(chosen, FormGroup):
            if chosen.unfolded != (step > 0):
                self.post_message(self.Folding(chosen))
        elif self.editing is None and chosen is not None and chosen.field.kind == "choice":
            self.post_message(self.ReadOnlyEdit() if self.read_only else self.Cycled(chosen, step))

    def action_cancel(self) -> None:
        self.close_editor()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave Escape to the screen unless the editor is open."""
        return self.editing is not None if action == "cancel" else True

    def on_key(self, event: events.Key) -> None:
        """Start editing a number at a digit; pass keys to the editor until it has the focus."""
        character = event.character if event.is_printable else None
        if character is None:
            return
        if self._editor is not None:
            if self.screen.focused is not self._editor:
                event.stop()
                event.prevent_default()
                self._editor.insert_text_at_cursor(character)
        elif self.current is not None and self.current.field.kind == "number" and character in "-.0123456789":
            event.stop()
            event.prevent_default()
            self.edit(character)
