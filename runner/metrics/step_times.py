"""Metrics of single decode steps, where `benchmark.per_step` asks for their times."""

from __future__ import annotations

from runner.metrics.context import MetricContext
from runner.metrics.metric import Computed, Metric
from runner.state.step_times import StepTimesState

SOURCE = "time of every decode step of rank 0: CUDA events on a GPU, the monotonic clock on a CPU"
STEPS = "decode steps of timed iterations"
LEAST_FOR_P99 = 100
CONDITIONS = "Of the engine torch with benchmark.per_step. Needs a token after the first."


def _percentile(context: MetricContext, q: float) -> Computed | None:
    found = context.configuration.step_times
    if found is None or not found.values.n:
        return None
    if found.each > 1:
        return Computed(None, found.values.n, f"only means of {found.each} steps are in the log")
    return Computed(found.values.percentile(q), found.values.n, _part(context, found))


def _p50(context: MetricContext) -> Computed | None:
    return _percentile(context, 50)


def _p99(context: MetricContext) -> Computed | None:
    found = _percentile(context, 99)
    if found is None or found.n >= LEAST_FOR_P99:
        return found
    return Computed(None, found.n, f"needs {LEAST_FOR_P99} steps")


def _slowest(context: MetricContext) -> Computed | None:
    found = context.configuration.step_times
    if found is None or found.slowest is None:
        return None
    where = f"step {found.slowest.step + 1} of iteration {found.slowest.iteration + 1}"
    part = _part(context, found)
    return Computed(found.slowest.ms, found.values.n * found.each, f"{where}; {part}" if part else where)


def _part(context: MetricContext, found: StepTimesState) -> str:
    """Return which iterations the steps are of, if not of all; the log keeps a limited number."""
    measured = context.configuration.latency.n
    return f"of the first {found.iterations} iterations" if found.iterations < measured else ""


STEP_P50 = Metric(
    name="decode_step_p50_ms",
    title="decode step, p50",
    unit="ms",
    group="generation",
    better="lower",
    formula="50th percentile of the times of single decode steps, linear interpolation",
    source=SOURCE,
    count=STEPS,
    conditions=CONDITIONS,
    optional=True,
    compute=_p50,
)
STEP_P99 = Metric(
    name="decode_step_p99_ms",
    title="decode step, p99",
    unit="ms",
    group="generation",
    better="lower",
    formula="99th percentile of the times of single decode steps, linear interpolation",
    source=SOURCE,
    count=STEPS,
    conditions=f"{CONDITIONS} Needs {LEAST_FOR_P99} steps.",
    optional=True,
    compute=_p99,
)
STEP_SLOWEST = Metric(
    name="decode_step_slowest_ms",
    title="decode step, slowest",
    unit="ms",
    group="generation",
    better="lower",
    formula="longest time of a single decode step",
    source=SOURCE,
    count=STEPS,
    conditions=CONDITIONS,
    judged=False,
    as_measured=True,
    optional=True,
    compute=_slowest,
)
STEP_METRICS = (STEP_P50, STEP_P99, STEP_SLOWEST)
