"""Different engines on one shape, side by side: related numbers with different definitions, no verdict.

benchmark.py and the torch engine run batches of fixed size, trtllm-bench keeps requests in flight, so their
configurations are never equal. Comparable is N sequences at a time with the same lengths: batch size N for
the former, concurrency N for the latter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from runner.compare.sides import Side
from runner.metrics import BY_NAME
from runner.plan.plan import Configuration, in_flight
from runner.report.result_table import configuration_name
from runner.stats.repeats import middle
from runner.util.formatting import format_number

_LINES: tuple[tuple[str, str, str], ...] = (
    # question, metric of fixed batches, metric of requests in flight
    ("output, tokens/s", "tokens_per_sec", "output_tokens_per_sec"),
    ("output per GPU, tokens/s", "tokens_per_sec_per_rank", "output_tokens_per_sec_per_gpu"),
    ("output per user, tokens/s", "tokens_per_sec_per_user", "output_tokens_per_sec_per_user"),
    ("latency, mean, ms", "latency_ms", "request_latency_ms"),
    ("latency, p95, ms", "latency_p95_ms", "request_latency_p95_ms"),
    ("to the first token, ms", "prefill_time_ms", "ttft_ms"),
    ("token to token, ms", "time_per_output_token_ms", "inter_token_latency_ms"),
    ("power of all GPUs, mean, W", "gpu_power_mean_w", "gpu_power_mean_w"),
    ("energy per output token, J", "joules_per_token", "joules_per_token"),
    ("energy per request, J", "joules_per_request", "joules_per_request"),
)


class AcrossLine(msgspec.Struct, frozen=True, kw_only=True):
    """One question, and the value of each side."""

    question: str
    metrics: tuple[str, ...]
    """the metric of each side, in the order of the sides"""
    values: tuple[float | None, ...]
    """the (geometric) mean over the runs of each side; None: not available"""


class AcrossEngines(msgspec.Struct, frozen=True, kw_only=True):
    """Sides of different engines at the same lengths, with the same number of sequences at a time."""

    input_len: int
    output_len: int
    at_once: int
    """batch size, or concurrency"""
    configurations: tuple[str, ...]
    """name of the configuration of each side"""
    lines: tuple[AcrossLine, ...]
    runs: tuple[int, ...] = ()
    """number of runs of each side"""


def compare_across_engines(sides: Sequence[Side]) -> tuple[AcrossEngines, ...]:
    """Return what sides of different engines measured with equal lengths and sequences at a time."""
    if len({in_flight(shape) for side in sides for shape in side.shapes}) < 2:
        return ()
    found = []
    for shape in sides[0].shapes:
        wanted = _at(shape)
        matching = [next((other for other in side.shapes if _at(other) == wanted), None) for side in sides]
        shapes = [one for one in matching if one is not None]
        if wanted[2] and len(shapes) == len(sides):
            found.append(_across(sides, shapes, wanted))
    return tuple(found)


def _at(shape: Configuration) -> tuple[int, int, int]:
    """Return input length, output length and sequences at a time (0: unlimited or unknown)."""
    at_once = max(0, shape.concurrency) if in_flight(shape) else shape.batch_size
    return shape.input_len, shape.output_len, at_once


def _across(
    sides: Sequence[Side], shapes: Sequence[Configuration], wanted: tuple[int, int, int]
) -> AcrossEngines:
    lines = []
    for question, static, serving in _LINES:
        names = tuple(serving if in_flight(shape) else static for shape in shapes)
        values = tuple(
            _mean(side, shape, name) for side, shape, name in zip(sides, shapes, names, strict=True)
        )
        if any(value is not None for value in values):
            lines.append(AcrossLine(question=question, metrics=names, values=values))
    return AcrossEngines(
        input_len=wanted[0],
        output_len=wanted[1],
        at_once=wanted[2],
        configurations=tuple(configuration_name(shape) for shape in shapes),
        lines=tuple(lines),
        runs=tuple(len(side.runs) for side in sides),
    )


def _mean(side: Side, shape: Configuration, metric: str) -> float | None:
    values = [value for run in side.runs if (value := run.value(shape, metric)) is not None]
    return middle(values) if values else None


def across_lines(
    found: Sequence[AcrossEngines], labels: Sequence[str], engines: Sequence[str]
) -> Iterator[str]:
    """Yield the tables as text; the caveats are among the reasons why the pairs are unfair."""
    for one in found:
        lengths = f"{one.input_len} in, {one.output_len} out"
        yield f"side by side: {one.at_once} at a time, {lengths}{means_note(one)}"
        heads = [
            ["", *(f"{label} {engine}" for label, engine in zip(labels, engines, strict=True))],
            ["", *one.configurations],
        ]
        rows = [[line.question, *map(across_cell, line.metrics, line.values)] for line in one.lines]
        table = heads + rows
        widths = [max(len(cells[index]) for cells in table) for index in range(len(table[0]))]
        for cells in table:
            first, *rest = cells
            rest_text = "  ".join(f"{cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True))
            yield f"  {first:<{widths[0]}}  {rest_text}".rstrip()
        for line in one.lines:
            if len(set(line.metrics)) > 1:
                definitions = (
                    f"{label} {BY_NAME[name].title}" for label, name in zip(labels, line.metrics, strict=True)
                )
                yield f"  {line.question} is of {', '.join(definitions)}"


def means_note(one: AcrossEngines) -> str:
    """Return `; geometric means of 3 and 3 runs` if a side has several runs, else an empty string."""
    if max(one.runs, default=1) < 2:
        return ""
    *first, last = map(str, one.runs)
    return f"; geometric means of {', '.join(first)} and {last} runs"


def across_cell(name: str, value: float | None) -> str:
    """Return a number with the digits of its metric; a dash for None."""
    return "–" if value is None else format_number(value, BY_NAME[name].digits)
