"""The list of profiles and active runs: one line each, in groups or sorted by a column."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tui.framework.picker import LinePicker, PickerLine
from tui.framework.rows import Row, Span, cut, dim, row, row_text, row_width
from tui.relative_time import format_timestamp
from tui.screens.home.arrangement import Arrangement
from tui.text import format_measurement, plain_text, shorten_middle, width_of

if TYPE_CHECKING:
    from tui.screens.home.catalogue import ProfileItem

GAP = 2
"""Cells between columns."""
MARK_WIDTH = 2
LEAST = {"name": 20, "this machine": 16, "model": 10}
"""Cells that these columns need at least, and get up to their longest text; the others need all of it."""
IMPORTANCE = ("name", "this machine", "last result", "GPUs", "when", "engine", "model", "trend")
"""Columns of the list; the last ones are left out first."""
ORDER = ("name", "engine", "model", "GPUs", "this machine", "trend", "last result", "when", "description")
WITH_DESCRIPTION = 140
"""Cells of the list from which on it has the description, which is also above the options."""
LEAST_DESCRIPTION = 24
"""Cells that all other columns have to leave for the description."""
RIGHT_ALIGNED = ("GPUs", "last result", "when")

_TITLES = {name: row("" if name in ("name", "trend") else name) for name in ORDER}
_STATE_STYLES = {"running": "good", "queued": "warn", "stopping": "warn"}
_MARKS = {"finished": "✔", "failed": "✖", "stopped": "■", "lost": "?"}
"""glyphs of the states of ended runs"""


@dataclass(frozen=True, slots=True)
class ProfileLines:
    """What the list shows."""

    items: tuple[ProfileItem, ...]
    every: tuple[ProfileItem, ...]
    """all items, also those that a filter hides: columns keep their width while the user types"""
    arrangement: Arrangement = field(default_factory=Arrangement)
    changed: Collection[str] = ()
    """names of profiles with unsaved changes"""
    now: float = 0.0
    """seconds since 1970"""
    empty: str = ""
    """text without items"""


class ProfileList(LinePicker):
    """Shows the items that the screen selects."""

    def show_items(self, lines: ProfileLines, chosen: int) -> None:
        self.show_lines(lambda width: draw_profiles(lines, width), chosen)


def draw_profiles(lines: ProfileLines, width: int) -> list[PickerLine]:
    """Draw all lines of the list; each group has a heading with the names of the columns."""
    if not lines.items:
        return [PickerLine(row(dim(lines.empty)))]
    cells = {item.key: _cells(item, lines) for item in lines.every}
    widths = column_widths(list(cells.values()), width)
    drawn: list[PickerLine] = []
    heading = ""
    for number, item in enumerate(lines.items):
        wanted = item.group if lines.arrangement.has_groups else "profile"
        if wanted != heading:
            heading = wanted
            drawn.append(PickerLine(cut(_heading(heading, lines.arrangement, widths), width)))
        drawn.append(PickerLine(cut(_line(_mark(item, lines), cells[item.key], widths), width), number))
    return drawn


def column_widths(cells: Sequence[dict[str, Row]], width: int) -> dict[str, int]:
    """Return the widths of the columns that fit into `width` cells, in the order of the line."""
    longest = {name: max(row_width(one[name]) for one in (*cells, _TITLES)) for name in ORDER}
    found: dict[str, int] = {}
    left = width - MARK_WIDTH + GAP
    for name in IMPORTANCE:
        need = min(longest[name], LEAST.get(name, longest[name]))
        if not need or (found and need + GAP > left):
            continue
        found[name] = min(need, width - MARK_WIDTH)
        left -= need + GAP
    for name in LEAST:
        if name in found:
            more = max(0, min(left, longest[name] - found[name]))
            found[name] += more
            left -= more
    if width >= WITH_DESCRIPTION and left - GAP >= LEAST_DESCRIPTION:
        found["description"] = min(longest["description"], left - GAP)
    return {name: found[name] for name in ORDER if name in found}


def _heading(title: str, arrangement: Arrangement, widths: dict[str, int]) -> Row:
    spans: list[Span] = [Span(title, "title")]
    at = MARK_WIDTH
    used = width_of(title)
    for name, width in widths.items():
        if text := row_text(_TITLES[name]):
            if arrangement.sort == name:
                text = f"{name[: max(0, width - 1)]}{'▲' if arrangement.reverse else '▼'}"
            start = at + width - width_of(text) if name in RIGHT_ALIGNED else at
            spans += [Span(" " * max(1, start - used)), dim(text)]
            used = max(used + 1, start) + width_of(text)
        at += width + GAP
    return tuple(spans)


def _line(mark: Span, cells: dict[str, Row], widths: dict[str, int]) -> Row:
    spans: list[Span] = [mark]
    for number, (name, width) in enumerate(widths.items()):
        shown = _shortened(name, cells[name], width)
        padding = Span(" " * (width - row_width(shown)))
        gap = Span(" " * GAP) if number else Span("")
        spans += [gap, padding, *shown] if name in RIGHT_ALIGNED else [gap, *shown, padding]
    return tuple(span for span in spans if span.text)


def _shortened(name: str, cell: Row, width: int) -> Row:
    """Cut a cell; names, models and descriptions often differ at their end."""
    if name in ("name", "model", "description") and cell:
        return (Span(shorten_middle(cell[0].text, width), cell[0].style),)
    return cut(cell, width)


def _mark(item: ProfileItem, lines: ProfileLines) -> Span:
    if item.group == "not saved":
        return Span("+ ", "accent")
    if item.run is not None:
        return Span("● ", _STATE_STYLES.get(item.run.status, "dim"))
    if item.error:
        return Span("✖ ", "bad")
    return Span("◆ ", "accent") if item.name in lines.changed else Span("  ")


def _cells(item: ProfileItem, lines: ProfileLines) -> dict[str, Row]:
    """Return the columns of an item."""
    gpus = "" if item.gpus is None else str(item.gpus or "CPU")
    found = item.run or item.last
    when = format_timestamp(found.started, lines.now).strip() if found else ""
    return {
        "name": row(Span(item.name, "strong")),
        "engine": row(dim(item.engine)),
        "model": row(dim(item.model)),
        "GPUs": row(gpus),
        "this machine": _fit(item),
        "trend": _trend(item),
        "last result": _result(item),
        "when": row(dim(when)),
        "description": row(dim(plain_text(item.profile.description) if item.profile else "")),
    }


def _fit(item: ProfileItem) -> Row:
    if item.error:
        return row(Span("invalid", "bad"))
    found = item.checked or item.fit
    if found is None:
        return row(dim("...")) if item.group == "being checked" else ()
    if found.verdict == "fits":
        return row(Span("! ", "warn"), found.brief) if found.brief else row(Span("✓ ", "good"), "fits")
    return row(dim(f"{'– ' if found.verdict == 'does not fit' else '? '}{found.brief}"))


def _trend(item: ProfileItem) -> Row:
    """Draw bars of the results of the last finished runs."""
    if len(item.results) < 2 or item.run is not None:
        return ()
    from runner.history.trend import sparkline  # imported only if there are results: the start is faster

    return row(dim(sparkline(item.results, len(item.results))))


def _result(item: ProfileItem) -> Row:
    """Draw the state of an active run, else tokens/s or else the state of the last run."""
    if item.run is not None:
        return row(Span(item.run.status, _STATE_STYLES.get(item.run.status, "dim")))
    last = item.last
    if last is None:
        return ()
    if last.status != "finished":
        return row(dim(f"{_MARKS[last.status]} {last.status}"))
    best = last.best
    if best is not None and best.tokens_per_sec is not None:
        return row(dim("✔ "), f"{format_measurement(best.tokens_per_sec)} tok/s")
    if best is not None and best.latency_ms is not None:
        return row(dim("✔ "), f"{format_measurement(best.latency_ms)} ms")
    return row(dim("✔ finished"))
