"""The options of a profile as editable rows; the editor is created when it is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from tui.framework.picker import LinePicker, Picker, PickerLine
from tui.framework.rows import Row, Span, dim, row, spread
from tui.text import fit, shorten, wrap

if TYPE_CHECKING:
    from textual.widgets import Input

    from tui.screens.home.form import FormRow

LABEL_WIDTH = 22
MARK_WIDTH = 2
VALUE_AT = MARK_WIDTH + LABEL_WIDTH
NOT_SET = "not set"


class ProfileForm(LinePicker):
    """Shows rows and collects input; the screen decides whether a value is allowed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,right", "cycle(1)", "next choice", show=False),
        Binding("left", "cycle(-1)", "previous choice", show=False),
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

    class ReadOnlyEdit(Message):
        """The user tried to edit a read-only form."""

    class Typing(Message):
        """The text in the editor changed, or the editor was closed."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._form_rows: Sequence[FormRow] = ()
        self._editor: Input | None = None
        self.read_only = False
        self.editing: FormRow | None = None
        """the row under the editor"""

    @property
    def editor_text(self) -> str:
        return self._editor.value if self._editor is not None else ""

    @property
    def current(self) -> FormRow | None:
        return self._form_rows[self.chosen] if self.chosen < len(self._form_rows) else None

    def show_form(self, rows: Sequence[FormRow], chosen: int | None = None) -> None:
        """Show rows; the cursor stays unless `chosen` is given."""
        self._form_rows = rows
        self.show_lines(lambda width: draw_form(rows, width), self.chosen if chosen is None else chosen)

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
        """Open the editor over the current row, with its value or with `text`."""
        chosen = self.current
        if chosen is None or self.editing is not None:
            return
        if self.read_only:
            self.post_message(self.ReadOnlyEdit())
            return
        if chosen.field.kind == "choice":
            self.post_message(self.Cycled(chosen, 1))
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
        self._editor.styles.offset = (VALUE_AT, self.lines_of(self.chosen).start - self.first)
        self._editor.styles.width = max(8, self.size.width - VALUE_AT)

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
        chosen = self.current
        if self.editing is None and chosen is not None and chosen.field.kind == "choice":
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

    def on_picker_activated(self, event: Picker.Activated) -> None:
        event.stop()
        self.edit()


def draw_form(rows: Sequence[FormRow], width: int) -> list[PickerLine]:
    """Draw all lines of the form, with a heading per section."""
    lines: list[PickerLine] = []
    section = ""
    for number, found in enumerate(rows):
        if found.field.section != section:
            section = found.field.section
            lines += [PickerLine(()), PickerLine(row(dim(section.replace(".", " · "))))]
        lines.append(PickerLine(_field(found, width), number))
    return lines


def _field(found: FormRow, width: int) -> Row:
    field = found.field
    mark = Span("◆ ", "accent") if found.changed else Span("  ")
    label = fit(field.label, LABEL_WIDTH - 1) + " "
    value = Span(field.text, "strong" if found.changed else "") if field.text else dim(NOT_SET)
    unit = dim(f" {field.unit}") if field.unit else Span("")
    saved = ""
    if found.changed:
        saved = "new" if found.saved is None else f"saved: {found.saved or NOT_SET}"
    right = row(dim(shorten(saved, max(0, (width - VALUE_AT) // 2)))) if saved else ()
    return spread(row(mark, label, value, unit), right, width)


@dataclass(frozen=True, slots=True)
class FieldHelp:
    """What the help lines show about the field under the cursor."""

    found: FormRow | None
    problem: str = ""
    """why the typed value is not allowed"""
    editing: bool = False
    read_only: bool = False


def draw_field_help(content: FieldHelp, width: int, height: int) -> list[Row]:
    """Draw meaning and allowed values of the field; for an invalid value, only the problem."""
    if content.found is None:
        return []
    field = content.found.field
    if content.problem:
        return [row(Span(line, "bad")) for line in _fitting(content.problem, width, height)]
    if content.read_only:
        keys = ""
    elif content.editing:
        keys = "enter apply, esc cancel"
    else:
        keys = "space change" if field.kind == "choice" else "e edit"
    second = f"allowed: {field.allowed}"
    if field.default:
        second += f" · default: {field.default}"
    lines = [row(line) for line in _fitting(field.help, width, 1)]
    space = width - len(keys) - 3
    return [*lines, spread(row(dim(shorten(second, space))), row(dim(keys)), width)]


def _fitting(text: str, width: int, height: int) -> list[str]:
    """Wrap the text to at most `height` lines; the rest is cut with `…`."""
    lines = wrap(text, width)
    if len(lines) <= height:
        return lines
    return [*lines[: height - 1], shorten(" ".join(lines[height - 1 :]), width)]
