"""A list to choose from, by key and by mouse: profiles, fields of a form, runs.

Only the lines in view are made, so a list of ten thousand items costs as much as one that fits. An item may
take several lines, and lines that belong to no item (headings, gaps) are passed over.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from tui.framework.rows import Row, Rows


@dataclass(frozen=True, slots=True)
class Line:
    row: Row
    item: int | None = None
    """number of the item that the line belongs to; None for a heading or a gap"""


class Picker(Rows, can_focus=True):
    """Base of the lists: subclasses say which lines there are, this class moves the choice among them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "the one above", show=False),
        Binding("down,j", "move(1)", "the one below", show=False),
        Binding("pageup", "page(-1)", "a page up", show=False),
        Binding("pagedown", "page(1)", "a page down", show=False),
        Binding("home", "move(-1000000000)", "the first", show=False),
        Binding("end", "move(1000000000)", "the last", show=False),
    ]

    @dataclass
    class Chosen(Message):
        """The choice moved to another item."""

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
        """number of the chosen item"""
        self.first = 0
        """number of the first line in view"""
        self._fitted = Size(0, 0)
        """the size that the view was made for"""

    @property
    @abstractmethod
    def items(self) -> int:
        """How many items there are."""

    @property
    @abstractmethod
    def lines(self) -> int:
        """How many lines they take, with headings."""

    @abstractmethod
    def line(self, number: int) -> Line:
        """One line, made when it comes into view."""

    @abstractmethod
    def lines_of(self, item: int) -> range:
        """The numbers of the lines of an item."""

    # --- the choice -------------------------------------------------------------------------------------

    def pick(self, item: int) -> None:
        """Move the choice, and the view with it."""
        item = max(0, min(item, self.items - 1))
        moved = item != self.chosen

        def move() -> None:
            self.chosen = item
            self._reveal()

        self.redraw_after(move)
        if moved and self.items:
            self.post_message(self.Chosen(self, item))

    def action_move(self, step: int) -> None:
        self.pick(self.chosen + step)

    def action_page(self, pages: int) -> None:
        self.pick(self.chosen + pages * max(1, self.size.height - 1))

    # --- drawing ----------------------------------------------------------------------------------------

    def redraw_after(self, change: Callable[[], None]) -> None:
        """Change what is shown, and draw the lines that look different afterwards."""
        before = self._visible()
        change()
        self._refresh_changed(before)

    def _reveal(self) -> None:
        """Scroll as little as needed to have the chosen item in view."""
        if not self.items or not self.size.height:
            self.first = 0
            return
        of_item = self.lines_of(self.chosen)
        # The heading above the first item comes into view with it.
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
        # A new size is painted before it is announced, and the first frame should be complete.
        if self._fitted != self.size:
            self._fitted = self.size
            self.fit()
        return super().render_line(y)

    def fit(self) -> None:
        """The widget has another size."""
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
    """A list whose lines are few enough to be made all at once, anew for every width."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._draw: Callable[[int], Sequence[Line]] = lambda width: ()
        self._lines: Sequence[Line] = ()
        self._items = 0

    @property
    def items(self) -> int:
        return self._items

    @property
    def lines(self) -> int:
        return len(self._lines)

    def line(self, number: int) -> Line:
        return self._lines[number]

    def lines_of(self, item: int) -> range:
        numbers = [number for number, line in enumerate(self._lines) if line.item == item]
        return range(numbers[0], numbers[-1] + 1) if numbers else range(0)

    def show_lines(self, draw: Callable[[int], Sequence[Line]], chosen: int) -> None:
        """Show the lines that `draw` makes for a width, with this item chosen; tells nobody of it."""

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
