"""Throughput over latency: every measured point, and the frontier of those that no other beats."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from runner.util.formatting import number
from tui.framework.rows import Row, Span, cut, dim, row
from tui.plots.axes import scale_for
from tui.text import Dots, measure, plain, right, width_of, wrap

BEST, OTHER, CHOSEN = "●", "○", "◆"
WIDE_RANGE = 20.0
"""From this ratio of largest and smallest on, an axis is logarithmic."""
ROOMY = 116
"""From this width on labels name their axes."""
_ROUND = (1, 2, 5)


@dataclass(frozen=True)
class TradePoint:
    """A point of the plot."""

    latency: float
    """milliseconds"""
    throughput: float
    """tokens per second"""
    label: str
    """`tp 2 batch 8`"""
    short: str
    """`2/8`"""
    best: bool = False
    chosen: bool = False


@dataclass(frozen=True)
class TradeData:
    points: tuple[TradePoint, ...] = ()
    empty: str = ""
    """what stands there when there is no point"""
    short: str = ""
    """what the short labels are made of, `tp/batch`; empty: they say it themselves"""


@dataclass(frozen=True)
class Ruler:
    """An axis: where a value lies on it, and where its ticks are."""

    low: float
    high: float
    ticks: tuple[float, ...]
    digits: int
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Where a value lies, 0 to 1."""
        if self.logarithmic:
            return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (value - self.low) / (self.high - self.low)

    def label(self, tick: float) -> str:
        return (
            measure(tick).rstrip("0").rstrip(".")
            if self.logarithmic and tick < 10
            else number(tick, self.digits)
        )


def ruler(values: Iterable[float], most_ticks: int) -> Ruler:
    """An axis around positive values; logarithmic when they differ much."""
    kept = sorted(values)
    low, high = kept[0], kept[-1]
    if low > 0 and high / low > WIDE_RANGE:
        return _logarithmic(low, high, most_ticks)
    scale = scale_for(low, high, max(2, most_ticks))
    return Ruler(scale.low, scale.high, tuple(scale.ticks()), scale.digits)


def _logarithmic(low: float, high: float, most_ticks: int) -> Ruler:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = [step * 10.0**power for power in powers for step in _ROUND]
    first = max(tick for tick in every if tick <= low * (1 + 1e-9))
    last = min(tick for tick in every if tick >= high * (1 - 1e-9))
    ticks = [tick for tick in every if first <= tick <= last]
    if len(ticks) > most_ticks:
        powers_of_ten = [tick for tick in ticks if math.log10(tick) == round(math.log10(tick))]
        ticks = powers_of_ten if len(powers_of_ten) > 1 else [first, last]
    return Ruler(first, last, tuple(ticks), 0, logarithmic=True)


def draw_trades(data: TradeData, width: int, height: int) -> list[Row]:
    """Points, frontier, axes and as many labels as do not cover anything."""
    if not data.points or height < 5 or width < 30:
        text = data.empty if not data.points else "no room for the plot; p gives it the screen"
        lines = wrap(text, max(1, width))
        above = max(0, (height - len(lines)) // 2)
        return [()] * above + [row(dim(line.center(width).rstrip())) for line in lines]
    body = height - 2
    up = ruler((point.throughput for point in data.points), max(2, body // 3))
    gutter = max(width_of(up.label(tick)) for tick in up.ticks)
    plot = width - gutter - 2
    across = ruler((point.latency for point in data.points), max(2, plot // 12))
    grid = _Grid(plot, body)
    grid.staircase(
        [(across.share(point.latency), up.share(point.throughput)) for point in data.points if point.best]
    )
    for point in sorted(data.points, key=_worth):
        grid.put(across.share(point.latency), up.share(point.throughput), point)
    brief = width < ROOMY and bool(data.short)
    for point in sorted(data.points, key=_worth, reverse=True):
        grid.name(point, point.short if brief else point.label)
    labels = {grid.row_of(up.share(tick)): up.label(tick) for tick in up.ticks}
    rows = []
    for y in range(body):
        axis = right(labels.get(y, ""), gutter) + (" ┤" if y in labels else " │")
        rows.append(row(dim(axis), *grid.spans(y)))
    rows.append(row(dim(" " * (gutter + 2) + _below(across, plot))))
    scale = " (logarithmic)" if across.logarithmic or up.logarithmic else ""
    key = [Span(BEST, "good"), dim(" best trade  "), Span(OTHER), dim(" other  "), Span(CHOSEN, "accent")]
    made_of = dim(f"{data.short}   " if brief else "")
    rows.append(cut(row(made_of, *key, dim(f" chosen{scale}")), width))
    return rows


def _worth(point: TradePoint) -> tuple[bool, bool]:
    """What is drawn over what: the chosen point over the best over the others."""
    return (point.chosen, point.best)


class _Grid:
    """Cells of the plot: braille of the frontier, points over it, labels where there is room."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._dots = Dots(width, height)
        self._marks: dict[tuple[int, int], Span] = {}
        self._taken: set[tuple[int, int]] = set()
        self._at: dict[TradePoint, tuple[int, int]] = {}

    def row_of(self, share: float) -> int:
        return min(self.height - 1, max(0, round((1 - share) * (self.height - 1))))

    def _column_of(self, share: float) -> int:
        return min(self.width - 1, max(0, round(share * (self.width - 1))))

    def staircase(self, shares: list[tuple[float, float]]) -> None:
        """The frontier: what can be had at each latency, up to the next better point."""
        last: tuple[int, int] | None = None
        for across, up in sorted(shares):
            x, y = self._column_of(across) * 2 + 1, self.row_of(up) * 4 + 2
            if last is not None:
                for step in range(last[0], x + 1):
                    self._dots.column(step, last[1], last[1])
                self._dots.column(x, min(y, last[1]), max(y, last[1]))
            last = (x, y)

    def put(self, across: float, up: float, point: TradePoint) -> None:
        at = (self._column_of(across), self.row_of(up))
        style = "accent" if point.chosen else "good" if point.best else ""
        self._marks[at] = Span(CHOSEN if point.chosen else BEST if point.best else OTHER, style)
        self._taken.add(at)
        self._at[point] = at

    def name(self, point: TradePoint, label: str) -> None:
        """A label beside its point, on the side where it covers nothing; the frontier keeps off it."""
        x, y = self._at[point]
        text = plain(label)
        size = width_of(text)
        for start, line in ((x + 2, y), (x - size - 1, y), (x - size // 2, y - 1), (x - size // 2, y + 1)):
            cells = {(column, line) for column in range(start - 1, start + size + 1)}
            inside = start >= 0 and start + size <= self.width and 0 <= line < self.height
            if inside and not (cells - {(x, y)}) & self._taken:
                style = "strong" if point.chosen else "" if point.best else "dim"
                for offset, char in enumerate(text):
                    self._marks[start + offset, line] = Span(char, style)
                for beside in (start - 1, start + size):
                    self._marks.setdefault((beside, line), Span(" "))
                self._taken |= cells
                return

    def spans(self, y: int) -> list[Span]:
        found: list[Span] = []
        for x, char in enumerate(self._dots.row(y)):
            found.append(self._marks.get((x, y), Span(char, "good" if char != " " else "")))
        return merged(found)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Neighbours of one style as one span."""
    found: list[Span] = []
    for span in spans:
        if found and found[-1].style == span.style:
            found[-1] = Span(found[-1].text + span.text, span.style)
        else:
            found.append(span)
    return found


def _below(across: Ruler, plot: int) -> str:
    """The ticks of the x axis; one that would touch its neighbour is left out."""
    line = [" "] * plot
    used = 0
    for tick in across.ticks:
        label = across.label(tick)
        at = round(across.share(tick) * (plot - 1)) - len(label) // 2
        at = max(0, min(at, plot - len(label)))
        if at >= used:
            line[at : at + len(label)] = label
            used = at + len(label) + 1
    return "".join(line).rstrip()
