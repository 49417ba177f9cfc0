"""SVG elements: axes with round ticks, curves that keep every spike, escaped text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.stats import SeriesBucket
from runner.util.foreign_text import html_text

STYLE = Path(__file__).with_name("chart.css").read_text(encoding="utf-8").strip()
"""Style for light and dark pages; no information is in the colour alone."""

COLOURS = 8
DASHES = ("", "6 2", "2 2", "8 2 2 2", "1 2", "10 3", "4 4", "6 2 1 2")
"""Dashes distinguish GPUs in addition to colours."""
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_SECONDS = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    14400,
    28800,
    43200,
    86400,
)


@dataclass(frozen=True)
class ChartAxis:
    """Maps values from `low` to `high` to pixels from `start` to `end`; `log` for a logarithmic axis."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        value = min(max(value, self.low), self.high)
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.start + share * (self.end - self.start)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return about `most` round numbers that cover low and high; the first and last end the axis."""
    step = _round_step((high - low) / max(1, most - 1))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, max(last, first + 1) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times powers of ten that cover low and high."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
    first = max(index for index, tick in enumerate(found) if tick <= low * (1 + 1e-9))
    last = min(index for index, tick in enumerate(found) if tick >= high * (1 - 1e-9))
    return found[first : last + 1]


def _round_step(least: float) -> float:
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in _STEPS if step * power >= least * (1 - 1e-9))


def second_ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most `most` times between low and high in steps of seconds, minutes or hours; seconds."""
    step = next((step for step in _SECONDS if (high - low) / step <= most), None)
    step = step or 86400.0 * math.ceil((high - low) / most / 86400)
    return [float(index * step) for index in range(math.ceil(low / step), math.floor(high / step) + 1)]


def plain_number(value: float, step: float) -> str:
    """Format the number of a tick with the digits that its step needs: `63 500`, `0.25`."""
    digits = next((digits for digits in range(6) if math.isclose(round(step, digits), step)), 6)
    return f"{value:,.{digits}f}".replace(",", "\u202f")


def merge_buckets(buckets: Sequence[SeriesBucket], most: int) -> list[SeriesBucket]:
    """Merge neighbours until there are at most `most` buckets; minimum and maximum are kept."""
    step = max(1, math.ceil(len(buckets) / max(1, most)))
    groups = (buckets[index : index + step] for index in range(0, len(buckets), step))
    return [
        SeriesBucket(group[0].t, min(one.low for one in group), max(one.high for one in group))
        for group in groups
    ]


# --- elements ----------------------------------------------------------------------------------------------


def px(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def text(x: float, y: float, content: str, *, anchor: str = "start", kind: str = "", title: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    tip = f"<title>{html_text(title)}</title>" if title else ""
    return f'<text x="{px(x)}" y="{px(y)}" text-anchor="{anchor}"{named}>{tip}{html_text(content)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str = "rule", title: str = "") -> str:
    tip = f"<title>{html_text(title)}</title>" if title else ""
    return f'<line x1="{px(x1)}" y1="{px(y1)}" x2="{px(x2)}" y2="{px(y2)}" class="{kind}">{tip}</line>'


def rect(x: float, y: float, width: float, height: float, kind: str, title: str = "") -> str:
    tip = f"<title>{html_text(title)}</title>" if title else ""
    return (
        f'<rect x="{px(x)}" y="{px(y)}" width="{px(max(width, 0.5))}" height="{px(max(height, 0.5))}"'
        f' class="{kind}">{tip}</rect>'
    )


def curve(points: Iterable[tuple[float, float, float]], colour: int, title: str = "") -> str:
    """Draw a line through points (x, y of low, y of high); for a merged point, its whole range."""
    path: list[str] = []
    for x, low, high in points:
        path.append(f"{px(x)},{px(low)}")
        if abs(high - low) >= 0.1:
            path.append(f"{px(x)},{px(high)}")
    dash = DASHES[colour // COLOURS % len(DASHES) if colour >= COLOURS else colour]
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    tip = f"<title>{html_text(title)}</title>" if title else ""
    stroke = f'stroke="var(--c{colour % COLOURS})"{dashed}'
    return f'<polyline points="{" ".join(path)}" class="line" {stroke}>{tip}</polyline>'


def chart(width: float, height: float, label: str, parts: Iterable[str]) -> str:
    """Return a drawing; `label` describes it for screen readers."""
    body = "".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" aria-label="{html_text(label)}"'
        f' viewBox="0 0 {px(width)} {px(height)}" width="100%">{body}</svg>'
    )


def standalone(drawings: Sequence[tuple[float, float, str]], title: str) -> str:
    """Return drawings (width, height, svg) below one another as an SVG file."""
    width = max(one[0] for one in drawings)
    height = sum(one[1] for one in drawings) + 28
    parts = [f"<style>{STYLE}</style>", rect(0, 0, width, height, "paper"), text(12, 18, title, kind="name")]
    y = 28.0
    for wide, high, drawn in drawings:
        placed = drawn.replace('width="100%"', f'x="0" y="{px(y)}" width="{px(wide)}" height="{px(high)}"', 1)
        parts.append(placed)
        y += high
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {px(width)} {px(height)}"'
        f' width="{px(width)}" height="{px(height)}">{"".join(parts)}</svg>\n'
    )
