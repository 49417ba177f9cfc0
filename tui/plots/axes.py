"""Scales and labels of plots: round steps keep axes stable; labels are placed as far as they fit."""

from __future__ import annotations

import math

import msgspec

from runner.util.formatting import duration, format_number
from tui.framework.rows import Row, Span, dim
from tui.text import BrailleCanvas, align_right

STEPS = (1.0, 2.0, 5.0, 10.0)
_SPANS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_COUNTS = (1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 15, 20, 30, 40, 50, 60, 75, 90)
"""lengths of a time axis in seconds, minutes or hours"""
_TIMES = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
_LEAST_RANGE = 0.02
"""The axis spans at least this share of the values, so that noise stays small."""
LEAST_GUTTER = 7
"""minimum width of the labels of the y axis"""


class AxisScale(msgspec.Struct, frozen=True):
    """The range of a y axis and the distance of its ticks: 1, 2 or 5 times a power of ten."""

    low: float
    high: float
    step: float

    @property
    def digits(self) -> int:
        """Decimals of the tick labels."""
        return max(0, -math.floor(math.log10(self.step) + 1e-9))

    def ticks(self) -> list[float]:
        count = round((self.high - self.low) / self.step)
        return [self.low + self.step * index for index in range(count + 1)]

    def dot_row(self, value: float, rows: int) -> int:
        """Return the dot row of a value, 0 at the top; values outside of the scale are put at its edge."""
        share = (self.high - value) / (self.high - self.low)
        return min(max(round(share * (rows * 4 - 1)), 0), rows * 4 - 1)

    def labels(self, rows: int) -> dict[int, str]:
        """Return the labels of the y axis by row; the lowest and the highest value have priority."""
        ticks = self.ticks()
        labels: dict[int, str] = {}
        for tick in (ticks[0], ticks[-1], *ticks[1:-1]):
            labels.setdefault(self.dot_row(tick, rows) // 4, format_number(tick, self.digits))
        return labels


class LogScale(msgspec.Struct, frozen=True):
    """The range of a logarithmic y axis, from above 0; values outside are put at its edge."""

    low: float
    high: float
    marked: tuple[float, ...]
    """the values with a label, ascending: the range at least"""

    def dot_row(self, value: float, rows: int) -> int:
        """Return the dot row of a value, 0 at the top."""
        inside = min(max(value, self.low), self.high)
        share = math.log(self.high / inside) / math.log(self.high / self.low)
        return min(max(round(share * (rows * 4 - 1)), 0), rows * 4 - 1)

    def labels(self, rows: int) -> dict[int, str]:
        """Return the labels of the y axis by row; the lowest and the highest value have priority."""
        labels: dict[int, str] = {}
        for tick in (self.marked[0], self.marked[-1], *self.marked[1:-1]):
            digits = max(0, 1 - math.floor(math.log10(tick) + 1e-9)) if tick < 10 else 0
            labels.setdefault(self.dot_row(tick, rows) // 4, format_number(tick, digits))
        return labels


_DECADE = 5.0
"""From this ratio of the highest to the lowest value on, a logarithmic axis has the ticks 1, 2 and 5."""
_LEAST_SHARE = 1e-6
"""Lowest value on a logarithmic axis as a share of the highest one: 0 has no logarithm."""


def log_scale_for(low: float, high: float, most_ticks: int) -> LogScale:
    """Return a logarithmic scale for values from `low` to `high`: ticks at 1, 2 and 5 times powers of ten.

    A range of less than one step of a decade has the ticks of a linear scale.
    """
    high = max(high, 1e-9)
    low = max(low, high * _LEAST_SHARE)
    if high / low < _DECADE:
        linear = scale_for(low, high, most_ticks)
        bottom = linear.low if linear.low > 0 else low
        ticks = (bottom, *(tick for tick in linear.ticks() if tick > bottom))
        return LogScale(bottom, linear.high, ticks)
    bottom, top = _round_down(low), round_up(high, STEPS)
    powers = range(math.floor(math.log10(bottom) + 1e-9), math.ceil(math.log10(top)) + 1)
    ticks = tuple(step * 10.0**power for power in powers for step in (1, 2, 5))
    inside = tuple(tick for tick in ticks if bottom * (1 - 1e-9) <= tick <= top * (1 + 1e-9))
    return LogScale(bottom, top, inside)


def scale_for(low: float, high: float, most_ticks: int) -> AxisScale:
    """Return a scale for values from `low` to `high` with round steps and at most `most_ticks` ticks."""
    least = max(abs(high), 1e-9) * _LEAST_RANGE
    if high - low < least:
        middle = (low + high) / 2
        low, high = max(0.0, middle - least / 2), middle + least / 2
    step = round_up((high - low) / max(1, most_ticks - 1), STEPS)
    bottom, top = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return AxisScale(bottom, top, step)


def round_number(value: float) -> int:
    """Return the next round number at or above a positive value."""
    return math.ceil(round_up(value, _SPANS))


def round_up(value: float, steps: tuple[float, ...]) -> float:
    """Round a positive value up to one of the steps times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in steps if step * power >= value * (1 - 1e-9))


def _round_down(value: float) -> float:
    """Round a positive value down to 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value) + 1e-9)
    return max(step * power for step in STEPS if step == 1 or step * power <= value * (1 + 1e-9))


def round_seconds(seconds: float) -> float:
    """Round a positive duration up: 20 s, 1.5 min, 2 h."""
    if seconds <= 10:
        return round_up(seconds, _SPANS)
    for unit, most in ((1, 90), (60, 90), (3600, 10)):
        if seconds <= most * unit:
            return float(next(count * unit for count in _COUNTS if count * unit >= seconds))
    return round_up(seconds / 3600, _SPANS) * 3600


def gutter_for(labels: dict[int, str]) -> int:
    """Return the width of the labels of a y axis."""
    return max(LEAST_GUTTER, *(len(label) for label in labels.values()))


def y_axis(labels: dict[int, str], y: int, gutter: int) -> Span:
    """Draw row `y` of a y axis."""
    return dim(align_right(labels.get(y, ""), gutter) + (" ┤" if y in labels else " │"))


def time_step(span_s: float, room: int) -> float:
    """Return the distance of time labels, for about one label per 10 of `room` columns."""
    least = span_s / max(1, room // 10)
    if least < 30:
        return round_up(least, STEPS) if least < 10 or round_up(least, STEPS) <= 20 else 30.0
    return float(next((step for step in _TIMES if step >= least), round_up(least, STEPS)))


def time_label(seconds: float, step: float) -> str:
    """Return `0.05 s`, `20 s`, `1:30` or `2:00:00`."""
    if step < 1:
        return f"{seconds:.{max(0, -math.floor(math.log10(step) + 1e-9))}f} s"
    return f"{seconds:.0f} s" if seconds < 60 else duration(seconds)


def place_labels(labels: list[tuple[int, str]], width: int, *, after: int = 0) -> str:
    """Centre labels at their columns in one line; labels that would touch the previous one are left out."""
    line = [" "] * width
    used = after
    for column, label in labels:
        at = min(max(0, column - len(label) // 2), width - len(label))
        if at >= used and len(label) <= width:
            line[at : at + len(label)] = label
            used = at + len(label) + 1
    return "".join(line).rstrip()


def draw_segment(dots: BrailleCanvas, start: tuple[int, float], end: tuple[int, float]) -> None:
    """Draw a line without gaps between two dots."""
    (x0, y0), (x1, y1) = start, end
    if x1 <= x0:
        return
    slope = (y1 - y0) / (x1 - x0)
    for x in range(x0, x1):
        here, there = y0 + slope * (x - x0), y0 + slope * (x + 1 - x0)
        dots.column(x, round(min(here, there)), round(max(here, there)))


def empty_plot(why: str, width: int, height: int) -> list[Row]:
    """Draw an empty plot with the reason why it is empty."""
    return [()] * max(0, (height - 1) // 2) + [(dim(why.center(width).rstrip()),)]
