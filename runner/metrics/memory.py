"""Metrics of GPU memory: as the engine prints it, and as samples of the driver show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.metrics.context import MetricContext
from runner.metrics.gpu import READINGS, SAMPLES_SOURCE, of_window
from runner.metrics.metric import Computed, Metric, as_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.events import MemoryParts
    from runner.metrics.memory_map import MemoryMap
    from runner.state.gpu import GpuState
    from runner.state.gpu_series import ReadingCell
    from runner.state.gpu_window import GpuWindow

GIB = 2**30
MOST_LISTED = 8
"""GPUs that the note lists one by one"""


def _printed_peak(context: MetricContext) -> Computed | None:
    peak = (context.configuration.result or {}).get("gpu_peak_mem(gb)")
    if not peak:
        return None
    return (
        Computed(as_number(peak), 1) if as_number(peak) else Computed(None, 0, "not measured by the engine")
    )


def _sampled_peak(window: GpuWindow) -> Computed:
    mig = {uuid: gpu for gpu in window.gpus if (uuid := window.mig_device(gpu))}
    if mig:
        return _sampled_peak_of_mig(window, mig)
    cells = window.cells("memory")
    if isinstance(cells, str):
        return Computed(None, 0, cells)
    peaks = list(zip(window.gpus, cells, strict=True))
    parts = [window.how]
    if len(peaks) <= MOST_LISTED:
        for gpu, cell in peaks:
            before = "not read" if gpu.baseline is None else f"{gpu.baseline / GIB:.1f}"
            reserved = "" if gpu.reserved is None else f", {gpu.reserved / GIB:.1f} reserved apart"
            parts.append(f"{gpu.name}: {cell.high / GIB:.1f} (before the run {before}{reserved})")
    else:
        parts += _extremes(peaks)
    source = next((text for gpu in window.gpus if (text := gpu.sources.get("memory"))), "")
    parts += [source] if source else []
    return Computed(max(cell.high for cell in cells) / GIB, min(cell.n for cell in cells), "; ".join(parts))


def _extremes(peaks: Sequence[tuple[GpuState, ReadingCell]]) -> list[str]:
    """Return the GPUs with the least and the most memory in use, and the most in use before the run."""
    (most, high), (least, low) = (pick(peaks, key=lambda one: one[1].high) for pick in (max, min))
    found = [f"from {low.high / GIB:.1f} ({least.name}) to {high.high / GIB:.1f} ({most.name})"]
    known = [gpu for gpu, _ in peaks if gpu.baseline is not None]
    if known:
        before = max(known, key=lambda gpu: gpu.baseline or 0.0)
        found.append(f"before the run at most {(before.baseline or 0.0) / GIB:.1f} ({before.name})")
    if len(known) < len(peaks):
        found.append(f"before the run {len(peaks) - len(known)} GPUs were not read")
    return found


def _sampled_peak_of_mig(window: GpuWindow, devices: dict[str, GpuState]) -> Computed:
    """Return the peak of MIG devices: memory is the only reading that a MIG device has of its own."""
    most = {
        uuid: slices[uuid] for uuid, gpu in devices.items() if uuid in (slices := window.phase_of(gpu).slices)
    }
    if len(most) < len(devices):
        return Computed(None, 0, f"MIG device: {next(iter(devices.values())).why_not('slices')}")
    parts = [
        f"{uuid} of {gpu.name}: {most[uuid] / GIB:.1f}"
        + (f" of {gpu.identity.slices[uuid] / GIB:.1f}" if uuid in gpu.identity.slices else "")
        for uuid, gpu in devices.items()
    ]
    return Computed(max(most.values()) / GIB, window.ticks, "; ".join([window.rate, *parts]))


def _predicted(context: MetricContext) -> Computed | None:
    found = context.memory
    if found is None or found.predicted is None or not found.predicted.total:
        return None
    return _of_parts(found, found.predicted)


def _stated(context: MetricContext) -> Computed | None:
    found = context.memory
    best = found.best if found is not None else None
    return None if found is None or best is None else _of_parts(found, best, found.estimated)


def _of_parts(found: MemoryMap, parts: MemoryParts, estimated: Sequence[str] = ()) -> Computed:
    """Return the sum of parts if all are known, with a note that has them."""
    note = found.describe(parts) + (f"; estimated: {', '.join(estimated)}" if estimated else "")
    return Computed(None, 0, note) if parts.unknown else Computed(parts.total / GIB, 1, note)


PEAK_MEMORY = Metric(
    name="gpu_peak_mem_gb",
    title="GPU memory, peak",
    unit="GiB",
    group="memory",
    better="lower",
    formula=(
        "as reported by the engine; its 0.0 means that it was not measured. benchmark.py calls the column gb,"
        " and counts in GiB"
    ),
    source="the engine",
    upstream_key="gpu_peak_mem(gb)",
    count="one value",
    conditions="The engine defines what it covers: compare it only between runs of one engine version.",
    compute=_printed_peak,
)
GPU_MEMORY = Metric(
    name="gpu_memory_sampled_gib",
    title="GPU memory, sampled peak",
    unit="GiB",
    group="gpu",
    better="lower",
    formula=(
        "most memory in use in any sample, of the GPU that used most; a peak between two samples is not seen;"
        " memory that the driver reserves is not included; on a MIG device, the memory of that device"
    ),
    source=SAMPLES_SOURCE,
    digits=1,
    count=READINGS,
    conditions=(
        "Needs three readings. Engines reserve their cache ahead, so it says little about what was needed."
    ),
    compute=of_window(_sampled_peak),
)
PREDICTED_MEMORY = Metric(
    name="gpu_memory_predicted_gib",
    title="GPU memory, predicted",
    unit="GiB",
    group="memory",
    better="neither",
    formula=(
        "weights + KV cache + execution (activations) + CUDA context + NCCL + what PyTorch's allocator keeps,"
        " of one GPU; weights and cache follow from the model and the profile, the others are estimates"
    ),
    source="the plan of the run, before it started",
    digits=1,
    count="one value",
    conditions=(
        "No number when a part is not known. So none for TensorRT-LLM: TensorRT sizes its execution context"
        " (activations) when it builds the engine, and there is no formula for it; PyTorch measures it after"
        " loading. The note has the parts, and how far the sum is from the sampled peak."
    ),
    compute=_predicted,
)
STATED_MEMORY = Metric(
    name="gpu_memory_stated_gib",
    title="GPU memory, by the engine",
    unit="GiB",
    group="memory",
    better="neither",
    formula=(
        "sum of the parts that the engine states for one GPU: the ranks of the torch engine record them;"
        " TensorRT-LLM prints them. For benchmark.py, which prints few, the others are as predicted"
    ),
    source="the engine",
    digits=1,
    count="one value",
    conditions=(
        "What other programs held before the run is not included. If the note names estimated parts, the sum"
        " is an estimate; otherwise more than 3 % between it and the sampled peak is flagged."
    ),
    compute=_stated,
)
ENGINE_MEMORY_METRICS = (PEAK_MEMORY,)
MEMORY_MAP_METRICS = (PREDICTED_MEMORY, STATED_MEMORY)
GPU_MEMORY_METRICS = (GPU_MEMORY,)
