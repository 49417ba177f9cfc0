"""How near a configuration comes to the ceiling of its GPUs, and what keeps it from there."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from runner.metrics.bandwidth import GPU_DRAM_MODELLED, why_not_modelled
from runner.metrics.context import MetricContext
from runner.metrics.flag import Effect, Flag
from runner.metrics.request_log import request_log
from runner.metrics.roofline import (
    Floor,
    Need,
    decode_need,
    floor_of,
    impossible_ms,
    mean_tokens,
    prefill_need,
    requests_need,
)
from runner.metrics.throughput import PREFILL_TIME, TIME_PER_OUTPUT_TOKEN
from runner.util.bounds import Reading

if TYPE_CHECKING:
    from runner.metrics.gpu_peaks import GpuPeak
    from runner.plan.plan import DecodeReads
    from runner.state.gpu_window import GpuWindow

NEAR = 0.6
"""From this share of the ceiling on, the resource that sets the ceiling is the bound."""
HOST_BUSY = 80.0
"""A GPU that is busy for less than this percentage of the time waits for the host."""
FEW_ACTIVE = 40.0
"""Percentage of multiprocessors with work below which one busy rank runs kernels that are too small."""
ALL_ACTIVE = 90.0
"""Percentage of multiprocessors with work that one rank exceeds (97 to 99 on an H200); several ranks that are
busy with less wait for each other (71 and 77 on two)."""
HALF_ACTIVE = 50.0
"""Percentage of multiprocessors with work below which a GPU that is not busy surely waits for the host."""
OVER_RATE = 1.1
"""Matrix rates hold at the boost clock; the maximal clock is a few percent higher."""
IMPOSSIBLE = "the run did not generate what it says"


class Bound(Enum):
    """What limits the decode steps."""

    MEMORY = "memory"
    COMPUTE = "compute"
    HOST = "host"
    """the host, which starts kernels too slowly, or kernels that are too small to fill the GPU"""
    COMMUNICATION = "communication"
    """waits for other ranks"""


class PhaseCeiling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One phase next to its least time."""

    bytes: Reading
    """that one GPU reads and writes at least"""
    floor_ms: Reading
    measured_ms: Reading
    share: Reading
    """floor / measured; above 1: impossible, or the model of the work is wrong"""
    by_compute: bool
    """whether the matrix rate sets the floor, not the memory"""
    flops: Reading | None = None
    """of one GPU; None: not known"""
    utilisation: Reading | None = None
    """FLOPs / (measured time x matrix rate), 0 to 1; None: not known"""
    impossible: bool = False
    """faster than the hardware allows, however the work is counted"""


class Ceiling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A configuration next to the ceiling of its GPUs; None: not known, or not measured."""

    gpu: str = ""
    """product name whose peaks were used"""
    decode: PhaseCeiling | None = None
    """one decode step, mean over the steps"""
    prefill: PhaseCeiling | None = None
    requests: PhaseCeiling | None = None
    """all requests in flight"""
    bound: Bound | None = None
    """of the decode steps; None: not known"""
    evidence: str = ""
    why_not: str = ""
    """why there is no number; empty: there is one"""
    why_no_prefill: str = ""
    """why there is none of the prefill, although there is one of the decode steps"""

    @property
    def short(self) -> str:
        """`decode at 33 % of the ceiling: host/launch`; empty: no number."""
        if self.decode is None:
            return ""
        by = f": {BOUND_WORDS[self.bound]}" if self.bound is not None else ""
        return f"decode at {_percent(self.decode.share)} of the ceiling{by}"

    @property
    def sentence(self) -> str:
        """`decode reaches 33 % of its ceiling (...), bound by host/launch (...)`; empty: no number."""
        parts = []
        if self.decode is not None:
            by = f", bound by {BOUND_WORDS[self.bound]}" if self.bound is not None else ""
            evidence = f" ({self.evidence})" if self.evidence else ""
            times = f"{self.decode.measured_ms:.3g} ms a step, at least {self.decode.floor_ms:.3g}"
            share = _percent(self.decode.share)
            parts.append(f"decode reaches {share} of its ceiling ({times}){by}{evidence}")
        if self.requests is not None:
            parts.append(f"all requests together reach {_percent(self.requests.share)} of their ceiling")
        if self.prefill is not None and self.prefill.utilisation is not None:
            parts.append(f"prefill {_percent(self.prefill.utilisation)} of the matrix rate")
        return "; ".join(parts)


BOUND_WORDS = {
    Bound.MEMORY: "memory",
    Bound.COMPUTE: "compute",
    Bound.HOST: "host/launch",
    Bound.COMMUNICATION: "communication",
}


def find_ceiling(context: MetricContext) -> Ceiling | None:
    """Return the ceiling of a configuration; None: not known to be on GPUs, or nothing is measured."""
    inputs, configuration = context.ceiling, context.configuration
    if inputs is None or (configuration.serving is None and not configuration.start.output_len):
        return None
    reads, peak = inputs.reads, inputs.peak
    if isinstance(reads, str):
        return Ceiling(why_not=reads)
    if isinstance(peak, str):
        return Ceiling(why_not=peak)
    if configuration.serving is not None:
        return _of_requests(context, reads, peak)
    steps = configuration.steps.mean if configuration.steps.n else configuration.start.output_len - 1
    if why := why_not_modelled(reads, configuration, steps):
        return Ceiling(gpu=peak.name, why_not=why)
    decode, prefill, why_no_prefill = _decode(context, reads, peak, steps), None, ""
    if reads.work is None:
        why_no_prefill = "the plan of this run does not state the multiplications of the prefill"
    elif reads.work.dtype not in peak.rates:
        why_no_prefill = f"the matrix rate of {peak.name} for {reads.work.dtype} is not in the table"
    else:
        prefill = _prefill(context, reads, peak)
    if decode is None and prefill is None:
        return None
    bound, evidence = _find_bound(context, decode) if decode is not None else (None, "")
    return Ceiling(
        gpu=peak.name,
        decode=decode,
        prefill=prefill,
        bound=bound,
        evidence=evidence,
        why_no_prefill=why_no_prefill,
    )


def _decode(context: MetricContext, reads: DecodeReads, peak: GpuPeak, steps: float) -> PhaseCeiling | None:
    measured, start = TIME_PER_OUTPUT_TOKEN.compute(context), context.configuration.start
    if measured is None or not measured.value:
        return None
    need = decode_need(reads, start.batch_size, mean_tokens(start.input_len, steps))
    return _phase(need, reads, peak, measured.value, impossible_ms(need, peak))


def _prefill(context: MetricContext, reads: DecodeReads, peak: GpuPeak) -> PhaseCeiling | None:
    measured, start = PREFILL_TIME.compute(context), context.configuration.start
    if measured is None or not measured.value or measured.value < 0:
        return None
    need = prefill_need(reads, start.batch_size, start.input_len)
    return _phase(need, reads, peak, measured.value, impossible_ms(need, peak))


def _of_requests(context: MetricContext, reads: DecodeReads, peak: GpuPeak) -> Ceiling | None:
    log, start = request_log(context), context.configuration.start
    if log is None:
        return Ceiling(gpu=peak.name, why_not="there is no request file")
    requests = log.latency.n
    entry, output = log.input_tokens / requests, log.output_tokens / requests
    if why := why_not_modelled(reads, context.configuration, output):
        return Ceiling(gpu=peak.name, why_not=why)
    at_once = min(requests, start.concurrency) if start.concurrency > 0 else requests
    need = requests_need(reads, requests, entry, output, at_once)
    steps = requests * max(0.0, output - 1) / at_once
    found = _phase(need, reads, peak, log.seconds * 1000, impossible_ms(need, peak, steps))
    return Ceiling(gpu=peak.name, requests=found)


def _phase(
    need: Need, reads: DecodeReads, peak: GpuPeak, measured_ms: float, least_ms: float
) -> PhaseCeiling:
    floor: Floor = floor_of(need, reads, peak)
    utilisation = None if floor.compute_ms is None else floor.compute_ms / measured_ms
    return PhaseCeiling(
        bytes=need.bytes,
        flops=need.flops,
        floor_ms=floor.ms,
        measured_ms=measured_ms,
        share=floor.ms / measured_ms,
        by_compute=floor.by_compute,
        utilisation=utilisation,
        impossible=measured_ms < least_ms or (utilisation or 0.0) > OVER_RATE,
    )


# --- what limits it ----------------------------------------------------------------------------------------


def _find_bound(context: MetricContext, decode: PhaseCeiling) -> tuple[Bound | None, str]:
    """Return what limits the decode steps, with the evidence.

    Near the ceiling it is the resource that sets the ceiling. Far from it, in this order: the host, if the
    GPU is not busy; waits for other ranks, if there are several and some multiprocessors have no work;
    kernels that are too small, if one rank has work for few of them; else what sets the ceiling.
    """
    if decode.share > 1:
        return None, ""
    limit = Bound.COMPUTE if decode.by_compute else Bound.MEMORY
    window = context.gpus.window if context.gpus is not None and not context.gpus.too_short else None
    busy, active = _mean(window, "busy"), _mean(window, "sm_active")
    if decode.share < NEAR:
        evidence = _activity(busy, active)
        if busy is None:
            return None, "GPU busy was not read, so what limits it is not known"
        if busy < HOST_BUSY:
            return Bound.HOST, evidence
        alone = context.ranks == 1
        if active is not None and active < (FEW_ACTIVE if alone else ALL_ACTIVE):
            return Bound.HOST if alone else Bound.COMMUNICATION, evidence
    reading, what = ("tensor_active", "tensor cores") if decode.by_compute else ("dram_active", "bandwidth")
    used = _mean(window, reading)
    return limit, "" if used is None else f"{used:.0f} % of the {what} in use, measured"


class HostWait(Flag):
    """The finding that the GPUs wait for the host."""


def waits_for_host(window: GpuWindow) -> HostWait | None:
    """Return the finding that the GPUs wait for the host; None: they do not, or it was not read."""
    busy, active = _mean(window, "busy"), _mean(window, "sm_active")
    if busy is None or busy >= HOST_BUSY or (active is not None and active >= HALF_ACTIVE):
        return None
    text = f"the GPU waits for the host: {_activity(busy, active)}"
    return HostWait(text, Effect.DISTORTED, 1 - busy / 100)


def _mean(window: GpuWindow | None, reading: str) -> float | None:
    """Return the mean of a reading over samples and GPUs; None: not read."""
    cells = window.cells(reading) if window is not None else ""
    return None if isinstance(cells, str) or not cells else sum(cell.mean for cell in cells) / len(cells)


def _activity(busy: float | None, active: float | None) -> str:
    parts = [] if busy is None else [f"GPU busy {busy:.0f} %"]
    parts += [] if active is None else [f"multiprocessors active {active:.0f} %"]
    return ", ".join(parts)


# --- what cannot be ----------------------------------------------------------------------------------------


def ceiling_flags(context: MetricContext) -> Iterator[Flag]:
    """Flag a configuration that is faster than its GPUs allow."""
    found = find_ceiling(context)
    if found is None:
        return
    for phase, what in (
        (found.decode, "a decode step"),
        (found.requests, "all requests"),
        (found.prefill, ""),
    ):
        if phase is not None and phase.impossible and what:
            text = (
                f"faster than the memory allows: {IMPOSSIBLE} ({what} took {phase.measured_ms:.4g} ms, and"
                f" {phase.bytes / 1e9:.4g} GB alone take {phase.floor_ms:.4g} ms on {found.gpu})"
            )
            yield Flag(text, Effect.WRONG, 0.99)
        elif phase is not None and phase.impossible:
            text = (
                f"faster than the GPU can compute: {IMPOSSIBLE} (the prefill took {phase.measured_ms:.4g} ms,"
                f" and at least {phase.floor_ms:.4g} ms on {found.gpu})"
            )
            yield Flag(text, Effect.WRONG, 0.99)
    if found.decode is None and (used := GPU_DRAM_MODELLED.compute(context)) and (used.value or 0.0) > 100:
        text = f"faster than the memory allows: {IMPOSSIBLE} ({used.value:.0f} % of the memory bandwidth)"
        yield Flag(text, Effect.WRONG, 0.99)


def _percent(share: float) -> str:
    return f"{100 * share:.{0 if share >= 0.1 else 1}f} %"
