"""Metrics of the sample: how many iterations there are, and whether they are steady."""

from __future__ import annotations

from runner.metrics.context import MetricContext
from runner.metrics.latency import ITERATIONS_SOURCE, TIMED
from runner.metrics.metric import Computed, Metric
from runner.stats.intervals import Interval
from runner.stats.steady_state import FEWEST

_NOT_OBSERVED = Computed(None, 0, "not observed")


def _iterations(context: MetricContext) -> Computed:
    configuration = context.configuration
    if configuration.latency.n or configuration.result is None:
        return Computed(configuration.latency.n, configuration.latency.n)
    logged = context.logged_iterations
    return Computed(logged, logged, "as logged") if logged else _NOT_OBSERVED


def _warm_up(context: MetricContext) -> Computed:
    configuration = context.configuration
    count = len(configuration.warmup)
    if not count and not configuration.latency.n and configuration.result is not None:
        return _NOT_OBSERVED
    return Computed(count, count)


def _preparation(context: MetricContext) -> Computed | None:
    step = context.configuration.preparation
    if step is None or step.step != "ready":
        return None
    return Computed(step.seconds, 1, f"tile sizes: {step.tiles or 'unknown'}")


def _too_few(context: MetricContext) -> Computed:
    return Computed(None, context.configuration.latency.n, f"needs {FEWEST} iterations")


def _warm_up_effect(context: MetricContext) -> Computed | None:
    n = context.configuration.latency.n
    if n < FEWEST:
        return _too_few(context) if n else None
    found = context.steadiness
    return Computed(100 * found.effect, n, f"the first {found.first} differ" if found.first else "")


def _drift(context: MetricContext) -> Computed | None:
    n = context.configuration.latency.n
    if n < FEWEST:
        return _too_few(context) if n else None
    drift = context.steadiness.drift
    step = context.steadiness.step
    note = "" if step is None else f"a step of {step.change:+.1%} after iteration {step.after}, not a drift"
    return Computed(None if drift is None else 100 * drift.change, n, note)


def _drift_bounds(context: MetricContext) -> Interval | None:
    drift = context.steadiness.drift
    return None if drift is None else Interval(100 * drift.low, 100 * drift.high)


ITERATIONS = Metric(
    name="iterations",
    title="timed iterations",
    unit="",
    group="sample",
    better="neither",
    formula="number of timed calls of the whole batch",
    source=ITERATIONS_SOURCE,
    digits=0,
    count=TIMED,
    conditions="As logged, where a result was imported without its iterations.",
    as_measured=True,
    compute=_iterations,
)
PREPARATION = Metric(
    name="preparation_s",
    title="time to prepare",
    unit="s",
    group="sample",
    better="neither",
    formula="choice of tile sizes + compilation of kernels and capture of CUDA graphs; in no other number",
    source="record of rank 0 before the warm-up",
    count="preparations",
    conditions=(
        "Of the engine torch on a GPU. Tile sizes are measured once for a model, batch size, kind of GPU and"
        " version of the software, then taken from the cache. Compiled kernels are kept by Triton."
    ),
    as_measured=True,
    optional=True,
    compute=_preparation,
)
WARM_UP = Metric(
    name="warm_up",
    title="warm-up iterations",
    unit="",
    group="sample",
    better="neither",
    formula="calls before timing starts; in no other number of this table",
    source="records of rank 0",
    digits=0,
    count="warm-up iterations",
    conditions="The engine decides how many; see the warm-up effect for whether they were enough.",
    as_measured=True,
    compute=_warm_up,
)
WARM_UP_EFFECT = Metric(
    name="warm_up_effect_percent",
    title="warm-up effect on the mean",
    unit="%",
    group="sample",
    better="neither",
    formula=(
        "(mean latency without the first k - mean latency) / mean latency; k is how many of the first"
        " iterations differ: by a step within the first tenth, or until an exponential approach is within"
        " 0.5 % of its level; 0 if p is above 1 % by Student's t with correlation-corrected noise"
    ),
    source=ITERATIONS_SOURCE,
    digits=2,
    count=TIMED,
    conditions="Needs 8 iterations. No number leaves out values; this shows the effect of leaving them out.",
    as_measured=True,
    compute=_warm_up_effect,
)
DRIFT = Metric(
    name="latency_drift_percent",
    title="drift while measured",
    unit="%",
    group="sample",
    better="neither",
    formula=(
        "exp(slope of a least-squares line through the logarithms of the latencies x length) - 1: the last"
        " latency against the first, on that line; single spikes are moved to within 6 standard deviations"
        " of their neighbours"
    ),
    source=ITERATIONS_SOURCE,
    digits=2,
    count=TIMED,
    conditions=(
        "Needs 8 iterations. Iterations of the warm-up effect are not part of it. Its interval widens with"
        " the correlation of neighbours. A drift from 1 % on is flagged if its p-value is below 1 %; a"
        " lasting step to another level is flagged as a step, with its iteration and size. About 1 of 100"
        " steady runs is flagged, up to 3 if it has 20 iterations or fewer with a correlation of 0.9."
    ),
    as_measured=True,
    compute=_drift,
    bounds=_drift_bounds,
)
SAMPLE_METRICS = (ITERATIONS, PREPARATION, WARM_UP, WARM_UP_EFFECT, DRIFT)
