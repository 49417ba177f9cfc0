"""The profiles in groups, with one line about each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from tui.framework.picker import Line, LinePicker
from tui.framework.rows import Row, Span, dim, row, row_width, spread
from tui.relative_time import when
from tui.text import measure

if TYPE_CHECKING:
    from tui.screens.home.catalogue import Item

ONE_LINE = 64
"""From this width on a profile and what is said about it stand on one line."""

_STATE_STYLES = {"running": "good", "queued": "warn", "stopping": "warn"}
_MARKS = {"finished": "✔", "failed": "✖", "stopped": "■", "lost": "?"}
"""glyph and word together say how a run ended; the colour of the word adds nothing new"""


class ProfileList(LinePicker):
    """Shows items; which of them, the screen decides."""

    def show_items(
        self, items: Sequence[Item], chosen: int, *, changed: Collection[str], now: float, empty: str
    ) -> None:
        """Show these items; `changed` names the profiles with unsaved changes, `empty` is for no items."""
        self.show_lines(lambda width: draw_profiles(items, changed, now, width, empty), chosen)


def draw_profiles(
    items: Sequence[Item], changed: Collection[str], now: float, width: int, empty: str
) -> list[Line]:
    """All lines of the list, groups with their headings."""
    if not items:
        return [Line(row(dim(empty)))]
    lines: list[Line] = []
    group = ""
    for number, item in enumerate(items):
        if item.group != group:
            group = item.group
            if lines:
                lines.append(Line(()))
            lines.append(Line(row(dim(group))))
        lines += [Line(drawn, number) for drawn in _item(item, item.name in changed, now, width)]
    return lines


def _item(item: Item, changed: bool, now: float, width: int) -> list[Row]:
    right, result = _end(item, now), _result(item)
    if item.group == "not saved":
        glyph = Span("+ ", "accent")
    elif item.run is not None:
        glyph = Span("● ", _STATE_STYLES.get(item.run.status, "dim"))
    elif item.error:
        glyph = Span("✖ ", "bad")
    else:
        glyph = Span("◆ ", "accent") if changed else Span("  ")
    name = Span(item.name, "strong")
    if width >= ONE_LINE:
        column = min(30, width // 3)
        gap = " " * max(2, column - len(item.name))
        about = _about(item, width)
        return [spread(row(glyph, name, gap, *about), row(*result, "  " if result else "", *right), width)]
    about = _about(item, width - 2 - (row_width(result) + 1 if result else 0))
    return [spread(row(glyph, name), right, width), spread(row("  ", *about), result, width)]


def _about(item: Item, width: int) -> Row:
    if item.error:
        return row(Span("cannot be used", "bad"))
    return row(dim(item.summary_in(width)))


def _result(item: Item) -> Row:
    """Tokens/s of the last run that finished, after a picture of those before it."""
    if not item.results or item.run is not None:
        return ()
    from runner.history.trend import spark  # who has results has loaded the history; a start has not

    trend = f"{spark(item.results, len(item.results))} " if len(item.results) > 1 else ""
    return row(dim(trend), f"{measure(item.results[-1])} tok/s")


def _end(item: Item, now: float) -> Row:
    """How the run goes, or how the last one ended."""
    if item.run is not None:
        return row(Span(item.run.status, _STATE_STYLES.get(item.run.status, "dim")))
    if item.last is None:
        return ()
    return row(dim(f"{_MARKS[item.last.status]} {when(item.last.started, now).strip()}"))
