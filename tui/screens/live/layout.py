"""Layout of the live screen: a pure function of the terminal size and the content.

On a small terminal the most important parts keep their place: stages and progress, then the plot, the GPUs,
the ranks, the log. Panels never overlap, and they move only when the amount of content changes.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import ArrangeResult, WidgetPlacement
from textual.layouts.vertical import VerticalLayout
from textual.widget import Widget

PANELS = ("plot", "ranks", "gpus", "log")
"""Panels that can be maximised or hidden, in the order of their number keys."""
LOW, HIGH = 32, 44
"""Below LOW frames have no sides; from HIGH on there are empty lines between the parts."""
WIDE = 100
"""From this width on the ranks are to the right of the plot."""
RANKS_WIDTH, RANKS_WIDTH_WIDE = 44, 52
LEAST_WITH_STAGES = 6
"""terminal height from which the line of the stages is shown"""
FEWEST_IN_TABLE = 3
"""least rows of the table of configurations: a heading and two configurations"""
_PRIORITIES = (
    ("plot", 5), ("gpus", 2), ("log", 1), ("gpus", 9), ("log", 2), ("plot", 8), ("ranks", 3),
)  # fmt: skip
"""Panel and minimum rows inside its frame, the most important first; the rest is distributed after."""


class LayoutRequest(msgspec.Struct, frozen=True):
    """What the screen has to show: rows of each part, hidden and maximised panels."""

    ranks: int = 0
    configurations: int = 0
    """rows of the table of configurations; 0: there is none"""
    gpus: int = 0
    health: int = 1
    answers: bool = False
    host: int = 1
    maximised: str = ""
    """one of PANELS; empty: none"""
    hidden: frozenset[str] = frozenset()
    search: bool = False
    """the search input replaces the footer"""

    def has(self, panel: str) -> bool:
        return panel not in self.hidden and (panel != "gpus" or self.gpus > 0)


def arrange_panels(width: int, height: int, request: LayoutRequest) -> dict[str, Region]:
    """Return the region of each visible part by name; parts that do not fit are missing."""
    heights = _above(height, request)
    below = {"footer": 1}
    if not request.maximised and request.host and height >= 20 and not (request.gpus and height < 26):
        below["host"] = min(request.host, 2 if height >= 28 else 1)
    air = 1 if height >= HIGH else 0
    taken = sum(heights.values()) + sum(below.values()) + (2 * air if "progress" in heights else 0)
    body = max(0, height - taken)
    side_by_side = width >= WIDE and not request.maximised and request.has("ranks") and request.has("plot")
    panels = _body(body, height, request, side_by_side=side_by_side)

    places: dict[str, Region] = {}
    y = 0
    for name, rows in heights.items():
        y += air if name == "progress" else 0
        places[name] = Region(0, y, width, rows)
        y += rows + (air if name == "progress" else 0)
    for name in ("plot", "ranks", "configurations", "gpus", "host", "log"):
        rows = below.get(name, panels.get(name, 0))
        if not rows:
            continue
        if name == "plot" and side_by_side:
            side = RANKS_WIDTH_WIDE if width >= 160 else RANKS_WIDTH
            table = _table_rows(rows, height, request)
            places["ranks"] = Region(width - side, y, side, rows - table)
            if table:
                places["configurations"] = Region(width - side, y + rows - table, side, table)
            places["plot"] = Region(0, y, width - side, rows)
        else:
            places[name] = Region(0, y, width, rows)
        y += rows
    places["search" if request.search else "footer"] = Region(0, height - 1, width, 1)
    return places


def _table_rows(rows: int, height: int, request: LayoutRequest) -> int:
    """Return the rows of the table of configurations below the ranks, which have `rows` together."""
    frame = _frame(height)
    left = rows - frame - 1 - max(1, request.ranks)
    if not request.configurations or left < frame + FEWEST_IN_TABLE:
        return 0
    return min(left, frame + 1 + request.configurations)


def _frame(height: int) -> int:
    """Return the rows that a frame takes."""
    return 1 if height < LOW else 2


def _above(height: int, request: LayoutRequest) -> dict[str, int]:
    """Return the rows of each part above the panels, from the top."""
    rows = {"header": 1}
    if height >= LEAST_WITH_STAGES:
        rows["stages"] = 1
    if request.answers and height >= (26 if request.gpus else 24) and not request.maximised:
        rows["answers"] = 1
    if height >= 12 or not request.maximised:
        rows["progress"] = 2 if height >= 12 else 1
    rows["health"] = max(1, min(request.health, height // 4))
    return rows


def _body(body: int, height: int, request: LayoutRequest, *, side_by_side: bool) -> dict[str, int]:
    """Return the rows of each panel, including its frame."""
    if request.maximised:
        return {request.maximised: body}
    frame = _frame(height)
    most = {"gpus": frame + 1 + request.gpus, "ranks": frame + 1 + max(1, request.ranks)}
    rows: dict[str, int] = {}
    left = body
    for name, inside in _PRIORITIES:
        needed = min(frame + inside, most.get(name, body))
        more = needed - rows.get(name, 0)
        if not request.has(name) or (name == "ranks" and side_by_side):
            continue
        if more <= left:
            rows[name] = needed
            left -= more
        elif not rows or name in rows:
            rows[name] = rows.get(name, 0) + left
            left = 0
    for name, share in (("gpus", 0.45), ("ranks", 0.3)):
        if name in rows:
            more = max(0, min(most[name], int(body * share)) - rows[name])
            rows[name] += min(more, left)
            left -= min(more, left)
    if request.configurations and not side_by_side and request.has("ranks"):
        table = min(frame + 1 + request.configurations, int(left * 0.4))
        if table >= frame + FEWEST_IN_TABLE:
            rows["configurations"] = table
            left -= table
    for name, share in (("log", 0.4 if "plot" in rows else 1.0), ("plot", 1.0)):
        if name in rows:
            more = int(left * share)
            rows[name] += more
            left -= more
    return rows


class LiveLayout(VerticalLayout):
    """Places the children of a screen by their ids; others (notifications) vertically as usual."""

    name = "live"

    def __init__(self, request: Callable[[], LayoutRequest]) -> None:
        self._request = request

    def arrange(
        self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True
    ) -> ArrangeResult:
        parent.pre_layout(self)
        places = arrange_panels(size.width, size.height, self._request())
        panels = [child for child in children if child.id in _NAMES]
        placed = [
            WidgetPlacement(places[child.id], NULL_OFFSET, NULL_SPACING, child)
            for child in panels
            if child.id in places
        ]
        others = [child for child in children if child.id not in _NAMES]
        return placed + (super().arrange(parent, others, size, greedy) if others else [])


_NAMES = frozenset(
    {
        "header",
        "stages",
        "answers",
        "progress",
        "health",
        "configurations",
        "host",
        "footer",
        "search",
        *PANELS,
    }
)
