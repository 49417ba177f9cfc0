"""Latency over iterations in braille: every spike stays visible, and the axes move only in steps.

A dot column shows the smallest and the largest latency that fall into it, joined to its neighbours. Warm-up
is the shaded part at the left; it is drawn but never stretches the scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from runner.stats import Bucket
from tui.text import Dots, measure, number, right
from tui.widgets.rows import Row, Span, dim, row

MEAN = "┄"
WARM_UP = "░"
_STEPS = (1.0, 2.0, 5.0, 10.0)
_SPANS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_LEAST_RANGE = 0.02
"""The axis spans at least this share of the mean, so that noise does not look like trouble."""


@dataclass(frozen=True)
class PlotData:
    empty: str = "waiting for the first iteration"
    """what to say while there is nothing to draw"""
    warmup: tuple[float, ...] = ()
    n: int = 0
    """timed iterations"""
    mean: float = 0.0
    expected: int = 0
    """iterations that there will be, warm-up included, as far as one can tell"""
    per_bucket: int = 1
    points: tuple[Bucket, ...] = field(default=(), compare=False)
    """the series of the timed iterations; `n` tells whether it changed"""


@dataclass(frozen=True)
class Scale:
    """The range of the y axis and the distance of its ticks: 1, 2 or 5 times a power of ten."""

    low: float
    high: float
    step: float

    @property
    def digits(self) -> int:
        return max(0, -math.floor(math.log10(self.step) + 1e-9))

    def ticks(self) -> list[float]:
        count = round((self.high - self.low) / self.step)
        return [self.low + self.step * index for index in range(count + 1)]


def scale_for(low: float, high: float, most_ticks: int) -> Scale:
    """A scale around values from `low` to `high` with whole steps and at most about `most_ticks` ticks."""
    least = max(abs(high), 1e-9) * _LEAST_RANGE
    if high - low < least:
        middle = (low + high) / 2
        low, high = max(0.0, middle - least / 2), middle + least / 2
    step = _rounded_up((high - low) / max(1, most_ticks - 1), _STEPS)
    bottom, top = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return Scale(bottom, top, step)


def span_for(total: int, expected: int) -> int:
    """How many iterations the x axis spans: what is expected, beyond that the next round number."""
    return max(1, expected) if total <= expected else round_number(total)


def round_number(value: float) -> int:
    """The next round number at or above a positive value."""
    return math.ceil(_rounded_up(value, _SPANS))


def _rounded_up(value: float, steps: tuple[float, ...]) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in steps if step * power >= value * (1 - 1e-9))


def draw_plot(data: PlotData, width: int, height: int) -> list[Row]:
    total = len(data.warmup) + data.n
    if total == 0 or height < 3 or width < 24:
        middle = max(0, (height - 1) // 2)
        return [()] * middle + [row(dim(data.empty.center(width).rstrip()))]
    body = height - 1
    lows = [bucket.low for bucket in data.points] or list(data.warmup)
    highs = [bucket.high for bucket in data.points] or list(data.warmup)
    scale = scale_for(min(lows), max(highs), max(2, body // 2))
    labels = _labels(scale, body)
    gutter = max(7, *(len(label) for label in labels.values()))
    plot = width - gutter - 2
    span = span_for(total, data.expected)
    shaded = math.ceil(len(data.warmup) / span * plot)
    dots = _curve(data, scale, span, plot, body)
    mean_row = _dot_row(data.mean, scale, body) // 4 if data.n else -1
    rows = []
    for y in range(body):
        axis = right(labels.get(y, ""), gutter) + (" ┤" if y in labels else " │")
        rows.append((dim(axis), *_body(dots.row(y), shaded, MEAN if y == mean_row else " ")))
    rows.append(row(dim(" " * (gutter + 2) + _x_labels(len(data.warmup), span, plot, shaded))))
    return rows


def _labels(scale: Scale, body: int) -> dict[int, str]:
    """Row -> what stands at the y axis; the lowest and the highest value come first when rows are few."""
    ticks = scale.ticks()
    labels: dict[int, str] = {}
    for tick in (ticks[0], ticks[-1], *ticks[1:-1]):
        labels.setdefault(_dot_row(tick, scale, body) // 4, number(tick, scale.digits))
    return labels


def _dot_row(value: float, scale: Scale, body: int) -> int:
    """The dot row of a value, 0 at the top; what lies beyond the scale is put at its edge."""
    share = (scale.high - value) / (scale.high - scale.low)
    return min(max(round(share * (body * 4 - 1)), 0), body * 4 - 1)


def _curve(data: PlotData, scale: Scale, span: int, plot: int, body: int) -> Dots:
    dots = Dots(plot, body)
    columns = plot * 2
    warm = len(data.warmup)
    # (first iteration, number of iterations, low, high) of everything there is to draw.
    values = [(index, 1, value, value) for index, value in enumerate(data.warmup)]
    values += [
        (warm + index * data.per_bucket, data.per_bucket, bucket.low, bucket.high)
        for index, bucket in enumerate(data.points)
    ]
    last: tuple[int, float] | None = None
    spacious = columns / span >= 8
    for index, count, low, high in values:
        x = min(int((index + count / 2) / span * columns), columns - 1)
        top, bottom = _dot_row(high, scale, body), _dot_row(low, scale, body)
        dots.column(x, top, bottom)
        if spacious:
            # Few points far apart: each is a fat dot, so that it is seen on its line.
            dots.column(min(x + 1, columns - 1), top, bottom + 1)
            dots.column(x, top, bottom + 1)
        middle = (top + bottom) / 2
        if last is not None:
            _join(dots, last, (x, middle))
        last = (x, middle)
    return dots


def _join(dots: Dots, start: tuple[int, float], end: tuple[int, float]) -> None:
    """A line without gaps between two dots."""
    (x0, y0), (x1, y1) = start, end
    if x1 <= x0:
        return
    slope = (y1 - y0) / (x1 - x0)
    for x in range(x0, x1):
        here, there = y0 + slope * (x - x0), y0 + slope * (x + 1 - x0)
        dots.column(x, round(min(here, there)), round(max(here, there)))


def _body(line: str, shaded: int, background: str) -> list[Span]:
    """A row of the plot: the curve in the accent colour, everything behind it dim."""
    spans: list[Span] = []
    run, drawn = "", False
    for x, char in enumerate(line):
        if (char != " ") != drawn and run:
            spans.append(Span(run, "accent" if drawn else "dim"))
            run = ""
        drawn = char != " "
        run += char if drawn else WARM_UP if x < shaded else background
    return [*spans, Span(run, "accent" if drawn else "dim")]


def _x_labels(warm: int, span: int, plot: int, shaded: int) -> str:
    """Numbers of timed iterations below the plot, and what the shaded part is."""
    line = [" "] * plot
    used = 0
    if warm:
        name = "warm-up"
        line[: len(name)] = name
        used = len(name) + 1
    timed = max(1, span - warm)
    step = max(1, math.ceil(_rounded_up(timed / max(1, plot // 14), _STEPS)))
    for iteration in [1, *range(step, timed + 1, step)]:
        label = number(iteration)
        at = int((warm + iteration - 0.5) / span * plot)
        at = min(max(0, at - len(label) // 2), plot - len(label))
        if at >= used and at >= shaded:
            line[at : at + len(label)] = label
            used = at + len(label) + 1
    return "".join(line).rstrip()


# --- the numbers below the plot ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Numbers:
    """What the iterations of the present configuration say so far; None: not known (yet)."""

    n: int = 0
    mean: float | None = None
    p50: float | None = None
    p95: float | None = None
    prefill: float | None = None
    generation: float | None = None
    per_token: float | None = None
    tokens_per_sec: float | None = None


def draw_latency(data: tuple[PlotData, Numbers], width: int, height: int) -> list[Row]:
    """The plot, and the numbers below it."""
    plot, numbers = data
    below = draw_numbers(numbers, width)
    if height <= 5:
        below = below[:1]
    rows = draw_plot(plot, width, max(0, height - len(below)))
    rows += [()] * (height - len(below) - len(rows))
    return rows + below


def draw_numbers(numbers: Numbers, width: int) -> list[Row]:
    if not numbers.n:
        return [row(dim("no timed iteration yet"))]
    few = numbers.n < 20
    latency = [
        *_value("mean", numbers.mean, ""),
        *_value("p50", numbers.p50, ""),
        *_value("p95", numbers.p95, " ms", "dim" if few else ""),
        dim(f"n {number(numbers.n)}" + (": too few for p95" if few else "")),
    ]
    generation = [
        *_value("prefill", numbers.prefill, ""),
        *_value("generation", numbers.generation, " ms"),
        *_value("", numbers.per_token, " ms/token"),
        *_value("", numbers.tokens_per_sec, " tokens/s", "strong"),
    ]
    if width >= 130:
        return [row(*latency, dim("     "), *generation)]
    return [row(*latency), row(*generation)]


def _value(name: str, value: float | None, unit: str, style: str = "") -> list[Span]:
    label = [dim(f"{name} ")] if name else []
    shown = "–" if value is None else measure(value)
    return [*label, Span(right(shown, 6), style), dim(f"{unit}  ")]
