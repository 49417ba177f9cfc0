"""What an engine that serves many requests at once does: done, in flight and queued, tokens, KV cache."""

from __future__ import annotations

import msgspec

from runner.util.formatting import number
from tui.framework.rows import Row, Span, cut, dim, row
from tui.text import bar, gibibytes, measure, right

ROWS = 7
"""that it takes at most"""
_NAME = 12


class Flight(msgspec.Struct, frozen=True):
    """The engine as its log has it last; None: not in it, or not yet."""

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
    """bytes, by the engine's own count"""
    note: str = ""
    """why there is nothing to show, or how late it is"""


def draw_flight(flight: Flight, width: int, height: int) -> list[Row]:
    """As many rows as fit, the most telling first; two rows that hold the essence where there is no room."""
    rows = _long(flight, width) if height >= ROWS - 2 else _short(flight)
    noted = [row(dim(flight.note))] if flight.note else []
    return [cut(drawn, width) for drawn in [*rows, *noted][: max(1, height)]]


def _short(flight: Flight) -> list[Row]:
    first: list[str | Span] = []
    if flight.total:
        first += [dim("requests "), f"{number(flight.done or 0)}/{number(flight.total)}", "   "]
    first += [dim("in flight "), _count(flight.active), dim("   queued "), _count(flight.queued)]
    second: list[str | Span] = [dim("iteration "), _ms(flight.iteration_ms), dim(" ms   tokens ")]
    second += [_count(flight.tokens), dim("   KV cache "), _percent(flight.kv_share)]
    known = flight.active is not None or flight.iteration_ms is not None
    return [row(*first), *([row(*second)] if known else [])]


def _long(flight: Flight, width: int) -> list[Row]:
    rows: list[Row] = []
    size = max(6, min(20, width - _NAME - 24))
    if flight.total:
        full, empty = bar((flight.done or 0) / flight.total, size)
        counts = f" {number(flight.done or 0)} of {number(flight.total)}"
        rows.append(row(dim(_name("requests")), Span(full, "accent"), dim(empty), counts))
    if flight.iteration_ms is None and flight.active is None:
        return rows
    rows.append(_line("in flight", _count(flight.active), "mean", flight.active_mean))
    rows.append(_line("queued", _count(flight.queued), "most", flight.queued_most))
    rows.append(_line("iteration", f"{_ms(flight.iteration_ms)} ms", "mean", flight.iteration_mean))
    rows.append(_line("tokens/iter", _count(flight.tokens), "mean", flight.tokens_mean))
    if flight.kv_share is not None:
        full, empty = bar(flight.kv_share, size)
        peak = f"  peak {_percent(flight.kv_peak)}" if flight.kv_peak is not None else ""
        share = f" {_percent(flight.kv_share)}"
        rows.append(row(dim(_name("KV cache")), Span(full, "accent"), dim(empty), share, dim(peak)))
    if flight.gpu_memory:
        rows.append(
            row(dim(_name("GPU memory")), f"{gibibytes(flight.gpu_memory)} GiB", dim("  the engine's count"))
        )
    return rows


def _line(name: str, value: str, about: str, other: float | None) -> Row:
    beside = f"   {about} {measure(other)}" if other is not None else ""
    return row(dim(_name(name)), right(value, 10), dim(beside))


def _name(text: str) -> str:
    return text.ljust(_NAME)


def _count(value: int | None) -> str:
    return "–" if value is None else number(value)


def _ms(value: float | None) -> str:
    return "–" if value is None else measure(value)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"
