"""Which GPUs the ranks of a run compute on, and the readings of these GPUs."""

from __future__ import annotations

from runner.events import Hello
from runner.metrics.context import CeilingInputs, GpuContext
from runner.metrics.gpu_peaks import peak_of
from runner.plan.plan import DecodeReads
from runner.state import cuda_devices
from runner.state.gpu import GpuState, TelemetryState
from runner.state.gpu_phase import GpuPhase
from runner.state.gpu_window import GpuWindow
from runner.state.nodes import NodeState, in_order
from runner.state.run import RunState

LEAST_SAMPLES = 3
MOST_NAMED = 3
"""nodes that a reason names"""
MIG_SHARE = "the share of memory bandwidth that a MIG device has is not known"


def used_gpus(state: RunState) -> list[GpuState]:
    """Return the GPUs of all nodes that ranks compute on, in the order of the ranks."""
    found: list[GpuState | None] = []
    for _, rank in sorted(state.ranks.items()):
        if rank.hello is not None:
            found.append(_reported_gpu(state, rank.hello))
    if not found:
        # Ranks that do not report take the first GPUs in order, as TensorRT-LLM's do.
        for telemetry, ranks in zip(state.telemetries, _ranks_per_node(state), strict=True):
            found += telemetry.devices[:ranks]
    return list({id(gpu): gpu for gpu in found if gpu is not None}.values())


def gpu_of_rank(state: RunState, rank: int) -> GpuState | None:
    """Return the GPU that a rank reports; None: not known, or on a machine whose GPUs are not read."""
    found = state.ranks.get(rank)
    return _reported_gpu(state, found.hello) if found is not None and found.hello is not None else None


def _reported_gpu(state: RunState, hello: Hello) -> GpuState | None:
    index, telemetry = cuda_devices.device_index(hello.device), _telemetry(state, hello.host)
    if index is None or telemetry is None or index >= len(telemetry.devices):
        return None
    return telemetry.devices[index]


def _telemetry(state: RunState, host: str) -> TelemetryState | None:
    """Return the GPUs of the machine of a rank; None: a run without nodes does not read other machines."""
    if host in state.nodes:
        return state.nodes[host].telemetry
    return state.telemetry if host in ("", state.started.host if state.started else "") else None


def _ranks_per_node(state: RunState) -> list[int]:
    """Return how many ranks that do not report are on each node; of several nodes the same number on each."""
    telemetries = state.telemetries
    if len(telemetries) == 1:
        return [state.world]
    each = state.world // len(telemetries)
    known = all(len(telemetry.devices) == each for telemetry in telemetries)
    return [each if known else 0] * len(telemetries)


def _unknown_gpu(state: RunState) -> str:
    """Return which rank computes on a GPU that is not known; empty: none. Sums over GPUs need them all."""
    hellos = [rank.hello for rank in state.ranks.values() if rank.hello is not None]
    for hello in hellos:
        index, telemetry = cuda_devices.device_index(hello.device), _telemetry(state, hello.host)
        read = telemetry is not None and (telemetry.gpus or not state.nodes)
        if index is not None and read and _reported_gpu(state, hello) is None:
            where = f" of {hello.host}" if state.nodes else ""
            return f"rank {hello.rank} computes on {hello.device}{where}, and which GPU that is is not known"
    known = sum(len(telemetry.devices) for telemetry in state.telemetries)
    if not hellos and known and state.world > known:
        return f"{state.world} ranks, but CUDA_VISIBLE_DEVICES names {known} GPUs"
    return ""


def unread_ranks(state: RunState, until: int) -> str:
    """Return which ranks are on machines whose GPUs were not read until a time; empty: none.

    Args:
        state: the run.
        until: end of what is asked for, CLOCK_MONOTONIC in ns.
    """
    hellos = [rank.hello for rank in state.ranks.values() if rank.hello is not None]
    if not state.nodes:
        others = sum(1 for hello in hellos if _telemetry(state, hello.host) is None)
        return f"{others} ranks are on other hosts, whose GPUs are not read" if others else ""
    on_gpus = {hello.host for hello in hellos if cuda_devices.device_index(hello.device) is not None}
    if not hellos:
        on_gpus = set(state.nodes)
    why = {node.name: _why_unread(node, until) for node in in_order(state.nodes) if node.name in on_gpus}
    unread = [f"{name} ({text})" for name, text in why.items() if text]
    if not unread:
        return ""
    return f"without the GPUs of {', '.join(unread[:MOST_NAMED])}" + (
        f" and {len(unread) - MOST_NAMED} more nodes" if len(unread) > MOST_NAMED else ""
    )


def _why_unread(node: NodeState, until: int) -> str:
    since = node.silent_since
    if since is not None and since < until:
        return node.condition
    if node.telemetry.gpus:
        return ""
    return node.no_gpu or ("its node agent has not started" if node.joined is None else "not read")


def gpu_window(state: RunState, number: int) -> GpuWindow | None:
    """Return what was read of the GPUs while a configuration was measured; None: nothing was.

    Args:
        state: the run.
        number: place of the configuration.
    """
    configuration, gpus = state.configurations[number], used_gpus(state)
    phases: dict[str, GpuPhase] = {}
    for telemetry in {gpu.node: state.telemetry_of(gpu) for gpu in gpus}.values():
        phase = telemetry.measured(number, configuration)
        if phase is not None:
            phases[telemetry.node] = phase
    unread = unread_ranks(state, configuration.last_t)
    return GpuWindow(state, configuration, phases, gpus, unread) if phases else None


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
    too_short = ""
    if window is not None and window.ticks < LEAST_SAMPLES:
        seconds = max(0.0, (configuration.last_t - (configuration.timing_began or 0)) / 1e9)
        node, ticks = window.fewest
        too_short = f"too short: {ticks} readings{f' of {node}' if node else ''} in {seconds:.1f} s"
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
