"""The charts of a run: latency on a time axis, and charts of each configuration."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from runner.export import svg
from runner.export.run_data import RunData
from runner.export.svg import ChartAxis
from runner.export.timeline import ConfigurationTimeline
from runner.metrics.outlier_causes import Outlier, find_outliers
from runner.report.model import ConfigurationReport
from runner.report.result_table import configuration_name
from runner.state.configuration import ConfigurationState
from runner.state.serving import EngineLog
from runner.stats import Sample, Series, SeriesBucket
from runner.util.formatting import duration, format_number

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 960.0, 74.0, 16.0, 26.0, 22.0
MAX_POINTS = 6000
"""maximum number of points of all configurations together, which limits the size of a page"""
MAX_TOOLTIPS = 1500
_LOG_SCALE_RATIO = 10.0
"""ratio of the highest to the lowest latency above which the axis is logarithmic"""


class Drawing(NamedTuple):
    """An SVG element and its size."""

    width: float
    height: float
    svg: str


@dataclass(frozen=True)
class Window:
    """The time range of the charts, ns; `zero` is the start of the run."""

    begin: int
    end: int
    zero: int

    def seconds(self, t: int) -> float:
        return (t - self.zero) / 1e9

    @property
    def axis(self) -> ChartAxis:
        return ChartAxis(self.seconds(self.begin), self.seconds(self.end), LEFT, WIDTH - RIGHT)


def window_of(data: RunData) -> Window:
    """Return the time from the first warm-up to the last timed iteration; the whole run if there is none."""
    state, measured = data.state, data.log.timeline.configurations
    zero = state.started.t if state.started else 0
    begin = measured[0].start.t if measured else zero
    end = max([one.last_t for one in measured], default=0) or state.last_t
    return Window(begin, max(end, begin + 1_000_000), zero)


# --- latency over time -------------------------------------------------------------------------------------


class _Shown(NamedTuple):
    """A configuration in the latency chart, and its index in the report."""

    over_time: ConfigurationTimeline
    state: ConfigurationState
    name: str
    number: int


def latency(data: RunData, window: Window) -> Drawing | None:
    """Draw the latency of every iteration of every configuration; None if there are no iterations."""
    shown = _shown(data)
    if not shown:
        return None
    height = 260.0
    y, marks = _latency_axis([one.over_time for one in shown], height)
    title = "latency, ms" + (" (logarithmic)" if y.log else "")
    parts = [*value_axis(y, marks, title), *time_axis(window.axis, height)]
    for one in shown:
        slow = find_outliers(data.state, one.number)
        parts += _configuration_parts(one, slow, window, y, len(shown))
    label = f"latency of {len(shown)} configurations over time"
    return Drawing(WIDTH, height, svg.chart(WIDTH, height, label, parts))


def _shown(data: RunData) -> list[_Shown]:
    over_time = {
        id(one.start): one for one in data.log.timeline.configurations if one.timed.n or one.warmup.n
    }
    pairs = zip(data.state.configurations, data.report.configurations, strict=False)
    return [
        _Shown(over_time[id(state.start)], state, configuration_name(found), number)
        for number, (state, found) in enumerate(pairs)
        if id(state.start) in over_time
    ]


def _latency_axis(measured: Sequence[ConfigurationTimeline], height: float) -> tuple[ChartAxis, list[float]]:
    """Return the axis of the timed iterations; of the warm-up only if there are no others."""
    buckets = [bucket for one in measured for bucket in one.timed.buckets]
    buckets = buckets or [bucket for one in measured for bucket in one.warmup.buckets]
    low, high = min(bucket.low for bucket in buckets), max(bucket.high for bucket in buckets)
    return scale_for(low, high, height, TOP + 14, log=low > 0 and high / low > _LOG_SCALE_RATIO)


def scale_for(
    low: float, high: float, height: float, top: float = TOP, *, log: bool = False
) -> tuple[ChartAxis, list[float]]:
    if log:
        marks = svg.log_ticks(low, high)
    else:
        # The axis spans at least 2 % of the value, so that noise does not look significant.
        room = max(0.0, abs(high) * 0.02 - (high - low)) / 2
        marks = svg.ticks(max(0.0, low - room) if low >= 0 else low - room, high + room, 6)
    return ChartAxis(marks[0], marks[-1], height - BOTTOM, top, log), marks


def _configuration_parts(
    shown: _Shown, slow: Sequence[Outlier], window: Window, y: ChartAxis, of: int
) -> Iterator[str]:
    one, state, name, index = shown
    x = window.axis
    begin, end = x.at(window.seconds(one.start.t)), x.at(window.seconds(one.last_t or one.start.t))
    timing = x.at(window.seconds(one.timing_began)) if one.timing_began is not None else end
    high = y.start - y.end
    if one.warmup.n:
        warm = f"{name}: warm-up, {one.warmup.n} iterations, not included in the table"
        yield svg.rect(begin, y.end, timing - begin, high, "shade", warm)
    if index:
        yield svg.line(begin, y.end - 14, begin, y.start)
    if end - begin > len(name) * 6:
        yield svg.text(begin + 1, y.end - 4, name, title=name)
    elif end - begin > 16:
        yield svg.text(begin + 1, y.end - 4, f"#{index + 1}", title=name)
    most = max(24, MAX_POINTS // of)
    for series in (one.warmup, one.timed):
        points = [
            (x.at(window.seconds(bucket.t)), y.at(bucket.low), y.at(bucket.high))
            for bucket in svg.merge_buckets(series.buckets, most)
        ]
        yield svg.curve(points, 0)
        if 0 < series.n <= 64:
            yield from (svg.rect(at - 1.5, low - 1.5, 3, 3, "bar") for at, low, _ in points)
    sample = state.latency
    if sample.n:
        mean, p95 = y.at(sample.mean), sample.percentile(95)
        yield svg.line(timing, mean, end, mean, "mean", f"{name}: mean {_ms(sample.mean)}")
        if sample.n >= 20:
            yield svg.line(timing, y.at(p95), end, y.at(p95), "high", f"{name}: p95 {_ms(p95)}")
    yield from _tooltips(one.warmup, "warm-up iteration", window, y, max(4, MAX_TOOLTIPS // of // 4))
    yield from _tooltips(one.timed, "iteration", window, y, max(8, MAX_TOOLTIPS // of))
    for found in slow:
        at, level = x.at(window.seconds(found.slow.t)), y.at(found.slow.latency_ms)
        tooltip = (
            f"iteration {found.slow.i + 1}: {_ms(found.slow.latency_ms)}; {found.cause}: {found.evidence}"
        )
        yield svg.text(at + 5, max(level + 4, y.end + 9), found.letter, kind="cause", title=tooltip)


def _tooltips(series: Series, what: str, window: Window, y: ChartAxis, most: int) -> Iterator[str]:
    """Draw invisible columns with the tooltips of the curve."""
    x = window.axis
    merged = svg.merge_buckets(series.buckets, most)
    each = series.width * max(1, math.ceil(len(series.buckets) / most))
    ends = [one.t for one in merged[1:]] + [merged[-1].t if merged else 0]
    for index, (bucket, following) in enumerate(zip(merged, ends, strict=False)):
        first, last = index * each + 1, min((index + 1) * each, series.n)
        at = x.at(window.seconds(bucket.t))
        width = max(3.0, x.at(window.seconds(following)) - at) if first != last else 6.0
        left = at if first != last else at - 3
        tooltip = f"{what} {_range(first, last)} at {duration(window.seconds(bucket.t))}: {_span(bucket)}"
        yield svg.rect(left, y.end, width, y.start - y.end, "hit", tooltip)


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}–{last}"


def _span(bucket: SeriesBucket) -> str:
    return (
        _ms(bucket.low)
        if bucket.low == bucket.high
        else f"{format_number(bucket.low, 3)} to {_ms(bucket.high)}"
    )


def _ms(value: float) -> str:
    return f"{format_number(value, 3)} ms"


# --- axes --------------------------------------------------------------------------------------------------


def value_axis(
    y: ChartAxis, marks: Sequence[float], name: str, left: float = LEFT, right: float = WIDTH - RIGHT
) -> Iterator[str]:
    """Draw the grid lines, numbers and title of the y axis."""
    step = marks[1] - marks[0] if len(marks) > 1 else 1.0
    for mark in marks:
        at = y.at(mark)
        yield svg.line(left, at, right, at)
        shown = f"{mark:,g}" if y.log else svg.plain_number(mark, step)
        yield svg.text(left - 6, at + 4, shown, anchor="end")
    yield svg.text(left, TOP - 11, name, kind="name")


def time_axis(x: ChartAxis, height: float) -> Iterator[str]:
    """Draw the time since the start of the run below a chart."""
    whole = x.high - x.low >= 5
    for second in svg.second_ticks(x.low, x.high, 9):
        at = x.at(second)
        yield svg.line(at, height - BOTTOM, at, height - BOTTOM + 4)
        shown = duration(second) if whole else f"{second:.4g} s"
        yield svg.text(at, height - BOTTOM + 16, shown, anchor="middle")


# --- one configuration -------------------------------------------------------------------------------------


def histograms(data: RunData) -> list[tuple[ConfigurationReport, Drawing]]:
    """Draw the histograms of each configuration."""
    pairs = zip(data.report.configurations, data.state.configurations, strict=False)
    return [
        (found, _histogram(f"{configuration_name(found)}: {what}", sample))
        for found, state in pairs
        for what, sample in _samples(state)
        if sample.n
    ]


def _samples(state: ConfigurationState) -> list[tuple[str, Sample]]:
    """Return the samples of a configuration with their names; milliseconds."""
    if state.serving is None:
        return [("iterations by latency", state.latency)]
    requests, engine = state.serving.requests, state.serving.engine
    return [
        ("requests by latency", requests.latency),
        ("requests by time to first token", requests.ttft),
        ("engine iteration time", engine.latency),
    ]


def engine_iterations(data: RunData) -> list[Drawing]:
    """Draw every iteration of an engine with requests in flight, over the engine's own time."""
    pairs = zip(data.report.configurations, data.state.configurations, strict=False)
    shown = [(found, state.serving.engine) for found, state in pairs if state.serving is not None]
    drawn = [(found, engine) for found, engine in shown if engine.series.n]
    return [_engine(configuration_name(found), engine, len(drawn)) for found, engine in drawn]


def _engine(name: str, engine: EngineLog, of: int) -> Drawing:
    height = 150.0
    buckets = svg.merge_buckets(engine.series.buckets, max(24, MAX_POINTS // of))
    y, marks = scale_for(min(one.low for one in buckets), max(one.high for one in buckets), height)
    window = Window(0, max(1_000_000, buckets[-1].t), 0)
    points = [(window.axis.at(one.t / 1e9), y.at(one.low), y.at(one.high)) for one in buckets]
    title = f"{name}: engine iteration time, ms"
    tooltips = _tooltips(engine.series, "engine iteration", window, y, max(8, MAX_TOOLTIPS // of))
    parts = [*value_axis(y, marks, title), *time_axis(window.axis, height), svg.curve(points, 0), *tooltips]
    return Drawing(WIDTH, height, svg.chart(WIDTH, height, title, parts))


def _histogram(name: str, sample: Sample) -> Drawing:
    width, height = 468.0, 190.0
    bins = sample.histogram(min(48, max(5, math.ceil(math.sqrt(sample.n)))))
    most = max(one.n for one in bins)
    marks = svg.ticks(0.0, float(most), 4)
    y = ChartAxis(0.0, marks[-1], height - BOTTOM, TOP)
    low, high = bins[0].low, bins[-1].high
    if low == high:
        low, high = low * 0.99, high * 1.01 or 1.0
    left, right = 52.0, width - 12
    x = ChartAxis(low, high, left, right)
    parts = [*value_axis(y, marks, name, left, right)]
    for one in bins:
        start, end = (x.at(one.low), x.at(one.high)) if one.low != one.high else (left, right)
        tooltip = f"{format_number(one.low, 3)} to {_ms(one.high)}: {one.n} of {sample.n}"
        if one.n:
            parts.append(
                svg.rect(start + 0.5, y.at(one.n), end - start - 1, y.start - y.at(one.n), "bar", tooltip)
            )
    lines = [("mean", sample.mean, "mean"), ("p50", sample.percentile(50), "high")]
    lines += [("p95", sample.percentile(95), "high")] if sample.n >= 20 else []
    for label, value, kind in lines:
        parts.append(svg.line(x.at(value), TOP, x.at(value), y.start, kind, f"{label} {_ms(value)}"))
    step = svg.ticks(low, high, 5)
    for mark in step:
        if low <= mark <= high:
            shown = svg.plain_number(mark, step[1] - step[0])
            parts.append(svg.text(x.at(mark), height - BOTTOM + 15, shown, anchor="middle"))
    return Drawing(width, height, svg.chart(width, height, f"histogram, ms: {name}", parts))
