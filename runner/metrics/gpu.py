"""Metrics of how busy the GPUs were and how fast they could run, from samples of the measured phase."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from runner.events.throttle_reasons import throttle_names
from runner.metrics.context import MetricContext
from runner.metrics.metric import Computed, Metric

if TYPE_CHECKING:
    from runner.state.gpu import GpuState
    from runner.state.gpu_phase import GpuPhase
    from runner.state.gpu_window import GpuWindow

READINGS = "readings of the GPUs while iterations were measured"
SAMPLES_SOURCE = "NVML, samples of the measured phase"
_GPM = "NVML GPM, samples"


def of_window(number: Callable[[GpuWindow], Computed]) -> Callable[[MetricContext], Computed | None]:
    """Compute a metric from the readings of the measured phase."""

    def compute(context: MetricContext) -> Computed | None:
        window = context.gpus.window if context.gpus is not None else None
        return None if window is None else number(window)

    return compute


def _mean_of(reading: str) -> Callable[[MetricContext], Computed | None]:
    """Compute the mean of a reading over samples and GPUs."""

    def mean(window: GpuWindow) -> Computed:
        cells = window.cells(reading)
        if isinstance(cells, str):
            return Computed(None, 0, cells)
        means = [cell.mean for cell in cells]
        return Computed(sum(means) / len(means), min(cell.n for cell in cells), window.how)

    return of_window(mean)


def _throttled(window: GpuWindow) -> Computed:
    shares = {gpu.name: throttled_shares(window.phase_of(gpu), gpu) for gpu in window.gpus}
    unread = [gpu for gpu, found in shares.items() if found is None]
    if unread:
        return Computed(None, 0, f"{unread[0]}: clocks event reasons were not read")
    parts = [
        f"{gpu}: {name} {100 * share:.1f} %"
        for gpu, found in shares.items()
        for name, share in (found or {}).items()
        if share >= 0.0005
    ]
    most = max((share for found in shares.values() for share in (found or {}).values()), default=0.0)
    return Computed(100 * most, window.ticks, ", ".join(parts))


def throttled_shares(phase: GpuPhase, gpu: GpuState) -> dict[str, float] | None:
    """Return reason -> share of the measured time, 0 to 1, in which clocks were held down; None: not read.

    From the driver's counters; where it has none, from the share of samples that show the reason.
    """
    seen = phase.reasons[gpu.column] if gpu.column < len(phase.reasons) else None
    counted = {
        name: min(1.0, column[gpu.column] / 1e6 / phase.seconds)
        for name, column in phase.throttled_us.items()
        if gpu.column < len(column)
    }
    if seen is None:
        return counted or None
    total = sum(count for bits, count in seen.items() if bits is not None)
    if not total:
        return counted or None
    sampled: dict[str, float] = {}
    for bits, count in seen.items():
        for name in throttle_names(bits or 0):
            sampled[name] = sampled.get(name, 0.0) + count / total
    return {**sampled, **counted}


GPU_THROTTLED = Metric(
    name="gpu_throttled_percent",
    title="time throttled",
    unit="%",
    group="gpu",
    better="lower",
    formula=(
        "time in which clocks were held down for one reason / duration, of the GPU and reason with"
        " most of it;"
        " the power cap alone is usual at full load"
    ),
    source="NVML, cumulative counters, else share of samples",
    digits=1,
    count=READINGS,
    conditions="Compare runs only where it is about the same; the heat of an earlier run shows here.",
    as_measured=True,
    compute=of_window(_throttled),
)
GPU_CLOCK = Metric(
    name="gpu_sm_clock_mhz",
    title="SM clock, mean",
    unit="MHz",
    group="gpu",
    better="higher",
    formula="mean of the samples and GPUs",
    source=SAMPLES_SOURCE,
    digits=0,
    count=READINGS,
    conditions="Needs three readings. Two runs at different clocks do not compare engines.",
    compute=_mean_of("sm_clock"),
)
GPU_BUSY = Metric(
    name="gpu_busy_percent",
    title="GPU busy",
    unit="%",
    group="gpu",
    better="neither",
    formula="time in which at least one kernel ran, however small: not how well the GPU was used",
    source=SAMPLES_SOURCE,
    digits=1,
    count=READINGS,
    conditions="Needs three readings.",
    compute=_mean_of("busy"),
)
GPU_SM_ACTIVE = Metric(
    name="gpu_sm_active_percent",
    title="multiprocessors active",
    unit="%",
    group="gpu",
    better="neither",
    formula="share of time and multiprocessors with work: what busy hides",
    source=_GPM,
    digits=1,
    count=READINGS,
    conditions="Needs three readings of a GPU with performance monitoring (Hopper and newer).",
    compute=_mean_of("sm_active"),
)
GPU_TENSOR_ACTIVE = Metric(
    name="gpu_tensor_active_percent",
    title="tensor cores active",
    unit="%",
    group="gpu",
    better="neither",
    formula="share of time in which a tensor pipe had work",
    source=_GPM,
    digits=1,
    count=READINGS,
    conditions="Needs three readings of a GPU with performance monitoring (Hopper and newer).",
    compute=_mean_of("tensor_active"),
)
GPU_DRAM_ACTIVE = Metric(
    name="gpu_dram_active_percent",
    title="memory bandwidth used, measured",
    unit="%",
    group="gpu",
    better="neither",
    formula="share of peak DRAM bandwidth that was in use while iterations were measured, prefill included",
    source=_GPM,
    digits=1,
    count=READINGS,
    conditions="Needs three readings of a GPU with performance monitoring (Hopper and newer).",
    compute=_mean_of("dram_active"),
)
ACTIVITY_METRICS = (
    GPU_THROTTLED,
    GPU_CLOCK,
    GPU_BUSY,
    GPU_SM_ACTIVE,
    GPU_TENSOR_ACTIVE,
    GPU_DRAM_ACTIVE,
)
