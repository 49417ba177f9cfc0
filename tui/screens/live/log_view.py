"""Widget for the raw output of a stage, line by line as a terminal would show it."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec.structs import replace
from textual.geometry import Size
from textual.strip import Strip

from runner.plan.masking import Mask
from runner.run import layout
from runner.util.log_file import LONGEST, LogLine, level_of
from tui.framework.rows import Row, Rows, Span, dim, row
from tui.framework.titles import set_subtitle
from tui.screens.live.log_window import LogWindow
from tui.text import plain_text, shorten

_STYLES = {"errors": "bad", "warnings": "warn", "all": ""}


class LogView(Rows):
    """Shows a window into a log; `poll` reads new output."""

    DEFAULT_CSS = "LogView { height: 1fr; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.window: LogWindow | None = None
        self._mask = Mask()
        self._drawn_at: Size | None = None

    def open(self, path: Path | None) -> None:
        """Show another log, which lies in a run directory; None: no log."""
        if self.window is not None:
            self.window.file.close()
        self.window = LogWindow(path) if path is not None else None
        self._mask = layout.mask_of_run(path.parent) if path is not None else Mask()
        set_subtitle(self, "")
        self.poll()

    def limit(self, size: int | None) -> None:
        """Show only the first `size` bytes, as a replay does; None: the whole log."""
        if self.window is not None:
            self.window.file.limit = size

    def poll(self) -> None:
        """Read new output and continue the search."""
        if self.window is None:
            self.show([])
        elif self.size.height and self.window.poll(self.size.height):
            self.draw()

    def draw(self) -> None:
        """Draw the visible lines."""
        if self.window is None or not self.size.height:
            return
        rows, current = self._build_rows(self.window)
        self.show(rows, cursor=current, top=0)
        set_subtitle(self, self.window.status)

    def render_line(self, y: int) -> Strip:
        if self._drawn_at != self.size and self.window is not None:
            # Textual paints a new size before the resize event; the first frame has to be complete.
            self.window.poll(self.size.height)
            self._rows, self.cursor = self._build_rows(self.window)
        return super().render_line(y)

    def _build_rows(self, window: LogWindow) -> tuple[list[Row], int | None]:
        """Return the visible rows, and the index of the current match."""
        self._drawn_at = self.size
        lines = window.visible()
        search = window.search.text if window.search is not None else ""
        pattern = re.compile(re.escape(search), re.IGNORECASE) if search else None
        public = [replace(line, text=self._mask.apply(line.text)) for line in lines]
        rows = [draw_line(line, self.size.width, pattern) for line in public]
        current = next((y for y, line in enumerate(lines) if line.start == window.current_match), None)
        return rows or [row(dim(_empty_text(window)))], current

    def on_resize(self) -> None:
        self.poll()
        self.draw()

    def scroll_lines(self, by: int) -> None:
        if self.window is not None:
            self.window.scroll(by)
            self.draw()

    def follow(self) -> None:
        if self.window is not None:
            self.window.follow()
            self.draw()

    def go_home(self) -> None:
        if self.window is not None:
            self.window.go_home()
            self.draw()

    def _wheel(self, event: object, rows: int) -> None:
        self.scroll_lines(rows)


def draw_line(line: LogLine, width: int, pattern: re.Pattern[str] | None) -> Row:
    """Draw a line, cut to the width, in the style of its level, with search matches highlighted."""
    text = plain_text(line.text[:LONGEST].decode(errors="replace")) + (
        "…" if len(line.text) > LONGEST else ""
    )
    style = _STYLES[level_of(line.text)]
    text = shorten(text, width)
    if pattern is None:
        return row(Span(text, style))
    spans, at = [], 0
    for found in pattern.finditer(text):
        spans += [Span(text[at : found.start()], style), Span(found.group(), "match")]
        at = found.end()
    return row(*(span for span in (*spans, Span(text[at:], style)) if span.text))


def _empty_text(window: LogWindow) -> str:
    if window.is_scanning:
        return "reading earlier lines ..."
    if window.level != "all" and window.file.size:
        return "no warnings or errors" if window.level == "warnings" else "no errors"
    return "no output yet"
