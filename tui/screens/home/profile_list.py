"""The list of profiles and active runs, in groups."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from tui.framework.picker import LinePicker, PickerLine
from tui.framework.rows import Row, Span, dim, row, row_width, spread
from tui.relative_time import format_timestamp
from tui.text import format_measurement

if TYPE_CHECKING:
    from tui.screens.home.catalogue import ProfileItem

ONE_LINE = 64
"""From this width on an item takes one line instead of two."""

_STATE_STYLES = {"running": "good", "queued": "warn", "stopping": "warn"}
_MARKS = {"finished": "✔", "failed": "✖", "stopped": "■", "lost": "?"}
"""glyphs of the states of ended runs"""


class ProfileList(LinePicker):
    """Shows the items that the screen selects."""

    def show_items(
        self, items: Sequence[ProfileItem], chosen: int, *, changed: Collection[str], now: float, empty: str
    ) -> None:
        """Show items; `changed` names profiles with unsaved changes, `empty` is the text without items."""
        self.show_lines(lambda width: draw_profiles(items, changed, now, width, empty), chosen)


def draw_profiles(
    items: Sequence[ProfileItem], changed: Collection[str], now: float, width: int, empty: str
) -> list[PickerLine]:
    """Draw all lines of the list, with a heading per group."""
    if not items:
        return [PickerLine(row(dim(empty)))]
    lines: list[PickerLine] = []
    group = ""
    for number, item in enumerate(items):
        if item.group != group:
            group = item.group
            if lines:
                lines.append(PickerLine(()))
            lines.append(PickerLine(row(dim(group))))
        lines += [PickerLine(drawn, number) for drawn in _item(item, item.name in changed, now, width)]
    return lines


def _item(item: ProfileItem, changed: bool, now: float, width: int) -> list[Row]:
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


def _about(item: ProfileItem, width: int) -> Row:
    if item.error:
        return row(Span("invalid", "bad"))
    return row(dim(item.summary_in(width)))


def _result(item: ProfileItem) -> Row:
    """Draw tokens/s of the last finished run, after bars of the runs before it."""
    if not item.results or item.run is not None:
        return ()
    from runner.history.trend import sparkline  # imported only if there are results: the start is faster

    trend = f"{sparkline(item.results, len(item.results))} " if len(item.results) > 1 else ""
    return row(dim(trend), f"{format_measurement(item.results[-1])} tok/s")


def _end(item: ProfileItem, now: float) -> Row:
    """Draw the state of an active run, or the end of the last run."""
    if item.run is not None:
        return row(Span(item.run.status, _STATE_STYLES.get(item.run.status, "dim")))
    if item.last is None:
        return ()
    return row(dim(f"{_MARKS[item.last.status]} {format_timestamp(item.last.started, now).strip()}"))
