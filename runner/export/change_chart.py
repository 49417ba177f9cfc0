"""The chart of a comparison: changes as bars from zero, with their intervals, on one scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runner.compare.answer import BarLine, bar_labels, bar_limit, percent
from runner.compare.verdict import Verdict
from runner.export import svg
from runner.export.svg import ChartAxis

WIDTH, LEFT, RIGHT, TOP, ROW, BOTTOM = 960.0, 250.0, 200.0, 26.0, 26.0, 24.0
_KINDS: dict[Verdict, str] = {
    "FASTER": "gain", "BETTER": "gain", "SLOWER": "loss", "WORSE": "loss", "INCONCLUSIVE": "open",
}  # fmt: skip


def change_chart(lines: Sequence[BarLine], title: str) -> str:
    """Return the chart as an SVG element."""
    limit = 100 * bar_limit(lines)
    height = TOP + ROW * len(lines) + BOTTOM
    x = ChartAxis(-limit, limit, LEFT, WIDTH - RIGHT)
    parts = [svg.text(LEFT, TOP - 11, title, kind="name"), *_scale(x, height)]
    for number, (label, line) in enumerate(zip(bar_labels(lines), lines, strict=True)):
        parts += _row(label, line, x, TOP + ROW * number)
    return svg.chart(WIDTH, height, title, parts)


def _scale(x: ChartAxis, height: float) -> Iterator[str]:
    for mark in svg.ticks(x.low, x.high, 9):
        at = x.at(mark)
        kind = "zero" if abs(mark) < 1e-9 else "rule"
        yield svg.line(at, TOP, at, height - BOTTOM, kind)
        yield svg.text(at, height - BOTTOM + 16, f"{mark:+g} %" if kind == "rule" else "0", anchor="middle")


def _row(label: str, line: BarLine, x: ChartAxis, top: float) -> Iterator[str]:
    change, middle = line.change, top + ROW / 2
    kind = _KINDS.get(change.verdict, "same") if change.verdict else "same"
    at, zero = x.at(100 * change.change), x.at(0.0)
    bounds = line.bounds
    spoken = f"{label}: {percent(change.change)}"
    if bounds is not None:
        spoken += f", 95 % interval {percent(bounds[0])} to {percent(bounds[1])}"
    shown = label if len(label) <= 40 else f"{label[:39]}…"
    yield svg.text(LEFT - 8, middle + 4, shown, anchor="end", title=label)
    yield svg.rect(min(at, zero), top + 6, abs(at - zero), ROW - 12, kind, spoken)
    if bounds is not None:
        low, high = (x.at(100 * bound) for bound in bounds)
        yield svg.line(low, middle, high, middle, "whisker", spoken)
        for end, bound in ((low, bounds[0]), (high, bounds[1])):
            if x.low <= 100 * bound <= x.high:  # an end outside of the scale stays open
                yield svg.line(end, middle - 4, end, middle + 4, "whisker")
    verdict = change.verdict or ""
    yield svg.text(WIDTH - RIGHT + 8, middle + 4, f"{percent(change.change)}  {verdict}", kind="name")
