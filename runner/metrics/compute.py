"""The values of one configuration: from its iterations or requests, else as the engine printed them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from runner.metrics import registry
from runner.metrics.context import CeilingInputs, GpuContext, MetricContext
from runner.metrics.metric import Computed, Metric, MetricValue, as_number, printed_value
from runner.metrics.serving import reported_value
from runner.util.bounds import is_reading

if TYPE_CHECKING:
    from runner.metrics.memory_map import MemoryMap
    from runner.state.configuration import ConfigurationState
    from runner.stats.intervals import Estimate

Estimates = dict[Metric, "Estimate"]
OUT_OF_RANGE = "out of range: what it is computed from is too large or too small"


def values(
    configuration: ConfigurationState,
    ranks: int,
    gpus: GpuContext | None = None,
    ceiling: CeilingInputs | None = None,
    memory: MemoryMap | None = None,
) -> list[MetricValue]:
    """Return the table of one configuration, in the order of `registry.ALL` or `registry.SERVING`.

    Args:
        configuration: what was measured.
        ranks: how many processes measured together.
        gpus: readings of the GPUs, from `runner.metrics.rank_gpus`; None: a run without GPU readings.
        ceiling: what the ceiling is computed from; None: a run that is not known to compute on GPUs.
        memory: what fills the memory of a GPU; None: nothing is known of it.
    """
    context = MetricContext(configuration, ranks, gpus, ceiling, memory)
    serving = configuration.serving is not None
    rows = []
    for metric in (*registry.SERVING, *registry.MEMORY, *registry.GPU) if serving else registry.ALL:
        if metric.group == "gpu" and gpus is None:
            continue
        found = compute_metric(metric, context)
        if found is None and (metric.optional or (serving and metric.group == "gpu")):
            continue
        number, n, note = found or Computed(None, 0 if serving else configuration.latency.n)
        low, high = (None, None) if number is None else _bounds(metric, context)
        printed = printed_value(metric, configuration.result or {})
        rows.append(MetricValue(metric, number, n, printed, note, low, high))
    return rows


def compute_all(metrics: Iterable[Metric], context: MetricContext) -> dict[Metric, Computed]:
    """Compute metrics without their intervals; those that were not observed are left out.

    Cheap enough for every frame of a screen, except for the metrics of `sample`.
    """
    return {metric: found for metric in metrics if (found := compute_metric(metric, context)) is not None}


def compute_metric(metric: Metric, context: MetricContext) -> Computed | None:
    """Compute one metric; None: it was not observed."""
    found = _computed(metric, context)
    if found is None or found.value is None or is_reading(found.value):
        return found
    return Computed(None, found.n, OUT_OF_RANGE)


def _computed(metric: Metric, context: MetricContext) -> Computed | None:
    if metric.group == "gpu":
        return _of_gpus(metric, context)
    found = metric.compute(context)
    if found is not None:
        return found
    if context.configuration.serving is not None:
        return reported_value(context, metric)
    return _as_printed(metric, context)


def _of_gpus(metric: Metric, context: MetricContext) -> Computed | None:
    gpus = context.gpus
    if gpus is None or gpus.window is None:
        return None
    if gpus.unknown_gpu:
        return Computed(None, 0, gpus.unknown_gpu)
    found = None if gpus.too_short and metric.needs_samples else metric.compute(context)
    if found is None and gpus.too_short:
        return Computed(None, gpus.window.ticks, gpus.too_short)
    return found


def _as_printed(metric: Metric, context: MetricContext) -> Computed | None:
    """Return the printed value of a configuration whose iterations were not observed."""
    configuration = context.configuration
    if configuration.latency.n or configuration.result is None:
        return None
    value = as_number(printed_value(metric, configuration.result))
    note = "as printed: no iterations were observed"
    return Computed(value, context.logged_iterations, note) if value else None


def estimates(configuration: ConfigurationState, ranks: int) -> Estimates:
    """Return estimates by metric; their values are those of the table, in its units.

    What is read once (memory, energy) or is an extreme has no entry: one run says nothing about its spread.
    """
    context = MetricContext(configuration, ranks)
    family = registry.ALL if configuration.serving is None else registry.SERVING
    found = {metric: _estimate(metric, context) for metric in family}
    return {metric: estimate for metric, estimate in found.items() if estimate is not None}


def _estimate(metric: Metric, context: MetricContext) -> Estimate | None:
    configuration = context.configuration
    if metric.estimate is None or not (configuration.latency.n or configuration.serving):
        return None
    return metric.estimate(context)


def _bounds(metric: Metric, context: MetricContext) -> tuple[float | None, float | None]:
    """Return the 95 % interval of a metric; None: no bound on that side."""
    estimate = _estimate(metric, context)
    bounds = metric.bounds(context) if metric.bounds is not None else None
    interval = estimate.interval() if estimate is not None else bounds
    if interval is None:
        return None, None
    low, high = interval.low, interval.high
    return low if is_reading(low) else None, high if is_reading(high) else None
