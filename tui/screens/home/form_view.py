"""Draw the entries of the form, and the help of the one under the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.util.formatting import plural
from tui.framework.picker import PickerLine
from tui.framework.rows import Row, Span, dim, fitting, row, spread
from tui.screens.home.form import FormRow
from tui.screens.home.form_entries import FormEntry, FormGroup
from tui.text import NOT_SET, fit, shorten, shorten_middle, width_of, wrap

MARK_WIDTH = 2
INDENT = 2
"""Cells before the names of fields of a group."""
SHORTEST_LABEL = 12
LONGEST_GIVEN = 24
"""Cells of a value on the line of a folded group."""


@dataclass(frozen=True, slots=True)
class FormLines:
    """The entries of the form, and how they are drawn."""

    entries: tuple[FormEntry, ...] = ()
    longest: int = 0
    """width of the longest name, in cells"""
    longest_path: int = 0
    """the same of the paths of the fields that come first"""
    whole_paths: bool = False
    """show the paths of fields: the result of a search has no groups"""
    empty: str = ""
    """text without entries"""

    def value_column(self, width: int) -> int:
        """Return the first cell of the values; names are cut only where values need the room."""
        return MARK_WIDTH + min(self.longest + 1, max(SHORTEST_LABEL, width // 2))

    def label(self, found: FormRow, width: int) -> str:
        """Return the name of a field in `width` cells: fields outside of their group have the whole path."""
        field = found.field
        if not self.whole_paths and not found.first:
            return " " * INDENT + field.label
        return field.path if self.whole_paths or self.longest_path <= width else field.label


def form_lines(rows: Sequence[FormRow], entries: Sequence[FormEntry]) -> FormLines:
    """Return entries in a column that all rows of the form fit, so that it stays when groups unfold."""
    lengths = [width_of(found.field.path if found.first else found.field.label) + INDENT for found in rows]
    lengths += [width_of(entry.title) + 1 for entry in entries if isinstance(entry, FormGroup)]
    paths = [width_of(found.field.path) for found in rows if found.first]
    return FormLines(tuple(entries), max(lengths, default=0), max(paths, default=0))


def search_lines(found: Sequence[FormRow], text: str) -> FormLines:
    """Return the fields that a search found."""
    longest = max((width_of(row.field.path) for row in found), default=0)
    return FormLines(tuple(found), longest, whole_paths=True, empty=f"no field contains “{text}”")


def draw_form(lines: FormLines, width: int) -> list[PickerLine]:
    """Draw all lines of the form."""
    if not lines.entries:
        return [PickerLine(row(dim(lines.empty)))]
    column = lines.value_column(width)
    return [
        PickerLine(
            _group(entry, column, width) if isinstance(entry, FormGroup) else _field(lines, entry, width),
            number,
        )
        for number, entry in enumerate(lines.entries)
    ]


def _group(group: FormGroup, column: int, width: int) -> Row:
    """Draw name, number of fields and of changed ones, and the values that are not the default."""
    mark = dim("▾ " if group.unfolded else "▸ ")
    title = Span(fit(group.title, column - MARK_WIDTH - 1) + " ", "title")
    changed = Span(f"{group.changed} changed", "accent") if group.changed else Span("")
    count = plural(len(group.rows), "field")
    if group.changed:
        count = f" of {count}"
    left = row(mark, title, changed, dim(count))
    given = [
        row(dim(f"{found.field.label} {shorten(found.field.text or NOT_SET, LONGEST_GIVEN)}"))
        for found in group.rows
        if found.field.is_set and not group.unfolded
    ]
    return fitting([left, *given], width)


def _field(lines: FormLines, found: FormRow, width: int) -> Row:
    field, column = found.field, lines.value_column(width)
    mark = Span("◆ ", "accent") if found.changed else Span("  ")
    space = column - MARK_WIDTH - 1
    label = fit(shorten_middle(lines.label(found, space), space), space) + " "
    value = Span(field.text, "strong" if found.changed else "") if field.text else dim(NOT_SET)
    unit = dim(f" {field.unit}") if field.unit else Span("")
    saved = ""
    if found.changed:
        saved = "new" if found.saved is None else f"saved: {found.saved or NOT_SET}"
    right = row(dim(shorten(saved, max(0, (width - column) // 2)))) if saved else ()
    return spread(row(mark, label, value, unit), right, width)


@dataclass(frozen=True, slots=True)
class FieldHelp:
    """What the help lines show about the entry under the cursor."""

    entry: FormEntry | None
    problem: str = ""
    """why the typed value is not allowed"""
    editing: bool = False
    read_only: bool = False


def draw_field_help(content: FieldHelp, width: int, height: int) -> list[Row]:
    """Draw meaning and allowed values of the field; for an invalid value, only the problem."""
    entry = content.entry
    if entry is None:
        return []
    if content.problem:
        return [row(Span(line, "bad")) for line in _fitting(content.problem, width, height)]
    if isinstance(entry, FormGroup):
        names = " · ".join(found.field.label for found in entry.rows)
        keys = f"enter {'fold' if entry.unfolded else 'unfold'}"
        return [row(shorten(names, width)), *_with_keys("these are changed less often", keys, width, 1)]
    field = entry.field
    if content.read_only:
        keys = ""
    elif content.editing:
        keys = "enter apply, esc cancel"
    else:
        keys = "enter choose, space next" if field.kind == "choice" else "enter edit"
    second = f"allowed: {field.allowed}"
    if field.default:
        second += f" · default: {field.default}"
    first = [row(line) for line in _fitting(field.help, width, 1)]
    return [*first, *_with_keys(second, keys, width, height - 1)]


def _with_keys(text: str, keys: str, width: int, height: int) -> list[Row]:
    """Draw a text in at most two lines, with the keys at the end of the last one."""
    room = width - len(keys) - 3
    lines = wrap(text, width) if height > 1 and width_of(text) > room else []
    last = " ".join(lines[1:]) if lines else text
    return [
        *(row(dim(line)) for line in lines[:1]),
        spread(row(dim(shorten(last, room))), row(dim(keys)), width),
    ]


def _fitting(text: str, width: int, height: int) -> list[str]:
    """Wrap the text to at most `height` lines; the rest is cut with `…`."""
    lines = wrap(text, width)
    if len(lines) <= height:
        return lines
    return [*lines[: height - 1], shorten(" ".join(lines[height - 1 :]), width)]
