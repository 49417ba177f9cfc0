"""Widgets that draw rows of styled text and refresh only the rows that changed.

Textual redraws a refreshed region without comparing cells. A widget of this module compares each row with the
one it drew last and refreshes only those that differ.

A row is a tuple of spans, and a span is a text with the name of a style (`tui.theme.STYLES`). Plain functions
convert data to rows; a `Panel` shows the rows of such a function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

import msgspec
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from tui.text import shorten, width_of
from tui.theme import cursor_style, text_style


class Span(msgspec.Struct, frozen=True):
    """A text with one style."""

    text: str
    style: str = ""
    """one of `tui.theme.STYLES`; empty: plain text"""


Row = tuple[Span, ...]


def row(*parts: str | Span) -> Row:
    """Return a row of spans and plain strings."""
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts if part != "")


def dim(text: str) -> Span:
    """Return a span in the dim style."""
    return Span(text, "dim")


def row_text(spans: Row) -> str:
    """Return the text of a row."""
    return "".join(span.text for span in spans)


def row_width(spans: Row) -> int:
    """Return the width of a row in cells."""
    return sum(width_of(span.text) for span in spans)


def spread(left: Row, right: Row, width: int) -> Row:
    """Place `left` and `right` at the edges of `width` cells; `left` is cut if both do not fit."""
    space = width - row_width(right)
    left = cut(left, max(0, space - 1))
    return (*left, Span(" " * max(0, space - row_width(left))), *right)


def cut(spans: Row, width: int) -> Row:
    """Return the row in at most `width` cells, cut with `…`."""
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
    """Join the first parts that fit into `width` cells; only the very first may be cut."""
    kept: Row = ()
    for part in parts:
        joined = (*kept, dim(gap), *part) if kept else part
        if kept and row_width(joined) > width:
            break
        kept = joined
    return cut(kept, width)


def filled(parts: Iterable[Row], width: int, gap: str = "   ") -> list[Row]:
    """Join the parts to rows of at most `width` cells; only a part that is wider is cut."""
    rows: list[Row] = []
    for part in parts:
        joined = (*rows[-1], dim(gap), *part) if rows else part
        if rows and row_width(joined) <= width:
            rows[-1] = joined
        else:
            rows.append(cut(part, width))
    return rows


class Rows(Widget):
    """Shows rows and refreshes those that changed; scrolls by `move_to` if not all fit."""

    DEFAULT_CSS = "Rows { height: auto; width: 1fr; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._rows: list[Row] = []
        self._base: Style | None = None
        """the style of the widget, cached because `rich_style` is slow"""
        self._layout_height = 0
        """the content height that the last layout used"""
        self.top = 0
        """index of the first visible row"""
        self.cursor: int | None = None
        """index of the highlighted row"""

    def show(self, rows: Sequence[Row], cursor: int | None = None, *, top: int | None = None) -> None:
        """Show new rows; only those that differ are drawn again.

        Args:
            rows: all rows, including those out of view.
            cursor: the highlighted row.
            top: the first visible row, limited by the number of rows; None: unchanged.
        """
        before = self._visible()
        grown = self.styles.is_auto_height and len(rows) != self._layout_height
        self._rows = list(rows)
        self.cursor = cursor
        self.top = self._top_within(self.top if top is None else top)
        if grown:
            self.refresh(layout=True)
        else:
            self._refresh_changed(before)

    def move_to(self, top: int) -> None:
        """Scroll so that row `top` is the first visible one, limited by the number of rows."""
        before = self._visible()
        self.top = self._top_within(top)
        self._refresh_changed(before)

    def choose(self, index: int | None) -> None:
        """Highlight another row."""
        before = self._visible()
        self.cursor = index
        self._refresh_changed(before)

    def reveal(self, index: int) -> None:
        """Scroll just enough to show row `index`."""
        if index < self.top:
            self.move_to(index)
        elif index >= self.top + self.size.height > self.top:
            self.move_to(index - self.size.height + 1)

    def _top_within(self, top: int) -> int:
        return max(0, min(top, self.last_top))

    @property
    def last_top(self) -> int:
        """The first visible row when the view is scrolled to the end."""
        return max(0, len(self._rows) - self.size.height)

    def _visible(self) -> list[tuple[Row, bool]]:
        """Return the visible rows, and whether each is highlighted."""
        return [self._line(y) for y in range(self.size.height)]

    def _line(self, y: int) -> tuple[Row, bool]:
        index = y + self.top
        inside = 0 <= index < len(self._rows)
        return (self._rows[index] if inside else (), inside and index == self.cursor)

    def _refresh_changed(self, before: list[tuple[Row, bool]]) -> None:
        changed = [y for y, (old, new) in enumerate(zip(before, self._visible(), strict=True)) if old != new]
        if changed:
            width = self.size.width
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        self._layout_height = self.rows_at(width)
        return self._layout_height

    def rows_at(self, width: int) -> int:
        """Return the number of rows at a width of `width` cells."""
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
        return self._draw_line(y, self.size.width)

    def _draw_line(self, y: int, width: int) -> Strip:
        """Draw a visible row; Textual computes the width at each access, so the caller passes it."""
        spans, highlighted = self._line(y)
        if self._base is None:
            self._base = self.rich_style
        base = cursor_style(self.app, self._base) if highlighted else self._base
        segments = [
            Segment(span.text, text_style(self.app, span.style, base) if span.style else base)
            for span in spans
        ]
        return Strip(segments).adjust_cell_length(width, base)


PanelData = TypeVar("PanelData")


class Panel(Rows, Generic[PanelData]):
    """Shows the rows that a function draws from data.

    The function gets the data and the width and height in cells. It is called only when data or size changed.
    """

    def __init__(
        self,
        draw: Callable[[PanelData, int, int], Sequence[Row]],
        *,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._draw = draw
        self._data: PanelData | None = None
        self._drawn_at: Size | None = None

    @property
    def data(self) -> PanelData | None:
        return self._data

    def update(self, data: PanelData) -> None:
        """Show data; does nothing if it equals the current data."""
        if data != self._data:
            self._data = data
            self._redraw()

    def on_resize(self) -> None:
        if self._drawn_at != self.size:
            self._redraw()

    def rows_at(self, width: int) -> int:
        # The height is known before the first drawing, so that one layout is enough.
        return len(self._draw(self._data, width, 0)) if self._data is not None else 0

    def render_line(self, y: int) -> Strip:
        size = self.size
        if self._drawn_at != size:
            # Textual paints a new size before it sends the resize event; the first frame should be complete.
            self._rows = self._draw_rows()
            self.top = self._top_within(self._next_top())
        return self._draw_line(y, size.width)

    def _redraw(self) -> None:
        if self.size.width:
            self.show(self._draw_rows(), cursor=self.cursor, top=self._next_top())

    def _draw_rows(self) -> list[Row]:
        self._drawn_at = size = self.size
        if self._data is None:
            return []
        return list(self._draw(self._data, size.width, size.height))

    def _next_top(self) -> int:
        """Return the first visible row for new rows."""
        return self.top
