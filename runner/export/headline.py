"""The first part of the HTML report: headline numbers, the Pareto figure, all configurations as rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runner.export import page, svg
from runner.export.svg import ChartAxis
from runner.metrics import (
    BY_NAME,
    GPU_MEMORY,
    JOULES_PER_TOKEN,
    LATENCY,
    OUTPUT_TOKENS_PER_SEC,
    P95,
    PREFILL_TIME,
    REQUEST_LATENCY,
    TIME_PER_OUTPUT_TOKEN,
    TOKENS_PER_SEC,
    Metric,
)
from runner.metrics.request_latency import TTFT
from runner.plan.plan import in_flight
from runner.report import result_table
from runner.report.model import ConfigurationReport, MetricCell, Report
from runner.report.result_table import TableRow, configuration_name
from runner.stats.intervals import Interval
from runner.sweep.pareto import Ranges, unbeaten
from runner.util.foreign_text import html_text
from runner.util.formatting import format_number, plural

HEADLINES: tuple[Metric, ...] = (
    TOKENS_PER_SEC, OUTPUT_TOKENS_PER_SEC, LATENCY, REQUEST_LATENCY, P95, PREFILL_TIME, TTFT,
    TIME_PER_OUTPUT_TOKEN, JOULES_PER_TOKEN, GPU_MEMORY,
)  # fmt: skip
_THROUGHPUT = (TOKENS_PER_SEC.name, OUTPUT_TOKENS_PER_SEC.name)
_LATENCY = (LATENCY.name, REQUEST_LATENCY.name)
MOST_FIGURES = 6
_LOGARITHMIC = 10.0
"""ratio of the largest to the smallest value from which an axis is logarithmic"""


def _cell(configuration: ConfigurationReport, names: Sequence[str]) -> MetricCell | None:
    """Return the first of these metrics that has a number."""
    return next((row for row in configuration.rows if row.metric in names and row.value is not None), None)


def cards(report: Report) -> Iterator[str]:
    """Yield the headline numbers of the configuration with most tokens/s, else the lowest latency."""
    found = [one for one in report.configurations if _cell(one, _LATENCY) or _cell(one, _THROUGHPUT)]
    if not found:
        return

    def worth(one: ConfigurationReport) -> tuple[float, float]:
        rate, latency = (_cell(one, names) for names in (_THROUGHPUT, _LATENCY))
        return (rate.value or 0.0) if rate else 0.0, -((latency.value or 0.0) if latency else 0.0)

    best = max(found, key=worth)
    several = len(report.configurations) > 1
    about = f", the best of {plural(len(report.configurations), 'configuration')}" if several else ""
    yield f"<p><strong>{html_text(configuration_name(best))}</strong>{html_text(about)}</p>\n"
    items = []
    for metric in HEADLINES:
        cell = _cell(best, (metric.name,))
        if cell is not None:
            margin = result_table.format_margin(cell)
            number = f"{result_table.format_rounded(cell, metric)} {metric.unit}".strip()
            items.append(
                f'<div class="card"><strong>{html_text(number)}</strong>'
                f'<span class="dim">{html_text(metric.title)}</span><small>{html_text(margin)}</small></div>'
            )
    yield f'<div class="cards">{"".join(items)}</div>\n'


# --- all configurations ------------------------------------------------------------------------------------


def configurations(report: Report) -> Iterator[str]:
    """Yield a table with a row a configuration, for several of them; the next table has every metric."""
    rows = {row.metric.name: row for row in result_table.build_table(report).rows}
    shown = [rows[metric.name] for metric in HEADLINES if metric.name in rows]
    shown = [row for row in shown if any(cell and cell.value is not None for cell in row.cells)]
    if len(report.configurations) < 2 or not shown:
        return
    heads = "".join(f"<th>{html_text(row.metric.with_unit)}</th>" for row in shown)
    yield f"<h2>All {plural(len(report.configurations), 'configuration')}</h2>\n"
    yield f'<div class="wide"><table><thead><tr><th>configuration</th>{heads}</tr></thead><tbody>\n'
    for index, one in enumerate(report.configurations):
        cells = "".join(_number(row, index) for row in shown)
        yield f"<tr><td>{html_text(configuration_name(one))}</td>{cells}</tr>\n"
    yield "</tbody></table></div>\n"


def _number(row: TableRow, index: int) -> str:
    cell = row.cells[index]
    if cell is None or cell.value is None:
        return f'<td class="doubtful" title="{html_text(cell.note if cell else "")}">–</td>'
    mark = "best" if index in row.best else "worst" if index in row.worst else ""
    place = f'<span class="place">{mark}</span>' if mark else ""
    margin = f'<span class="printed">{html_text(result_table.format_margin(cell))}</span>'
    return f"<td>{result_table.format_rounded(cell, row.metric)}{place}{margin}</td>"


# --- the Pareto figure -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Point:
    """A configuration in the figure."""

    name: str
    latency: float
    throughput: float
    ranges: Ranges


def pareto(report: Report) -> Iterator[str]:
    """Yield throughput over latency for each pair of lengths with two or more configurations."""
    groups: dict[tuple[int, int, bool], list[_Point]] = {}
    for one in report.configurations:
        if (point := _point(one)) is not None:
            groups.setdefault((one.input_len, one.output_len, in_flight(one)), []).append(point)
    drawn = [(lengths, points) for lengths, points in groups.items() if len(points) > 1]
    if not drawn:
        return
    yield "<h2>Throughput over latency</h2>\n"
    yield (
        '<p class="dim">Filled and joined: Pareto-optimal, no other configuration of the same lengths beats'
        " it in latency or tokens/s beyond the 95 % intervals (lines through the points).</p>\n"
    )
    for (input_len, output_len, _), points in drawn[:MOST_FIGURES]:
        yield page.figure(_figure(points, f"{input_len}→{output_len}"))
    if len(drawn) > MOST_FIGURES:
        yield f'<p class="dim">and {len(drawn) - MOST_FIGURES} more pairs of lengths, in the table</p>\n'


def _point(one: ConfigurationReport) -> _Point | None:
    latency, throughput = _cell(one, _LATENCY), _cell(one, _THROUGHPUT)
    if latency is None or throughput is None or not latency.value or not throughput.value:
        return None
    if latency.value <= 0 or throughput.value <= 0:
        return None
    ranges = Ranges(_interval(latency), _interval(throughput))
    return _Point(configuration_name(one), latency.value, throughput.value, ranges)


def _interval(cell: MetricCell) -> Interval:
    assert cell.value is not None
    if cell.low is None or cell.high is None:
        return Interval(cell.value, cell.value)
    return Interval(cell.low, cell.high)


def _figure(points: Sequence[_Point], lengths: str) -> str:
    title = f"tokens/s over latency, {lengths}"
    width, height, left, right, top, bottom = 960.0, 320.0, 74.0, 60.0, 30.0, 38.0
    x = _axis([point.latency for point in points], left, width - right)
    y = _axis([point.throughput for point in points], height - bottom, top)
    parts = [svg.text(left, 15, title, kind="name")]
    for mark in x[1]:
        at = x[0].at(mark)
        parts.append(svg.line(at, top, at, height - bottom))
        parts.append(svg.text(at, height - bottom + 16, _tick(mark, x[1]), anchor="middle"))
    for mark in y[1]:
        at = y[0].at(mark)
        parts.append(svg.line(left, at, width - right, at))
        parts.append(svg.text(left - 6, at + 4, _tick(mark, y[1]), anchor="end"))
    parts.append(svg.text(width - right, height - 6, "latency, mean, ms", anchor="end"))
    best = set(unbeaten([point.ranges for point in points]))
    parts.append(_front([points[index] for index in best], x[0], y[0]))
    for index, point in enumerate(points):
        parts += _marker(point, point.name.removesuffix(f" {lengths}"), index in best, x[0], y[0])
    return svg.chart(width, height, title, parts)


def _axis(values: Sequence[float], start: float, end: float) -> tuple[ChartAxis, list[float]]:
    low, high = min(values), max(values)
    log = high / low > _LOGARITHMIC
    marks = svg.log_ticks(low, high) if log else svg.ticks(low * 0.98, high * 1.02, 6)
    return ChartAxis(marks[0], marks[-1], start, end, log), marks


def _tick(mark: float, marks: Sequence[float]) -> str:
    return svg.plain_number(mark, min(mark, marks[1] - marks[0]) if len(marks) > 1 else 1.0)


def _front(best: Sequence[_Point], x: ChartAxis, y: ChartAxis) -> str:
    """Return the staircase of the most throughput up to each latency."""
    path: list[tuple[float, float]] = []
    for point in sorted(best, key=lambda point: point.latency):
        at = (x.at(point.latency), y.at(point.throughput))
        if path:
            path.append((at[0], path[-1][1]))
        path.append(at)
    shown = " ".join(f"{svg.px(across)},{svg.px(up)}" for across, up in path)
    return f'<polyline points="{shown}" class="front"></polyline>'


def _marker(point: _Point, name: str, best: bool, x: ChartAxis, y: ChartAxis) -> Iterator[str]:
    across, up = x.at(point.latency), y.at(point.throughput)
    spoken = (
        f"{point.name}: {format_number(point.latency, BY_NAME[LATENCY.name].digits)} ms,"
        f" {format_number(point.throughput, 2)} tokens/s"
    )
    latency, throughput = point.ranges
    yield svg.line(x.at(latency.low), up, x.at(latency.high), up, "whisker")
    yield svg.line(across, y.at(throughput.low), across, y.at(throughput.high), "whisker")
    yield svg.rect(across - 4, up - 4, 8, 8, "gain" if best else "other", spoken)
    # The front comes from below and leaves to the right, and every other point is below it.
    if best:
        yield svg.text(across - 7, up - 6, name, anchor="end", kind="name", title=spoken)
    else:
        yield svg.text(across + 8, up + 14, name, title=spoken)
