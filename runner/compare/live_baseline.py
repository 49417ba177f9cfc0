"""The baseline of a profile next to a run that is still under way: its numbers, without a verdict."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from runner.compare.differences import differences, setup_reasons, side_problems
from runner.compare.sides import ComparedRun, Side
from runner.history.baseline import find_baseline
from runner.metrics.latency import P50
from runner.metrics.metric import Metric
from runner.metrics.serving import OUTPUT_TOKENS_PER_SEC
from runner.metrics.throughput import TOKENS_PER_SEC
from runner.plan.plan import Configuration
from runner.report.baseline_numbers import BaselineNumbers
from runner.stats.repeats import middle
from runner.util.errors import UserError

_SHOWN: tuple[Metric, ...] = (P50, TOKENS_PER_SEC, OUTPUT_TOKENS_PER_SEC)


def read_baseline_numbers(run_dir: Path, profile: str) -> BaselineNumbers | None:
    """Return the baseline of a profile for one of its runs; None: there is none, or the run is part of it.

    Machine, GPUs and work have to be the same, which is known once the ranks of the run have reported. Reads
    the log of the run and those of the baseline.
    """
    found = find_baseline(profile)
    if found is None or run_dir.name in found.runs:
        return None
    try:
        before = Side("the baseline", tuple(ComparedRun(one) for one in found.run_dirs()))
        this = Side("this run", (ComparedRun(run_dir),))
        why_not = [*setup_reasons(differences((before, this))), *side_problems(before)]
    except UserError as error:
        return BaselineNumbers(why_not=(str(error.args[0]),))
    if why_not:
        return BaselineNumbers(why_not=tuple(why_not))
    return BaselineNumbers({shape: dict(_numbers(before, shape)) for shape in before.shapes})


def _numbers(side: Side, shape: Configuration) -> Iterator[tuple[str, float]]:
    for metric in _SHOWN:
        values = [value for run in side.runs if (value := run.value(shape, metric.name)) is not None]
        if values and len(values) == len(side.runs):
            yield metric.name, middle(values)
