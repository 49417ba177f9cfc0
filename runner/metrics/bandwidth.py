"""The memory bandwidth that decoding must have used: bytes that a step has to read / time that it took."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner.metrics.context import MetricContext
from runner.metrics.latency import TIMED
from runner.metrics.memory import GIB
from runner.metrics.metric import Computed, Metric
from runner.metrics.rank_gpus import MIG_SHARE
from runner.metrics.roofline import decode_need, mean_tokens

if TYPE_CHECKING:
    from runner.plan.plan import DecodeReads
    from runner.state.configuration import ConfigurationState
    from runner.state.gpu import GpuState

DATA_RATE = 2
"""Transfers per clock: all memory of compute GPUs is DDR, and NVML states its clock this way."""


def peak_bandwidth(gpu: GpuState) -> float | None:
    """Return the peak memory bandwidth of a GPU, bytes/s: bus width x 2 x maximal clock; None: unknown."""
    bits, mhz = gpu.identity.memory_bus_bits, gpu.identity.max_memory_clock
    return None if bits is None or mhz is None else bits / 8 * DATA_RATE * mhz * 1e6


def bandwidth(
    reads: DecodeReads | str, configuration: ConfigurationState, gpus: Sequence[GpuState]
) -> Computed:
    """Return percent of peak bandwidth, mean of the GPUs, each with one rank.

    `roofline.decode_need` has the bytes of a step.
    """
    start, steps, generation = configuration.start, configuration.steps, configuration.generation
    peaks = [peak_bandwidth(gpu) for gpu in gpus]
    why = _why_not(reads, configuration, gpus, peaks)
    if why or isinstance(reads, str):
        return Computed(None, 0, why)
    step_s = generation.mean / steps.mean / 1000
    need = decode_need(reads, start.batch_size, mean_tokens(start.input_len, steps.mean))
    cache = need.bytes - reads.weight_bytes
    rate = need.bytes / step_s
    used = [100 * rate / peak for peak in peaks if peak is not None]
    identity = gpus[0].identity
    note = (
        f"modelled: ({reads.weight_bytes / GIB:.3f} GiB weights + {cache / GIB:.3f} GiB KV cache) in"
        f" {step_s * 1000:.3f} ms, of {(peaks[0] or 0.0) / 1e12:.2f} TB/s ="
        f" {identity.memory_bus_bits} bit x 2 x {identity.max_memory_clock} MHz"
    )
    return Computed(sum(used) / len(used), generation.n, note)


def why_not_modelled(reads: DecodeReads, configuration: ConfigurationState, steps: float) -> str:
    """Return why the reads of a decode step do not follow from the model; empty: they do."""
    start = configuration.start
    if start.gpu_weights_percent < 1:
        return "weights that are streamed from the host are not modelled"
    if start.num_beams > 1:
        return "beam search is not modelled"
    if reads.window is not None and start.input_len + steps > reads.window:
        return f"sequences longer than the attention window of {reads.window} tokens are not modelled"
    return ""


def _why_not(
    reads: DecodeReads | str,
    configuration: ConfigurationState,
    gpus: Sequence[GpuState],
    peaks: Sequence[float | None],
) -> str:
    """Return why there is no model; empty: there is one."""
    steps = configuration.steps
    if isinstance(reads, str):
        return reads
    if reads.experts is not None:
        return "not modelled for a mixture of experts: the tokens decide which of them a step reads"
    if not configuration.generation.n or not steps.n or not steps.mean:
        return "the program reported no decode steps"
    if configuration.generation.mean <= 0:
        return "no time was measured"
    if why := why_not_modelled(reads, configuration, steps.mean):
        return why
    for gpu, peak in zip(gpus, peaks, strict=True):
        if gpu.identity.mig:
            return MIG_SHARE
        if peak is None:
            return f"{gpu.name}: memory bus width or clock is not known"
    return ""


def _modelled(context: MetricContext) -> Computed | None:
    gpus, configuration = context.gpus, context.configuration
    if gpus is None or gpus.window is None or configuration.serving is not None:
        return None
    return bandwidth(gpus.decode_reads, configuration, gpus.window.gpus)


GPU_DRAM_MODELLED = Metric(
    name="gpu_dram_modelled_percent",
    title="memory bandwidth used, modelled",
    unit="%",
    group="gpu",
    better="neither",
    formula=(
        "(weight bytes of a rank + batch size x mean tokens so far x KV cache bytes of a token) /"
        " time per output"
        " token / (memory bus width x 2 x maximal memory clock): decode steps alone, without"
        " prefill; activations"
        " and what is read twice are not in it; not shown where a step's reads do not follow from the model's"
        " shape, as with a mixture of experts"
    ),
    source="the model's shape, timed iterations of rank 0, NVML",
    digits=1,
    count=TIMED,
    conditions="A model, not a measurement: compare it with the measured one.",
    needs_samples=False,
    compute=_modelled,
)
BANDWIDTH_METRICS = (GPU_DRAM_MODELLED,)
