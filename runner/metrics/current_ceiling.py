"""The ceiling of the configuration that is being measured, for screens."""

from __future__ import annotations

import msgspec

from runner.metrics.ceiling import Ceiling, HostWait, ceiling_flags, find_ceiling, waits_for_host
from runner.metrics.context import MetricContext
from runner.metrics.flag import Flag
from runner.metrics.rank_gpus import LEAST_SAMPLES, ceiling_inputs, gpu_context
from runner.plan.plan import Plan
from runner.state.run import RunState


class CurrentCeiling(msgspec.Struct, frozen=True):
    """What a screen shows of the current configuration."""

    ceiling: Ceiling | None = None
    waits: HostWait | None = None
    """that the GPUs wait for the host"""
    impossible: tuple[Flag, ...] = ()
    """that it is faster than the GPUs allow"""


def find_current_ceiling(state: RunState, plan: Plan) -> CurrentCeiling:
    """Return the ceiling of the current or last configuration, from its iterations and readings so far."""
    number = len(state.configurations) - 1
    if number < 0 or state.configurations[number].timing_began is None:
        return CurrentCeiling()
    gpus = gpu_context(state, number, plan.decode_reads)
    inputs = ceiling_inputs(state, plan.decode_reads, plan.devices)
    context = MetricContext(state.configurations[number], state.world, gpus, inputs)
    window = gpus.window if gpus is not None else None
    known = window is not None and window.ticks >= LEAST_SAMPLES
    return CurrentCeiling(
        find_ceiling(context),
        waits_for_host(window) if window is not None and known else None,
        tuple(ceiling_flags(context)),
    )
