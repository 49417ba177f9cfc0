"""Different engines on one shape, side by side: numbers of unlike meaning, each by its name, no verdict.

benchmark.py and the torch engine run a batch of fixed size, trtllm-bench keeps requests in flight, so their
configurations are never equal. What can be looked at together is N sequences at a time with the same
lengths: batch size N here, concurrency N there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from runner.compare.sides import Side
from runner.metrics import BY_NAME
from runner.plan.plan import Configuration
from runner.report.result_table import configuration_name, thousands
from runner.stats.repeats import middle

_LINES: tuple[tuple[str, str, str], ...] = (
    # what is asked, of batches of fixed size, of requests in flight
    ("output, tokens/s", "tokens_per_sec", "output_tokens_per_sec"),
    ("latency, mean, ms", "latency_ms", "request_latency_ms"),
    ("latency, p95, ms", "latency_p95_ms", "request_latency_p95_ms"),
    ("to the first token, ms", "prefill_time_ms", "ttft_ms"),
    ("token to token, ms", "time_per_output_token_ms", "inter_token_latency_ms"),
    ("GPU power, mean, W", "gpu_power_mean_w", "gpu_power_mean_w"),
    ("energy a token, J", "joules_per_token", "joules_per_token"),
)


class AcrossLine(msgspec.Struct, frozen=True, kw_only=True):
    """One question, and what each side has as an answer to it."""

    question: str
    metrics: tuple[str, ...]
    """the metric that each side answers with, in the order of the sides"""
    values: tuple[float | None, ...]
    """the (geometric) mean over the runs of each side; None: it has no such number"""


class Across(msgspec.Struct, frozen=True, kw_only=True):
    """Sides of different engines at the same lengths, with the same number of sequences at a time."""

    input_len: int
    output_len: int
    at_once: int
    """batch size, or concurrency"""
    configurations: tuple[str, ...]
    """of each side, in words"""
    lines: tuple[AcrossLine, ...]
    runs: tuple[int, ...] = ()
    """how many runs each side has"""


def across(sides: Sequence[Side]) -> tuple[Across, ...]:
    """What all sides of unlike engines measured with the same lengths and as many sequences at a time."""
    if len({bool(shape.requests) for side in sides for shape in side.shapes}) < 2:
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
    """Lengths, and how many sequences at a time; 0 where there is no limit, or none is known."""
    at_once = max(0, shape.concurrency) if shape.requests else shape.batch_size
    return shape.input_len, shape.output_len, at_once


def _across(sides: Sequence[Side], shapes: Sequence[Configuration], wanted: tuple[int, int, int]) -> Across:
    lines = []
    for question, static, serving in _LINES:
        names = tuple(serving if shape.requests else static for shape in shapes)
        values = tuple(
            _mean(side, shape, name) for side, shape, name in zip(sides, shapes, names, strict=True)
        )
        if any(value is not None for value in values):
            lines.append(AcrossLine(question=question, metrics=names, values=values))
    return Across(
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


def across_lines(found: Sequence[Across], labels: Sequence[str], engines: Sequence[str]) -> Iterator[str]:
    """The tables as text; what to know before reading them stands among the reasons against the pairs."""
    for one in found:
        yield f"side by side: {one.at_once} at a time, {one.input_len} in, {one.output_len} out{means(one)}"
        heads = [
            ["", *(f"{label} {engine}" for label, engine in zip(labels, engines, strict=True))],
            ["", *one.configurations],
        ]
        rows = [[line.question, *map(across_cell, line.metrics, line.values)] for line in one.lines]
        grid = heads + rows
        widths = [max(len(cells[index]) for cells in grid) for index in range(len(grid[0]))]
        for cells in grid:
            first, *rest = cells
            behind = "  ".join(f"{cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True))
            yield f"  {first:<{widths[0]}}  {behind}".rstrip()
        for line in one.lines:
            if len(set(line.metrics)) > 1:
                said = (
                    f"{label} {BY_NAME[name].title}" for label, name in zip(labels, line.metrics, strict=True)
                )
                yield f"  {line.question} is of {', '.join(said)}"


def means(one: Across) -> str:
    """What the numbers are when a side has several runs: `; geometric means of 3 and 3 runs`."""
    if max(one.runs, default=1) < 2:
        return ""
    *first, last = map(str, one.runs)
    return f"; geometric means of {', '.join(first)} and {last} runs"


def across_cell(name: str, value: float | None) -> str:
    """A number with the digits of its metric; a dash for none."""
    return "–" if value is None else thousands(value, BY_NAME[name].digits)
