"""The base of everything we draw ourselves: rows of styled text that repaint only where they changed.

Textual repaints what is refreshed without comparing cells, so what we refresh is what goes over ssh. A widget
here compares each row with the one it drew last and refreshes the changed ones alone.

A row is a tuple of spans, and a span is a text with the name of a style (`tui.theme.STYLES`). What a screen
shows is made by plain functions from data to rows; `Panel` joins such a function with a place on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from tui.text import shorten, shown, width_of
from tui.theme import chosen_style, text_style


class Span(NamedTuple):
    text: str
    style: str = ""
    """one of `tui.theme.STYLES`, or empty for the plain text colour"""


Row = tuple[Span, ...]


def row(*parts: str | Span) -> Row:
    """A row from spans and plain strings."""
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts if part != "")


def dim(text: str) -> Span:
    return Span(text, "dim")


def row_text(spans: Row) -> str:
    """What a row says, without its styles."""
    return "".join(span.text for span in spans)


def row_width(spans: Row) -> int:
    return sum(width_of(span.text) for span in spans)


def spread(left: Row, right: Row, width: int) -> Row:
    """`left` and `right` at the two edges of `width` cells; when both do not fit, `left` is cut."""
    space = width - row_width(right)
    left = cut(left, max(0, space - 1))
    return (*left, Span(" " * max(0, space - row_width(left))), *right)


def cut(spans: Row, width: int) -> Row:
    """The row in at most `width` cells, cut with a mark."""
    kept: list[Span] = []
    for span in spans:
        size = width_of(span.text)
        if size > width:
            if width > 0:
                kept.append(Span(shorten(span.text, width), span.style))
            break
        kept.append(span)
        width -= size
    return tuple(kept)


def fitting(parts: Iterable[Row], width: int, gap: str = "   ") -> Row:
    """The first parts that fit whole into `width` cells, in a row; the very first is cut when it does not."""
    kept: Row = ()
    for part in parts:
        joined = (*kept, dim(gap), *part) if kept else part
        if kept and row_width(joined) > width:
            break
        kept = joined
    return cut(kept, width)


class Rows(Widget):
    """Shows rows; refreshes those that changed. With more rows than fit it scrolls by `move_to`."""

    DEFAULT_CSS = "Rows { height: auto; width: 1fr; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._rows: list[Row] = []
        self._base: Style | None = None
        """the widget's own style, which is dear to ask for"""
        self._asked_for = 0
        """the height that the last layout was told, when it asks for one"""
        self.top = 0
        """index of the first row in view"""
        self.cursor: int | None = None
        """index of the row that is marked as chosen"""

    def show(self, rows: Sequence[Row], cursor: int | None = None, *, top: int | None = None) -> None:
        """Take new rows; only what differs from the old ones is drawn again.

        Args:
            rows: all rows, also those out of view.
            cursor: the chosen row.
            top: the first row in view, as far as there are rows; None: as before.
        """
        before = self._visible()
        grown = self.styles.is_auto_height and len(rows) != self._asked_for
        self._rows = list(rows)
        self.cursor = cursor
        self.top = self._top_within(self.top if top is None else top)
        if grown:
            self.refresh(layout=True)
        else:
            self._refresh_changed(before)

    def move_to(self, top: int) -> None:
        """Scroll so that row `top` is the first in view, as far as there are rows."""
        before = self._visible()
        self.top = self._top_within(top)
        self._refresh_changed(before)

    def choose(self, index: int | None) -> None:
        """Mark another row as chosen."""
        before = self._visible()
        self.cursor = index
        self._refresh_changed(before)

    def reveal(self, index: int) -> None:
        """Scroll as little as needed to have row `index` in view."""
        if index < self.top:
            self.move_to(index)
        elif index >= self.top + self.size.height > self.top:
            self.move_to(index - self.size.height + 1)

    def _top_within(self, top: int) -> int:
        return max(0, min(top, self.last_top))

    @property
    def last_top(self) -> int:
        """The first row in view when the last one is in view."""
        return max(0, len(self._rows) - self.size.height)

    def _visible(self) -> list[tuple[Row, bool]]:
        """What every line in view shows: its row, and whether it is the chosen one."""
        return [self._line(y) for y in range(self.size.height)]

    def _line(self, y: int) -> tuple[Row, bool]:
        index = y + self.top
        inside = 0 <= index < len(self._rows)
        return (self._rows[index] if inside else (), inside and index == self.cursor)

    def _refresh_changed(self, before: list[tuple[Row, bool]]) -> None:
        for y, (old, new) in enumerate(zip(before, self._visible(), strict=True)):
            if old != new:
                self.refresh(Region(0, y, self.size.width, 1))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        self._asked_for = self.rows_at(width)
        return self._asked_for

    def rows_at(self, width: int) -> int:
        """How many rows there are when the widget is `width` cells wide."""
        return len(self._rows)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, 3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, -3)

    def _wheel(self, event: events.MouseEvent, rows: int) -> None:
        if self.last_top:
            event.stop()
            self.move_to(self.top + rows)

    def notify_style_update(self) -> None:
        self._base = None
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        spans, chosen = self._line(y)
        if self._base is None:
            self._base = self.rich_style
        base = chosen_style(self.app, self._base) if chosen else self._base
        segments = [
            Segment(shown(span.text), text_style(self.app, span.style, base) if span.style else base)
            for span in spans
        ]
        return Strip(segments).adjust_cell_length(self.size.width, base)


Data = TypeVar("Data")


class Panel(Rows, Generic[Data]):
    """A place on the screen for the rows that a function makes of data and the cells there are.

    The function gets the data, the width and the height in cells; it is called when the data or the size
    changed, and not otherwise.
    """

    def __init__(
        self,
        draw: Callable[[Data, int, int], Sequence[Row]],
        *,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._draw = draw
        self._data: Data | None = None
        self._drawn_at: Size | None = None

    @property
    def data(self) -> Data | None:
        return self._data

    def update(self, data: Data) -> None:
        """Show this data; nothing happens when it equals what is shown."""
        if data != self._data:
            self._data = data
            self._redraw()

    def on_resize(self) -> None:
        if self._drawn_at != self.size:
            self._redraw()

    def rows_at(self, width: int) -> int:
        # Known before the first drawing, so that the first layout is the last one.
        return len(self._draw(self._data, width, 0)) if self._data is not None else 0

    def render_line(self, y: int) -> Strip:
        if self._drawn_at != self.size:
            # A new size is painted before it is announced, and the first frame should be complete.
            self._rows = self._made()
            self.top = self._top_within(self._wanted_top())
        return super().render_line(y)

    def _redraw(self) -> None:
        if self.size.width:
            self.show(self._made(), cursor=self.cursor, top=self._wanted_top())

    def _made(self) -> list[Row]:
        self._drawn_at = self.size
        if self._data is None:
            return []
        return list(self._draw(self._data, self.size.width, self.size.height))

    def _wanted_top(self) -> int:
        """The first row in view when there are new rows."""
        return self.top
