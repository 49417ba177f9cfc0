"""The numbers below the latency plot."""

from __future__ import annotations

import msgspec

from runner.util.formatting import format_number
from tui.framework.rows import Row, Span, dim, fitting, row, row_width
from tui.text import align_right, format_measurement

GAP = "  "
MIN_FOR_P95 = 20
"""With fewer iterations p95 is close to the maximum."""


class LatencyNumbers(msgspec.Struct, frozen=True):
    """Statistics of the present configuration so far; None: not known (yet)."""

    n: int = 0
    mean: float | None = None
    p50: float | None = None
    p95: float | None = None
    prefill: float | None = None
    generation: float | None = None
    per_token: float | None = None
    tokens_per_sec: float | None = None
    """in the line of the stages, which every terminal has"""
    tokens_unit: str = "tokens/s"
    ceiling: str = ""
    """how near the decode steps come to what the GPU allows; empty: not known, or shown elsewhere"""
    instead: tuple[tuple[str, float | None, str], ...] = ()
    """name, value and unit of the second line, for engines with in-flight batching"""
    empty: str = "no timed iteration yet"


def draw_numbers(numbers: LatencyNumbers, width: int) -> list[Row]:
    if not numbers.n:
        return [row(dim(numbers.empty))]
    few = numbers.n < MIN_FOR_P95
    count = f"n {format_number(numbers.n)}"
    latency = [
        _value("mean", numbers.mean, ""),
        _value("p50", numbers.p50, ""),
        _value("p95", numbers.p95, " ms", "dim" if few else ""),
    ]
    generation = [
        _value("prefill", numbers.prefill, ""),
        _value("generation", numbers.generation, " ms"),
        _value("", numbers.per_token, " ms/token"),
        *([row(numbers.ceiling)] if numbers.ceiling else []),
    ]
    if numbers.instead:
        generation = [_value(name, value, unit) for name, value, unit in numbers.instead]
    caveats = (f": unreliable below {MIN_FOR_P95} iterations", ": unreliable") if few else ()
    wholes = [fitting([*latency, row(dim(count + caveat))], 10**6, GAP) for caveat in (*caveats, "")]
    whole = next((whole for whole in wholes if row_width(whole) <= width), fitting(latency, width, GAP))
    if width >= 130 and row_width(wholes[0]) + row_width(fitting(generation, 10**6, GAP)) + 7 <= width:
        return [(*wholes[0], dim("     "), *fitting(generation, width, GAP))]
    return [whole, fitting(generation, width, GAP)]


def _value(name: str, value: float | None, unit: str, style: str = "") -> Row:
    shown = "–" if value is None else format_measurement(value)
    return row(dim(f"{name} " if name else ""), Span(align_right(shown, 6), style), dim(unit))
