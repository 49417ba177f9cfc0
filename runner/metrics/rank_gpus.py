"""Which GPUs the ranks of a run compute on, and the readings of these GPUs."""

from __future__ import annotations

from runner.metrics.context import CeilingInputs, GpuContext
from runner.metrics.gpu_peaks import peak_of
from runner.plan.plan import DecodeReads
from runner.state import cuda_devices
from runner.state.gpu import GpuState
from runner.state.gpu_window import GpuWindow
from runner.state.run import RunState

LEAST_SAMPLES = 3
MIG_SHARE = "the share of memory bandwidth that a MIG device has is not known"


def used_gpus(state: RunState) -> list[GpuState]:
    """Return the GPUs of this machine that ranks compute on, in the order of the ranks."""
    mapping = state.telemetry.mapping
    if mapping is None:
        return []
    hellos = [rank.hello for _, rank in sorted(state.ranks.items()) if rank.hello is not None]
    here = state.started.host if state.started else ""
    indices = [cuda_devices.device_index(hello.device) for hello in hellos if hello.host in ("", here)]
    if not hellos:
        # Ranks that do not report take the first GPUs in order, as TensorRT-LLM's do.
        indices = list(range(min(state.world, len(mapping.gpus))))
    chosen: dict[str, GpuState] = {}
    for index in indices:
        gpu = _gpu_at(state, index)
        if gpu is not None:
            chosen.setdefault(gpu.identity.uuid, gpu)
    return list(chosen.values())


def gpu_of_rank(state: RunState, rank: int) -> GpuState | None:
    """Return the GPU that a rank reports; None: not known, or on another host."""
    found = state.ranks.get(rank)
    hello = found.hello if found else None
    here = state.started.host if state.started else ""
    if hello is None or hello.host not in ("", here):
        return None
    return _gpu_at(state, cuda_devices.device_index(hello.device))


def _unknown_gpu(state: RunState) -> str:
    """Return which rank computes on a GPU that is not known; empty: none. Sums over GPUs need them all."""
    hellos = [rank.hello for rank in state.ranks.values() if rank.hello is not None]
    here = state.started.host if state.started else ""
    for hello in hellos:
        index = cuda_devices.device_index(hello.device)
        if hello.host in ("", here) and index is not None and _gpu_at(state, index) is None:
            return f"rank {hello.rank} computes on {hello.device}, and which GPU that is is not known"
    mapping = state.telemetry.mapping
    if not hellos and mapping is not None and state.world > len(mapping.gpus):
        return f"{state.world} ranks, but CUDA_VISIBLE_DEVICES names {len(mapping.gpus)} GPUs"
    return ""


def _gpu_at(state: RunState, index: int | None) -> GpuState | None:
    mapping = state.telemetry.mapping
    if mapping is None or index is None or index >= len(mapping.gpus):
        return None
    identity = cuda_devices.gpu_of(mapping.gpus[index], [gpu.identity for gpu in state.gpus.values()])
    return state.gpus.get(identity.uuid) if identity else None


def gpu_window(state: RunState, number: int) -> GpuWindow | None:
    """Return what was read of the GPUs while a configuration was measured; None: nothing was.

    Args:
        state: the run.
        number: place of the configuration.
    """
    configuration, gpus = state.configurations[number], used_gpus(state)
    phase = state.telemetry.measured(number, configuration) if gpus else None
    return None if phase is None else GpuWindow(state, configuration, phase, gpus)


def gpu_context(state: RunState, number: int, decode_reads: DecodeReads | str) -> GpuContext | None:
    """Return what the GPU metrics of one configuration are computed from; None: a run without GPU readings.

    Args:
        state: the run.
        number: place of the configuration.
        decode_reads: bytes that a decode step reads, from the plan of the run.
    """
    if not used_gpus(state):
        return None
    configuration, window = state.configurations[number], gpu_window(state, number)
    if window is None or window.phase.ticks >= LEAST_SAMPLES:
        too_short = ""
    else:
        seconds = max(0.0, (configuration.last_t - (configuration.timing_began or 0)) / 1e9)
        too_short = f"too short: {window.phase.ticks} readings in {seconds:.1f} s"
    return GpuContext(window, decode_reads, _unknown_gpu(state), too_short)


def ceiling_inputs(
    state: RunState, decode_reads: DecodeReads | str, devices: list[str]
) -> CeilingInputs | None:
    """Return what the ceiling is computed from; None: a run that is not known to compute on GPUs.

    Args:
        state: the run.
        decode_reads: what a decode step reads and computes, from the plan of the run.
        devices: the devices that the plan locks.
    """
    gpus = used_gpus(state)
    hellos = [rank.hello for rank in state.ranks.values() if rank.hello is not None]
    on_cuda = [hello for hello in hellos if hello.device.startswith("cuda")]
    planned = not hellos and any(device != "cpu" for device in devices)
    if not gpus and not on_cuda and not planned:
        return None
    if any(gpu.identity.mig for gpu in gpus):
        return CeilingInputs(decode_reads, MIG_SHARE)
    names = [gpu.identity.name for gpu in gpus] or [hello.label for hello in on_cuda]
    return CeilingInputs(decode_reads, peak_of([name for name in names if name]))
