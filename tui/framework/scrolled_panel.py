"""A panel that can have more rows than fit, and says so."""

from __future__ import annotations

from collections.abc import Sequence

from textual.widget import Widget

from runner.util.formatting import plural
from tui.framework.rows import Panel, PanelData, Row
from tui.framework.titles import set_title


class ScrolledPanel(Panel[PanelData]):
    """Counts the rows below the visible ones in the title of its frame: low frames have no lower border."""

    title = ""

    def set_heading(self, text: str) -> None:
        """Set the title, which the number of rows follows; the frame is that of the panel or its parent."""
        self.title = text
        self._update_title()

    def show(self, rows: Sequence[Row], cursor: int | None = None, *, top: int | None = None) -> None:
        super().show(rows, cursor, top=top)
        self._update_title()

    def move_to(self, top: int) -> None:
        super().move_to(top)
        self._update_title()

    def on_resize(self) -> None:
        self.call_after_refresh(self._update_title)

    def _update_title(self) -> None:
        below = self.last_top - self.top if self.size.height else 0
        frame = self if self.has_class("framed") or not isinstance(self.parent, Widget) else self.parent
        set_title(frame, f"{self.title} · {plural(below, 'more row')} ↓" if below else self.title)
