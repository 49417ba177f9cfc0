"""A plot of throughput over latency: all measured points and their Pareto frontier."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from runner.util.formatting import format_number
from tui.framework.rows import Row, Span, cut, dim, row
from tui.plots.axes import scale_for
from tui.text import BrailleCanvas, align_right, format_measurement, plain_text, width_of, wrap

BEST, TIED, OTHER, CHOSEN = "●", "◐", "○", "◆"
WIDE_RANGE = 20.0
"""From this ratio of largest to smallest value on, an axis is logarithmic."""
LONG_LABEL_WIDTH = 116
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
    tied: bool = False
    """equal to another best one within noise"""
    chosen: bool = False


@dataclass(frozen=True)
class TradeData:
    """The data of the plot."""

    points: tuple[TradePoint, ...] = ()
    empty: str = ""
    """text without points"""
    short: str = ""
    """meaning of the short labels, `tp/batch`; empty: they are self-explanatory"""


@dataclass(frozen=True)
class TradeAxis:
    """An axis: range, ticks and scale."""

    low: float
    high: float
    ticks: tuple[float, ...]
    digits: int
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Return the position of a value on the axis, 0 to 1."""
        if self.logarithmic:
            return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (value - self.low) / (self.high - self.low)

    def label(self, tick: float) -> str:
        """Return the label of a tick."""
        return (
            format_measurement(tick).rstrip("0").rstrip(".")
            if self.logarithmic and tick < 10
            else format_number(tick, self.digits)
        )


def axis_for(values: Iterable[float], most_ticks: int) -> TradeAxis:
    """Return an axis for positive values; logarithmic if their range is wide."""
    kept = sorted(values)
    low, high = kept[0], kept[-1]
    if low > 0 and high / low > WIDE_RANGE:
        return _logarithmic(low, high, most_ticks)
    scale = scale_for(low, high, max(2, most_ticks))
    return TradeAxis(scale.low, scale.high, tuple(scale.ticks()), scale.digits)


def _logarithmic(low: float, high: float, most_ticks: int) -> TradeAxis:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = [step * 10.0**power for power in powers for step in _ROUND]
    first = max(tick for tick in every if tick <= low * (1 + 1e-9))
    last = min(tick for tick in every if tick >= high * (1 - 1e-9))
    ticks = [tick for tick in every if first <= tick <= last]
    if len(ticks) > most_ticks:
        powers_of_ten = [tick for tick in ticks if math.log10(tick) == round(math.log10(tick))]
        ticks = powers_of_ten if len(powers_of_ten) > 1 else [first, last]
    return TradeAxis(first, last, tuple(ticks), 0, logarithmic=True)


def draw_trades(data: TradeData, width: int, height: int) -> list[Row]:
    """Draw points, frontier, axes, and the labels that fit without overlap."""
    if not data.points or height < 5 or width < 30:
        text = data.empty if not data.points else "no room for the plot; p shows it full-screen"
        lines = wrap(text, max(1, width))
        above = max(0, (height - len(lines)) // 2)
        return [()] * above + [row(dim(line.center(width).rstrip())) for line in lines]
    body = height - 2
    up = axis_for((point.throughput for point in data.points), max(2, body // 3))
    gutter = max(width_of(up.label(tick)) for tick in up.ticks)
    plot = width - gutter - 2
    across = axis_for((point.latency for point in data.points), max(2, plot // 12))
    grid = _Grid(plot, body)
    grid.staircase(
        [(across.share(point.latency), up.share(point.throughput)) for point in data.points if point.best]
    )
    for point in sorted(data.points, key=_draw_order):
        grid.put(across.share(point.latency), up.share(point.throughput), point)
    brief = width < LONG_LABEL_WIDTH and bool(data.short)
    for point in sorted(data.points, key=_draw_order, reverse=True):
        grid.name(point, point.short if brief else point.label)
    labels = {grid.row_of(up.share(tick)): up.label(tick) for tick in up.ticks}
    rows = []
    for y in range(body):
        axis = align_right(labels.get(y, ""), gutter) + (" ┤" if y in labels else " │")
        rows.append(row(dim(axis), *grid.spans(y)))
    rows.append(row(dim(" " * (gutter + 2) + _below(across, plot))))
    scale = " (logarithmic)" if across.logarithmic or up.logarithmic else ""
    tie = [Span(TIED, "good"), dim(" tie  ")] if any(point.tied for point in data.points) else []
    best = [Span(BEST, "good"), dim(" Pareto-optimal  ")]
    key = [*best, *tie, Span(OTHER), dim(" other  "), Span(CHOSEN, "accent")]
    made_of = dim(f"{data.short}   " if brief else "")
    rows.append(cut(row(made_of, *key, dim(f" chosen{scale}")), width))
    return rows


def _draw_order(point: TradePoint) -> tuple[bool, bool]:
    """Return the drawing order: the selected point over the best over the others."""
    return (point.chosen, point.best)


def _glyph(point: TradePoint) -> str:
    if point.chosen:
        return CHOSEN
    return OTHER if not point.best else TIED if point.tied else BEST


class _Grid:
    """The cells of the plot: frontier in braille, points over it, labels where they fit."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._dots = BrailleCanvas(width, height)
        self._marks: dict[tuple[int, int], Span] = {}
        self._taken: set[tuple[int, int]] = set()
        self._at: dict[TradePoint, tuple[int, int]] = {}

    def row_of(self, share: float) -> int:
        return min(self.height - 1, max(0, round((1 - share) * (self.height - 1))))

    def _column_of(self, share: float) -> int:
        return min(self.width - 1, max(0, round(share * (self.width - 1))))

    def staircase(self, shares: list[tuple[float, float]]) -> None:
        """Draw the frontier: the best throughput at each latency, as a staircase."""
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
        self._marks[at] = Span(_glyph(point), style)
        self._taken.add(at)
        self._at[point] = at

    def name(self, point: TradePoint, label: str) -> None:
        """Place a label next to its point where it covers no point or label; the frontier is cleared."""
        x, y = self._at[point]
        text = plain_text(label)
        size = width_of(text)
        for start, line in ((x + 2, y), (x - size - 1, y), (x - size // 2, y - 1), (x - size // 2, y + 1)):
            cells = {(column, line) for column in range(start - 1, start + size + 1)}
            inside = start >= 0 and start + size <= self.width and 0 <= line < self.height
            if inside and not (cells - {(x, y)}) & self._taken:
                style = "strong" if point.chosen else "" if point.best else "dim"
                for offset, char in enumerate(text):
                    self._marks[start + offset, line] = Span(char, style)
                for column in (start - 1, start + size):
                    self._marks.setdefault((column, line), Span(" "))
                self._taken |= cells
                return

    def spans(self, y: int) -> list[Span]:
        found: list[Span] = []
        for x, char in enumerate(self._dots.row(y)):
            found.append(self._marks.get((x, y), Span(char, "good" if char != " " else "")))
        return merge_spans(found)


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """Merge adjacent spans of the same style."""
    found: list[Span] = []
    for span in spans:
        if found and found[-1].style == span.style:
            found[-1] = Span(found[-1].text + span.text, span.style)
        else:
            found.append(span)
    return found


def _below(across: TradeAxis, plot: int) -> str:
    """Draw the labels of the x axis; labels that would touch the previous one are left out."""
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
