"""Iterations that took unusually long, and the state of the machine around them.

An iteration is an outlier when its latency is above Tukey's outer fence, the third quartile plus three
interquartile ranges, and at least 1 % above the median; fewer than 8 iterations have no fence. If the
latencies have two modes (`runner.stats.modes`), the fence is that of the higher one: a fifth of the
iterations at a second level are no outliers. The cause of an outlier is the first of these that holds:

- throttle: the clocks of a GPU of the run were held down (temperature, power, brake) for a larger share of
  its time than of the configuration's, by 20 percentage points, and its SM clock, where it was read, was so
  much lower that this explains at least half of the excess: time grows at most as the clock falls;
- host: in its time the GPUs of the run were busy for at least 10 points less than on average while the
  configuration was measured, and the time in which they waited explains at least half of the excess; or the
  machine was busier than on average: 20 points more processor load, 5 more stolen by the hypervisor, or 20
  more of the time with a process waiting for a processor;
- process: another process computes on a GPU of the run. It was seen before the first stage or after the last
  one: of those listed in between, a container does not tell which ones are of the run;
- unknown: none of these was seen.

Every rank waits for the slowest one, wherever it runs: `metrics.outlier_causes` asks each of several nodes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from runner.state.slowest import SLOWED_BY, HostLoad, SlowIteration, Surroundings, UsualLoad
from runner.stats import Sample
from runner.stats.modes import find_modes

if TYPE_CHECKING:
    from runner.state.gpu_phase import GpuPhase

Cause = Literal["throttle", "host", "process", "unknown"]

FEWEST = 8
LEAST_EXCESS = 1.01
THROTTLED = 0.2
BUSIER, STOLEN, WAITING = 20.0, 5.0, 20.0
"""percentage points above the configuration's mean; a mean of STOLEN or WAITING is itself a flag"""
EXPLAINED = 0.5
"""share of the excess that a lower clock, or the time in which GPUs waited, has to explain"""
LESS_BUSY = 10.0
"""percentage points that GPUs are less busy than on average: more than readings scatter"""


class Usual(msgspec.Struct, frozen=True):
    """The mean of a whole configuration on one node, to compare its outliers with; by column of samples."""

    throttled: Mapping[str, Sequence[float]] = {}
    """reason -> share of the time in which it held clocks down"""
    sm_clock: Mapping[int, float] = {}
    """MHz"""
    busy: Mapping[int, float] = {}
    """percentage of the time"""
    latency_ms: float = 0.0
    """median; 0: not known"""
    load: UsualLoad = msgspec.field(default_factory=UsualLoad)


def outlier_fence(latency: Sample) -> float | None:
    """Return the latency in ms above which an iteration is an outlier; None: too few iterations."""
    fences = _fences(latency)
    return fences[1] if fences is not None else None


def _fences(latency: Sample) -> tuple[float, float] | None:
    """Return the fence below all values and the one above them, in ms; None: too few iterations."""
    if latency.n < FEWEST:
        return None
    modes = find_modes(latency)
    if modes is not None:
        spread = 3 * max(one.upper - one.lower for one in (modes.low, modes.high))
        low, high, bottom, top = modes.low.lower, modes.high.upper, modes.low.median, modes.high.median
    else:
        low, bottom, high = (latency.percentile(q) for q in (25, 50, 75))
        spread, top = 3 * (high - low), bottom
    return min(low - spread, bottom / LEAST_EXCESS), max(high + spread, top * LEAST_EXCESS)


def range_of_most(latency: Sample) -> tuple[float, float] | None:
    """Return the lowest and the highest latency in ms between both fences; None: too few iterations.

    The lower fence mirrors the upper one: the first quartile - 3 interquartile ranges, and 1 % below the
    median. Above `EXACT_LIMIT` iterations the range is within 0.05 %.
    """
    fences = _fences(latency)
    if fences is None:
        return None
    below, inside, _ = latency.counts((-math.inf, fences[0], math.nextafter(fences[1], math.inf), math.inf))
    last = max(1, latency.n - 1)
    return latency.percentile(100 * below / last), latency.percentile(100 * (below + inside - 1) / last)


def count_outliers(latency: Sample) -> int:
    """Return how many iterations are outliers; of a large sample only the slowest are kept with a cause.

    Exact up to `EXACT_LIMIT` iterations; beyond, the bin of the histogram at the fence counts as a whole.
    """
    fence = outlier_fence(latency)
    if fence is None or latency.maximum <= fence:
        return 0
    [count] = latency.counts((math.nextafter(fence, math.inf), math.inf))
    return count


def find_cause(
    slow: SlowIteration,
    around: Surroundings | None,
    *,
    columns: Sequence[int],
    usual: Usual,
    shared: bool,
) -> tuple[Cause, str]:
    """Return why an iteration was slow, and the evidence as text.

    Args:
        slow: the iteration.
        around: the state of one node during it; None: not known.
        columns: the GPUs of the run on this node, as columns of samples.
        usual: the means of the configuration on this node.
        shared: whether other processes were seen on these GPUs.
    """
    too_little = ""
    if around is None and not shared:
        return "unknown", "neither the GPUs nor the host were read around it"
    if around is not None:
        for column in columns:
            held = _held_down(around, usual, column)
            short = _unexplained(slow, around, usual, column) if held else ""
            if held and not short:
                return "throttle", held
            too_little = too_little or (f"{held}, but {short}" if held else "")
        if words := _waited(slow, around, usual, columns):
            return "host", words
        if around.load is not None and (words := _busier(around.load, usual.load)):
            return "host", words
    if shared:
        return "process", "another process computes on a GPU of the run"
    return "unknown", too_little or "no throttling, host load or other process was seen around it"


def _held_down(around: Surroundings, usual: Usual, column: int) -> str:
    """Return which reason held the clocks of a GPU down more than usual; empty: none did."""
    for reason, shares in around.throttled.items():
        often = usual.throttled.get(reason, ())
        share = shares[column] if column < len(shares) else 0.0
        before = often[column] if column < len(often) else 0.0
        if share - before >= THROTTLED:
            return f"{reason} for {100 * share:.0f} % of its time, {100 * before:.0f} % on the whole"
    return ""


def _unexplained(slow: SlowIteration, around: Surroundings, usual: Usual, column: int) -> str:
    """Return why the clock of a GPU does not explain how slow it was; empty: it does, or is not known."""
    clock = around.sm_clock[column] if column < len(around.sm_clock) else None
    mean = usual.sm_clock.get(column)
    if not clock or not mean or not usual.latency_ms:
        return ""
    excess, explained = slow.latency_ms / usual.latency_ms - 1, mean / clock - 1
    if explained >= EXPLAINED * excess:
        return ""
    lower = 100 * max(0.0, 1 - clock / mean)
    return f"a clock {lower:.0f} % lower does not explain +{100 * excess:.0f} %"


def _waited(slow: SlowIteration, around: Surroundings, usual: Usual, columns: Sequence[int]) -> str:
    """Return that the GPUs of the run waited longer than usual; empty: not long enough, or not read."""
    now = [around.busy[column] for column in columns if column < len(around.busy)]
    before = [usual.busy[column] for column in columns if column in usual.busy]
    known = [busy for busy in now if busy is not None]
    if not known or not before or not usual.latency_ms:
        return ""
    busy, mean = sum(known) / len(known), sum(before) / len(before)
    waited = slow.latency_ms * (1 - busy / 100) - usual.latency_ms * (1 - mean / 100)
    if mean - busy < LESS_BUSY or waited < EXPLAINED * (slow.latency_ms - usual.latency_ms):
        return ""
    return f"GPU busy fell to {busy:.0f} %, {mean:.0f} % on average, so it waited"


def usual_throttling(phase: GpuPhase | None) -> dict[str, list[float]]:
    """Return reason -> share of a configuration's time in which it held clocks down, by column of samples."""
    if phase is None or phase.seconds <= 0:
        return {}
    shares = {
        name: [min(1.0, us / 1e6 / phase.seconds) for us in column]
        for name, column in phase.throttled_us.items()
    }
    for bit, name in SLOWED_BY.items():
        if name not in shares and phase.reasons:
            shares[name] = [_share_of(bit, seen) for seen in phase.reasons]
    return shares


def _share_of(bit: int, seen: Mapping[float | None, int]) -> float:
    """Return the share of readings that have a bit."""
    total = sum(count for bits, count in seen.items() if bits is not None)
    return sum(count for bits, count in seen.items() if bits is not None and int(bits) & bit) / max(1, total)


def _busier(load: HostLoad, usual: UsualLoad) -> str:
    """Return in what the machine was busier than usual; empty: in nothing."""
    if usual.steal.n and load.steal - usual.steal.mean >= STOLEN:
        return (
            f"the hypervisor took {load.steal:.0f} % of the processors, {usual.steal.mean:.0f} % on average"
        )
    if usual.waiting.n and load.waiting is not None and load.waiting - usual.waiting.mean >= WAITING:
        return (
            f"processes waited for a processor {load.waiting:.0f} % of the time,"
            f" {usual.waiting.mean:.0f} % on average"
        )
    if usual.cpu.n and load.cpu - usual.cpu.mean >= BUSIER:
        return f"the host was {load.cpu:.0f} % busy, {usual.cpu.mean:.0f} % on average"
    return ""
