"""The memory bandwidth that decoding must have used, from what a step has to read and how long it took."""

from __future__ import annotations

from collections.abc import Sequence

from runner.plan.plan import DecodeReads
from runner.state.configuration import ConfigurationState
from runner.state.gpu import GpuState

DATA_RATE = 2
"""Transfers a clock: all memory of GPUs that compute is DDR, and NVML states its clock that way."""


def peak_bandwidth(gpu: GpuState) -> float | None:
    """Bytes a second that the memory of a GPU can move: bus width x 2 x maximal clock; None: not known."""
    bits, mhz = gpu.identity.memory_bus_bits, gpu.identity.max_memory_clock
    return None if bits is None or mhz is None else bits / 8 * DATA_RATE * mhz * 1e6


def bandwidth(
    reads: DecodeReads | str, configuration: ConfigurationState, gpus: Sequence[GpuState]
) -> tuple[float | None, int, str]:
    """Percent of peak bandwidth, mean of the GPUs, each with one rank; n; how it was made or why it is not.

    Step s after the first token reads all weights of the rank and, of each sequence, the keys and values of
    input length + s tokens: over S steps input length + (S + 1) / 2 in the mean.
    """
    start, steps, generation = configuration.start, configuration.steps, configuration.generation
    peaks = [peak_bandwidth(gpu) for gpu in gpus]
    why = _why_not(reads, configuration, gpus, peaks)
    if why or isinstance(reads, str):
        return None, 0, why
    step_s = generation.mean / steps.mean / 1000
    cache = start.batch_size * (start.input_len + (steps.mean + 1) / 2) * reads.kv_bytes_per_token
    rate = (reads.weight_bytes + cache) / step_s
    used = [100 * rate / peak for peak in peaks if peak is not None]
    identity = gpus[0].identity
    note = (
        f"modelled: ({reads.weight_bytes / 1e9:.3f} GB weights + {cache / 1e9:.3f} GB KV cache) in"
        f" {step_s * 1000:.3f} ms, of {(peaks[0] or 0.0) / 1e12:.2f} TB/s ="
        f" {identity.memory_bus_bits} bit x 2 x {identity.max_memory_clock} MHz"
    )
    return sum(used) / len(used), generation.n, note


def _why_not(
    reads: DecodeReads | str,
    configuration: ConfigurationState,
    gpus: Sequence[GpuState],
    peaks: Sequence[float | None],
) -> str:
    """Why nothing can be modelled; empty: it can."""
    start, steps = configuration.start, configuration.steps
    if isinstance(reads, str):
        return reads
    if not configuration.generation.n or not steps.n or not steps.mean:
        return "the program reported no decode steps"
    if configuration.generation.mean <= 0:
        return "no time was measured"
    if start.gpu_weights_percent < 1:
        return "weights that are streamed from the host are not modelled"
    if reads.window is not None and start.input_len + steps.mean > reads.window:
        return f"sequences longer than the attention window of {reads.window} tokens are not modelled"
    for gpu, peak in zip(gpus, peaks, strict=True):
        if gpu.identity.mig:
            return "the share of memory bandwidth that a MIG device has is not known"
        if peak is None:
            return f"GPU {gpu.identity.index}: memory bus width or clock is not known"
    return ""
