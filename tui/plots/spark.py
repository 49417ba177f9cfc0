"""All iterations of a configuration in a few cells of braille: every spike stays, warm-up is shaded."""

from __future__ import annotations

from dataclasses import dataclass, field

from runner.state.configuration import ConfigurationState
from runner.stats import Bucket
from tui.framework.rows import Row, Span
from tui.text import Dots

SHADE = "░"
_LEAST_RANGE = 0.02
"""The scale spans at least this share of a latency, so that noise does not look like trouble."""


@dataclass(frozen=True)
class Course:
    """Latencies in order, milliseconds; long runs come merged, with the range of each stretch."""

    warmup: tuple[float, ...] = ()
    n: int = 0
    """timed iterations"""
    each: int = 1
    """iterations a bucket stands for"""
    points: tuple[Bucket, ...] = field(default=(), compare=False)
    what: str = "iterations"

    @property
    def total(self) -> int:
        return len(self.warmup) + self.n


def course_of(configuration: ConfigurationState) -> Course:
    if configuration.serving is not None:
        series = configuration.serving.engine.series
        return Course((), series.n, series.width, tuple(series.buckets), "engine iterations")
    series = configuration.series
    if configuration.serving is not None:
        series = configuration.serving.engine.series
    return Course(tuple(configuration.warmup), series.n, series.width, tuple(series.buckets))


def spark(course: Course, width: int, height: int = 1) -> list[Row]:
    """The course in `height` rows of `width` cells, warm-up before a bar; blank when there is none."""
    if not course.total or width < 4:
        return [(Span(" " * max(0, width)),)] * height
    warm = len(course.warmup)
    shaded = min(max(1, round((width - 1) * warm / course.total)), width - 2) if warm and course.n else 0
    shaded = width if not course.n else shaded
    scale = _scale(course)
    before = _dots(_columns(course, 0, warm, shaded * 2), scale, height)
    after = _dots(
        _columns(course, warm, course.total, max(0, width - shaded - bool(shaded)) * 2), scale, height
    )
    drawn: list[Row] = []
    for left, right in zip(before, after, strict=True):
        bar = "╎" if left and right else ""
        drawn.append((Span(left.replace(" ", SHADE) + bar, "dim"), Span(right, "accent")))
    return drawn


def _dots(columns: list[tuple[float, float]], scale: tuple[float, float], height: int) -> list[str]:
    """Ranges, one a dot column, as rows of braille; steps are joined, or a jump would look like two lines."""
    dots = Dots(len(columns) // 2, height)
    last: tuple[int, int] | None = None
    for x, (low, high) in enumerate(columns):
        top, bottom = _dot(high, scale, height * 4), _dot(low, scale, height * 4)
        joined = (top, bottom) if last is None else (min(top, last[1] + 1), max(bottom, last[0] - 1))
        dots.column(x, *joined)
        last = top, bottom
    return [dots.row(y) for y in range(height)]


def _scale(course: Course) -> tuple[float, float]:
    """Lowest and highest value; warm-up does not stretch the scale, unless there is nothing else."""
    low = min([bucket.low for bucket in course.points] or course.warmup)
    high = max([bucket.high for bucket in course.points] or course.warmup)
    missing = max(0.0, _LEAST_RANGE * high - (high - low)) / 2
    return low - missing, high + missing


def _dot(value: float, scale: tuple[float, float], rows: int) -> int:
    low, high = scale
    share = (high - value) / (high - low) if high > low else 0.5
    return min(max(round(share * (rows - 1)), 0), rows - 1)


def _columns(course: Course, begin: int, end: int, columns: int) -> list[tuple[float, float]]:
    """Smallest and largest latency of each dot column; a few iterations take several columns each.

    Iterations `begin` up to `end` are counted over warm-up and timed ones together.
    """
    found = []
    for x in range(columns):
        first = begin + x * (end - begin) // columns
        last = max(first, begin + (x + 1) * (end - begin) // columns - 1)
        found.append(_range(course, first, last))
    return found


def _range(course: Course, first: int, last: int) -> tuple[float, float]:
    warm = len(course.warmup)
    covered = [(value, value) for value in course.warmup[first : last + 1]]
    if last >= warm:
        begin, end = max(0, first - warm) // course.each, (last - warm) // course.each
        covered += [(bucket.low, bucket.high) for bucket in course.points[begin : end + 1]]
    return min(low for low, _ in covered), max(high for _, high in covered)
