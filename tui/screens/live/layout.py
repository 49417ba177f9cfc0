"""Where the panels of the live screen stand: a pure function of the size and of what there is to show.

What matters most keeps its place when room is short: what runs and how far it is, then the plot, the GPUs,
the ranks, the log. Nothing overlaps, and nothing moves unless there is more or less to show.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import ArrangeResult, WidgetPlacement
from textual.layouts.vertical import VerticalLayout
from textual.widget import Widget

PANELS = ("plot", "ranks", "gpus", "log")
"""Panels that can have the whole screen or be hidden, in the order of their numbers."""
LOW, HIGH = 32, 44
"""Below the first height frames lose their sides; from the second on there is air between the parts."""
WIDE = 100
"""From this width on the ranks stand beside the plot."""
RANKS_WIDTH, RANKS_WIDTH_WIDE = 44, 52
_IN_ORDER = (("plot", 5), ("gpus", 2), ("log", 2), ("plot", 8), ("ranks", 3))
"""Who gets how many rows inside its frame, the most important first, before the rest is shared out."""


class Wants(msgspec.Struct, frozen=True):
    """What there is to show, in rows where that differs."""

    ranks: int = 0
    gpus: int = 0
    health: int = 1
    answers: bool = False
    host: int = 1
    maximised: str = ""
    """one of PANELS; empty: none"""
    hidden: frozenset[str] = frozenset()
    search: bool = False
    """somebody types what to search for, in the place of the footer"""

    def shows(self, panel: str) -> bool:
        return panel not in self.hidden and (panel != "gpus" or self.gpus > 0)


def arranged(width: int, height: int, wants: Wants) -> dict[str, Region]:
    """The place of every part that is shown, by name; parts without room are not in it."""
    heights = _above(height, wants)
    below = {"footer": 1}
    if not wants.maximised and wants.host and height >= 20 and not (wants.gpus and height < 26):
        below["host"] = min(wants.host, 2 if height >= 28 else 1)
    air = 1 if height >= HIGH else 0
    taken = sum(heights.values()) + sum(below.values()) + (2 * air if "progress" in heights else 0)
    body = max(0, height - taken)
    beside = width >= WIDE and not wants.maximised and wants.shows("ranks") and wants.shows("plot")
    panels = _body(body, height, wants, beside=beside)

    places: dict[str, Region] = {}
    y = 0
    for name, rows in heights.items():
        y += air if name == "progress" else 0
        places[name] = Region(0, y, width, rows)
        y += rows + (air if name == "progress" else 0)
    for name in ("plot", "ranks", "gpus", "host", "log"):
        rows = below.get(name, panels.get(name, 0))
        if not rows:
            continue
        if name == "plot" and beside:
            side = RANKS_WIDTH_WIDE if width >= 160 else RANKS_WIDTH
            places["ranks"] = Region(width - side, y, side, rows)
            places["plot"] = Region(0, y, width - side, rows)
        else:
            places[name] = Region(0, y, width, rows)
        y += rows
    places["search" if wants.search else "footer"] = Region(0, height - 1, width, 1)
    return places


def _above(height: int, wants: Wants) -> dict[str, int]:
    """Rows of what stands above the panels, in order from the top."""
    rows = {"header": 1}
    if height >= 14:
        rows["stages"] = 1
    if wants.answers and height >= 24 and not wants.maximised:
        rows["answers"] = 1
    if height >= 12 or not wants.maximised:
        rows["progress"] = 2 if height >= 12 else 1
    rows["health"] = max(1, min(wants.health, height // 4))
    return rows


def _body(body: int, height: int, wants: Wants, *, beside: bool) -> dict[str, int]:
    """Rows of each panel, frame included."""
    if wants.maximised:
        return {wants.maximised: body}
    frame = 1 if height < LOW else 2
    most = {"gpus": frame + 1 + wants.gpus, "ranks": frame + 1 + max(1, wants.ranks)}
    rows: dict[str, int] = {}
    left = body
    for name, inside in _IN_ORDER:
        needed = min(frame + inside, most.get(name, body))
        more = needed - rows.get(name, 0)
        if not wants.shows(name) or (name == "ranks" and beside):
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
    for name, share in (("log", 0.4 if "plot" in rows else 1.0), ("plot", 1.0)):
        if name in rows:
            more = int(left * share)
            rows[name] += more
            left -= more
    return rows


class LiveLayout(VerticalLayout):
    """Places the children of a screen by their ids; others (messages over the screen) as usual."""

    name = "live"

    def __init__(self, wants: Callable[[], Wants]) -> None:
        self._wants = wants

    def arrange(
        self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True
    ) -> ArrangeResult:
        parent.pre_layout(self)
        places = arranged(size.width, size.height, self._wants())
        ours = [child for child in children if child.id in _NAMES]
        placed = [
            WidgetPlacement(places[child.id], NULL_OFFSET, NULL_SPACING, child)
            for child in ours
            if child.id in places
        ]
        others = [child for child in children if child.id not in _NAMES]
        return placed + (super().arrange(parent, others, size, greedy) if others else [])


_NAMES = frozenset({"header", "stages", "answers", "progress", "health", "host", "footer", "search", *PANELS})
