"""The charts of the GPUs of a run, on the time axis of its latencies; of several nodes a curve a node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runner.events.throttle_reasons import HARMLESS
from runner.export import svg
from runner.export.charts import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Drawing,
    Window,
    scale_for,
    time_axis,
    value_axis,
)
from runner.export.run_data import RunData
from runner.export.svg import ChartAxis
from runner.stats import SeriesBucket
from runner.util.formatting import duration, format_number

_GPU_CHARTS = (
    ("memory", "memory in use, GiB", 2.0**30, True),
    ("busy", "busy, % of time with a kernel", 1.0, True),
    ("power", "power, W", 1.0, True),
    ("sm_clock", "SM clock, MHz", 1.0, False),
    ("temperature", "temperature, °C", 1.0, False),
)
_ROW = 16.0


def gpus(data: RunData, window: Window) -> list[Drawing]:
    """Draw a chart for each reading of the GPUs of the ranks, and one of clock throttling."""
    drawn = [_gpu_chart(data, window, *chart) for chart in _GPU_CHARTS]
    return [one for one in (*drawn, _throttled(data, window)) if one is not None]


def _gpu_chart(
    data: RunData, window: Window, reading: str, name: str, per: float, from_zero: bool
) -> Drawing | None:
    tracks = data.log.timeline.gpus
    found: list[tuple[str, list[SeriesBucket]]] = []
    for group, uuids in _gpu_groups(data):
        each: dict[int, list[SeriesBucket]] = {}
        for uuid in uuids:
            series = tracks[uuid].readings.get(reading) if uuid in tracks else None
            for one in series.buckets if series else ():
                if window.begin <= one.t <= window.end:
                    each.setdefault(one.t, []).append(one)
        if each:
            buckets = [
                SeriesBucket(t, min(one.low for one in every) / per, max(one.high for one in every) / per)
                for t, every in sorted(each.items())
            ]
            found.append((group, buckets))
    if not found:
        return None
    height = 130.0
    x = window.axis
    every = [bucket for _, buckets in found for bucket in buckets]
    low, high = min(bucket.low for bucket in every), max(bucket.high for bucket in every)
    if from_zero:
        marks = svg.ticks(0.0, max(high, 1.0), 4)
        y = ChartAxis(0.0, marks[-1], height - BOTTOM, TOP)
    else:
        y, marks = scale_for(low, high, height)
    parts = [*value_axis(y, marks[:: max(1, len(marks) // 4)], name), *time_axis(x, height), *_legend(found)]
    for colour, (group, buckets) in enumerate(found):
        points = [(x.at(window.seconds(one.t)), y.at(one.low), y.at(one.high)) for one in buckets]
        lowest, highest = min(one.low for one in buckets), max(one.high for one in buckets)
        parts.append(
            svg.curve(points, colour, f"{group}: {format_number(lowest, 1)} to {format_number(highest, 1)}")
        )
    nodes = f" of {len(data.environment.nodes)} nodes" if data.environment.nodes else ""
    title = f"{name} of {len(data.environment.gpus if nodes else found)} GPUs{nodes} over time"
    return Drawing(WIDTH, height, svg.chart(WIDTH, height, title, parts))


def _gpu_groups(data: RunData) -> list[tuple[str, list[str]]]:
    """Return name and UUIDs of what has a curve: each GPU of the ranks; of several nodes, each node."""
    used = [gpu.uuid for gpu in data.environment.gpus]
    if not data.environment.nodes:
        return [(f"GPU {gpu.index}", [gpu.uuid]) for gpu in data.environment.gpus]
    return [
        (node.name, [gpu.uuid for gpu in node.gpus if gpu.uuid in used]) for node in data.environment.nodes
    ]


def _gpu_names(data: RunData) -> dict[str, str]:
    """Return UUID -> name of the GPUs of the ranks."""
    nodes = {gpu.uuid: node.name for node in data.environment.nodes for gpu in node.gpus}
    return {
        gpu.uuid: f"{nodes[gpu.uuid]} {gpu.index}" if gpu.uuid in nodes else f"GPU {gpu.index}"
        for gpu in data.environment.gpus
    }


def _legend(found: Sequence[tuple[str, object]]) -> Iterator[str]:
    shown = found[:12]
    x = WIDTH - RIGHT - 62.0 * len(shown) - (40 if len(found) > len(shown) else 0)
    for colour, (name, _) in enumerate(shown):
        yield svg.curve([(x, TOP - 15, TOP - 15), (x + 20, TOP - 15, TOP - 15)], colour)
        yield svg.text(x + 24, TOP - 11, name)
        x += 62
    if len(found) > len(shown):
        yield svg.text(x, TOP - 11, f"+ {len(found) - len(shown)}")


def _throttled(data: RunData, window: Window) -> Drawing | None:
    """Draw a row per GPU with the time spans in which its clocks were throttled."""
    tracks = data.log.timeline.gpus
    rows = [(name, tracks[uuid].spans) for uuid, name in _gpu_names(data).items() if uuid in tracks]
    if not rows:
        return None
    height = TOP + _ROW * len(rows) + BOTTOM
    x = window.axis
    parts = [
        svg.text(
            LEFT,
            TOP - 11,
            "throttled clocks (outlined: power cap or sync boost, usual at full load)",
            kind="name",
        )
    ]
    parts += time_axis(x, height)
    for number, (name, spans) in enumerate(rows):
        top = TOP + _ROW * number
        parts.append(svg.text(LEFT - 6, top + 11, name, anchor="end"))
        parts.append(svg.line(LEFT, top + _ROW - 1, WIDTH - RIGHT, top + _ROW - 1))
        for throttle in spans:
            if throttle.end < window.begin or throttle.begin > window.end:
                continue
            begin, end = window.seconds(throttle.begin), window.seconds(throttle.end)
            tooltip = f"{name}: {throttle.reason}, {duration(begin)} to {duration(end)} ({end - begin:.1f} s)"
            left, right = x.at(begin), x.at(end)
            kind = "harmless" if throttle.reason in HARMLESS else "held"
            parts.append(svg.rect(left, top + 2, max(2.0, right - left), _ROW - 5, kind, tooltip))
            if kind == "held" and right - left > 7 * len(throttle.reason):
                parts.append(svg.text(left + 3, top + 11, throttle.reason, kind="on"))
    return Drawing(WIDTH, height, svg.chart(WIDTH, height, "reasons for throttled clocks of the GPUs", parts))
