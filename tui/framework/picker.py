"""A list with a cursor, for keyboard and mouse: profiles, fields of a form, runs.

Only the visible lines are drawn, so a list of ten thousand items costs as much as one that fits. An item may
take several lines; the cursor skips lines without an item (headings, gaps).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from tui.framework.keymap import MOVEMENT, RowMovement, bindings
from tui.framework.rows import Row, Rows


@dataclass(frozen=True, slots=True)
class PickerLine:
    """A line of a list."""

    row: Row
    item: int | None = None
    """index of the item of the line; None for a heading or a gap"""


class Picker(RowMovement, Rows, can_focus=True):
    """Base class of the lists: subclasses provide the lines, this class moves the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(MOVEMENT)

    @dataclass
    class Chosen(Message):
        """The cursor moved to another item."""

        picker: Picker
        item: int

        @property
        def control(self) -> Picker:
            return self.picker

    @dataclass
    class Activated(Message):
        """An item was double-clicked."""

        picker: Picker
        item: int

        @property
        def control(self) -> Picker:
            return self.picker

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.chosen = 0
        """index of the item under the cursor"""
        self.first = 0
        """index of the first visible line"""
        self._fitted = Size(0, 0)
        """the size for which the view was computed"""

    @property
    @abstractmethod
    def items(self) -> int:
        """Number of items."""

    @property
    @abstractmethod
    def lines(self) -> int:
        """Number of lines, including headings."""

    @abstractmethod
    def line(self, number: int) -> PickerLine:
        """Return a line; called when it becomes visible."""

    @abstractmethod
    def lines_of(self, item: int) -> range:
        """Return the indices of the lines of an item."""

    # --- the cursor -------------------------------------------------------------------------------------

    def pick(self, item: int) -> None:
        """Move the cursor to an item and scroll to it."""
        item = max(0, min(item, self.items - 1))
        moved = item != self.chosen

        def move() -> None:
            self.chosen = item
            self._reveal()

        self.redraw_after(move)
        if moved and self.items:
            self.post_message(self.Chosen(self, item))

    def move_rows(self, by: int) -> None:
        self.pick(self.chosen + by)

    def rows_of_page(self) -> int:
        return max(1, self.size.height - 1)

    # --- drawing ----------------------------------------------------------------------------------------

    def redraw_after(self, change: Callable[[], None]) -> None:
        """Apply a change, then refresh the lines that look different."""
        before = self._visible()
        change()
        self._refresh_changed(before)

    def _reveal(self) -> None:
        """Scroll just enough to show the item under the cursor."""
        if not self.items or not self.size.height:
            self.first = 0
            return
        of_item = self.lines_of(self.chosen)
        # The heading above the first item is shown with it.
        start = of_item.start if self.chosen else 0
        if start < self.first:
            self.first = start
        elif of_item.stop > self.first + self.size.height:
            self.first = max(0, min(of_item.stop - self.size.height, of_item.start))

    def _line(self, y: int) -> tuple[Row, bool]:
        number = y + self.first
        if not 0 <= number < self.lines:
            return (), False
        line = self.line(number)
        return line.row, line.item is not None and line.item == self.chosen

    def render_line(self, y: int) -> Strip:
        # Textual paints a new size before it sends the resize event; the first frame should be complete.
        if self._fitted != self.size:
            self._fitted = self.size
            self.fit()
        return super().render_line(y)

    def fit(self) -> None:
        """Adapt the view to a new size of the widget."""
        self.first = max(0, min(self.first, self.lines - self.size.height))
        self._reveal()

    # --- the mouse --------------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        number = offset.y + self.first
        item = self.line(number).item if 0 <= number < self.lines else None
        if item is None:
            return
        self.pick(item)
        if event.chain == 2:
            self.post_message(self.Activated(self, item))

    def _wheel(self, event: events.MouseEvent, rows: int) -> None:
        event.stop()
        last = max(0, self.lines - self.size.height)

        def scroll() -> None:
            self.first = max(0, min(self.first + rows, last))

        self.redraw_after(scroll)


class LinePicker(Picker):
    """A list with few lines, which are all drawn at once for each width."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._draw: Callable[[int], Sequence[PickerLine]] = lambda width: ()
        self._lines: Sequence[PickerLine] = ()
        self._items = 0

    @property
    def items(self) -> int:
        return self._items

    @property
    def lines(self) -> int:
        return len(self._lines)

    def line(self, number: int) -> PickerLine:
        return self._lines[number]

    def lines_of(self, item: int) -> range:
        numbers = [number for number, line in enumerate(self._lines) if line.item == item]
        return range(numbers[0], numbers[-1] + 1) if numbers else range(0)

    def show_lines(self, draw: Callable[[int], Sequence[PickerLine]], chosen: int) -> None:
        """Show the lines that `draw` returns for a width, with the cursor on an item; posts no message."""

        def take() -> None:
            self._draw = draw
            self._lines = lines = draw(self.size.width)
            self._items = 1 + max((line.item for line in lines if line.item is not None), default=-1)
            self.chosen = max(0, min(chosen, self._items - 1))
            self.first = max(0, min(self.first, len(lines) - self.size.height))
            self._reveal()

        self.redraw_after(take)

    def fit(self) -> None:
        self._lines = self._draw(self.size.width)
        super().fit()
