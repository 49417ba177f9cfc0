"""Panel of an engine with in-flight batching: requests done, in flight and queued, tokens, KV cache."""

from __future__ import annotations

import msgspec

from runner.util.formatting import format_number
from tui.framework.rows import Row, Span, cut, dim, row
from tui.text import align_right, bar, format_measurement, gibibytes

MAX_ROWS = 7
_NAME_WIDTH = 12


class InFlightView(msgspec.Struct, frozen=True):
    """Latest values from the log of the engine; None: not in the log, or not yet."""

    done: int | None = None
    total: int = 0
    active: int | None = None
    active_mean: float | None = None
    queued: int | None = None
    queued_most: float | None = None
    iteration_ms: float | None = None
    iteration_mean: float | None = None
    tokens: int | None = None
    tokens_mean: float | None = None
    kv_share: float | None = None
    kv_peak: float | None = None
    """0 to 1"""
    kv_blocks: int | None = None
    gpu_memory: int | None = None
    """bytes, as counted by the engine"""
    note: str = ""
    """why there are no values, or how old they are"""


def draw_in_flight(flight: InFlightView, width: int, height: int) -> list[Row]:
    """Draw one row a value, the most important first; in a low panel two rows with the main values."""
    rows = _long_rows(flight, width) if height >= MAX_ROWS - 2 else _short_rows(flight)
    note = [row(dim(flight.note))] if flight.note else []
    return [cut(drawn, width) for drawn in [*rows, *note][: max(1, height)]]


def _short_rows(flight: InFlightView) -> list[Row]:
    first: list[str | Span] = []
    if flight.total:
        first += [dim("requests "), f"{format_number(flight.done or 0)}/{format_number(flight.total)}", "   "]
    first += [dim("in flight "), _count(flight.active), dim("   queued "), _count(flight.queued)]
    second: list[str | Span] = [dim("iteration "), _ms(flight.iteration_ms), dim(" ms   tokens ")]
    second += [_count(flight.tokens), dim("   KV cache "), _percent(flight.kv_share)]
    has_values = flight.active is not None or flight.iteration_ms is not None
    return [row(*first), *([row(*second)] if has_values else [])]


def _long_rows(flight: InFlightView, width: int) -> list[Row]:
    rows: list[Row] = []
    size = max(6, min(20, width - _NAME_WIDTH - 24))
    if flight.total:
        full, empty = bar((flight.done or 0) / flight.total, size)
        counts = f" {format_number(flight.done or 0)} of {format_number(flight.total)}"
        rows.append(row(dim(_name("requests")), Span(full, "accent"), dim(empty), counts))
    if flight.iteration_ms is None and flight.active is None:
        return rows
    rows.append(_value_row("in flight", _count(flight.active), "mean", flight.active_mean))
    rows.append(_value_row("queued", _count(flight.queued), "max", flight.queued_most))
    rows.append(_value_row("iteration", f"{_ms(flight.iteration_ms)} ms", "mean", flight.iteration_mean))
    rows.append(_value_row("tokens/iter", _count(flight.tokens), "mean", flight.tokens_mean))
    if flight.kv_share is not None:
        full, empty = bar(flight.kv_share, size)
        peak = f"  peak {_percent(flight.kv_peak)}" if flight.kv_peak is not None else ""
        share = f" {_percent(flight.kv_share)}"
        rows.append(row(dim(_name("KV cache")), Span(full, "accent"), dim(empty), share, dim(peak)))
    if flight.gpu_memory:
        rows.append(
            row(
                dim(_name("GPU memory")),
                f"{gibibytes(flight.gpu_memory)} GiB",
                dim("  counted by the engine"),
            )
        )
    return rows


def _value_row(name: str, value: str, statistic: str, second: float | None) -> Row:
    addition = f"   {statistic} {format_measurement(second)}" if second is not None else ""
    return row(dim(_name(name)), align_right(value, 10), dim(addition))


def _name(text: str) -> str:
    return text.ljust(_NAME_WIDTH)


def _count(value: int | None) -> str:
    return "–" if value is None else format_number(value)


def _ms(value: float | None) -> str:
    return "–" if value is None else format_measurement(value)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"
