"""Metrics of the ceiling: how fast the GPUs allow a configuration to be, and how near it comes."""

from __future__ import annotations

from collections.abc import Callable

from runner.metrics.ceiling import BOUND_WORDS, Ceiling, PhaseCeiling, find_ceiling
from runner.metrics.context import MetricContext
from runner.metrics.latency import TIMED
from runner.metrics.metric import Computed, Metric
from runner.metrics.request_log import MEASURED
from runner.metrics.throughput import PREFILL_TIME, TIME_PER_OUTPUT_TOKEN
from runner.stats.intervals import Estimate, Mapped

_SOURCE = "the model's shape, data sheets of the GPUs"
_KNOWN = (
    "Only on GPUs. No number where the shape of the model or the peaks of the GPU are not known; never a"
    " guess."
)
_DECODE_NEED = (
    "bytes: all weights that a rank has, of a mixture those of as many experts as equally likely ones are"
    " expected to be, and keys and values of the mean number of tokens; FLOPs: 2 for each weight and token, 4"
    " for each pair of query and key and each number of a head"
)


def _computed(
    phase_of: Callable[[Ceiling], PhaseCeiling | None],
    number: Callable[[PhaseCeiling], float | None],
    note: Callable[[Ceiling, PhaseCeiling], str],
    why_not: Callable[[Ceiling], str] = lambda found: "",
) -> Callable[[MetricContext], Computed | None]:
    """Compute a metric of one phase; `why_not` is the reason where it has none, which one metric shows."""

    def compute(context: MetricContext) -> Computed | None:
        found = find_ceiling(context)
        if found is None:
            return None
        phase, serving = phase_of(found), context.configuration.serving
        n = context.configuration.latency.n if serving is None else serving.requests.latency.n
        if phase is None:
            return Computed(None, 0, why) if (why := why_not(found)) else None
        return Computed(number(phase), n, note(found, phase))

    return compute


def _need_note(found: Ceiling, phase: PhaseCeiling) -> str:
    work = "" if phase.flops is None else f" and {phase.flops / 1e9:.4g} GFLOP"
    limit = "matrix rate" if phase.by_compute else "memory bandwidth"
    return f"{phase.bytes / 1e9:.4g} GB{work} on each {found.gpu}; the {limit} sets it"


def _bound_note(found: Ceiling, _: PhaseCeiling) -> str:
    if found.bound is None:
        return found.evidence
    return f"bound by {BOUND_WORDS[found.bound]}" + (f": {found.evidence}" if found.evidence else "")


def _share_estimate(metric: Metric, number: Callable[[Ceiling], float | None]) -> Callable[
    [MetricContext], Estimate | None
]:  # fmt: skip
    """Estimate a share of the ceiling from the time that it is measured by; `number` is in milliseconds."""

    def estimate(context: MetricContext) -> Estimate | None:
        found = find_ceiling(context) if context.ceiling is not None else None
        floor = number(found) if found is not None else None
        time = metric.estimate(context) if metric.estimate is not None else None
        return None if floor is None or time is None else Mapped(time, lambda ms: 100 * floor / ms)

    return estimate


def _prefill_compute_ms(found: Ceiling) -> float | None:
    phase = found.prefill
    return None if phase is None or phase.utilisation is None else phase.utilisation * phase.measured_ms


DECODE_FLOOR = Metric(
    name="decode_floor_ms",
    title="decode step, least time",
    unit="ms",
    group="ceiling",
    better="neither",
    formula=f"max(bytes / memory bandwidth, FLOPs / matrix rate). {_DECODE_NEED}",
    source=_SOURCE,
    count=TIMED,
    conditions=_KNOWN,
    compute=_computed(lambda found: found.decode, lambda phase: phase.floor_ms, _need_note),
)
DECODE_CEILING = Metric(
    name="decode_ceiling_percent",
    title="share of the ceiling, decode",
    unit="%",
    group="ceiling",
    better="higher",
    formula="least time of a decode step / time per output token",
    source=f"{_SOURCE}, timed iterations of rank 0",
    digits=1,
    count=TIMED,
    conditions=(
        f"{_KNOWN} Above 100 % the run did not generate what it says, which is flagged. The bound: from 60 %"
        " on what sets the ceiling; below, the host if GPUs are busy for less than 80 % of the time; waits"
        " for other ranks if several ranks have work for fewer than 90 % of the multiprocessors; the host"
        " if one rank has work for fewer than 40 %."
    ),
    judged=False,
    comparison_place=17,
    compute=_computed(
        lambda found: found.decode,
        lambda phase: 100 * phase.share,
        _bound_note,
        lambda found: found.why_not,
    ),
    estimate=_share_estimate(
        TIME_PER_OUTPUT_TOKEN, lambda found: found.decode.floor_ms if found.decode is not None else None
    ),
)
PREFILL_FLOOR = Metric(
    name="prefill_floor_ms",
    title="prefill, least time",
    unit="ms",
    group="ceiling",
    better="neither",
    formula=(
        "max(bytes / memory bandwidth, FLOPs / matrix rate). bytes: weights once, written keys and values;"
        " FLOPs: 2 for each weight of the layers and token, the head for the last token, 4 for each pair of a"
        " query and a key that it may see and each number of a head"
    ),
    source=_SOURCE,
    count=TIMED,
    conditions=_KNOWN,
    compute=_computed(lambda found: found.prefill, lambda phase: phase.floor_ms, _need_note),
)
PREFILL_UTILISATION = Metric(
    name="prefill_flop_utilisation_percent",
    title="model FLOP utilisation, prefill",
    unit="%",
    group="ceiling",
    better="higher",
    formula="FLOPs of the prefill / (prefill time x dense matrix rate of the GPU for this type)",
    source=f"{_SOURCE}, timed iterations of rank 0",
    digits=1,
    count=TIMED,
    conditions=f"{_KNOWN} Short prompts are bound by memory, so it is low there by nature.",
    judged=False,
    compute=_computed(
        lambda found: found.prefill,
        lambda phase: None if phase.utilisation is None else 100 * phase.utilisation,
        lambda found, phase: "",
        lambda found: found.why_no_prefill,
    ),
    estimate=_share_estimate(PREFILL_TIME, _prefill_compute_ms),
)
REQUESTS_CEILING = Metric(
    name="requests_ceiling_percent",
    title="share of the ceiling, all requests",
    unit="%",
    group="ceiling",
    better="higher",
    formula=(
        "least time for all requests / (last request's end - first one's start). Least time: max(bytes /"
        " memory bandwidth, FLOPs / matrix rate), with as few decode steps as the concurrency allows, each of"
        " which reads all weights"
    ),
    source=f"{_SOURCE}, trtllm-bench's request file",
    digits=1,
    count=MEASURED,
    conditions=f"{_KNOWN} Without a limit of concurrency, one step for all requests is assumed.",
    judged=False,
    comparison_place=18,
    compute=_computed(
        lambda found: found.requests,
        lambda phase: 100 * phase.share,
        _need_note,
        lambda found: found.why_not,
    ),
)
CEILING_METRICS = (DECODE_FLOOR, DECODE_CEILING, PREFILL_FLOOR, PREFILL_UTILISATION)
SERVING_CEILING_METRICS = (REQUESTS_CEILING,)
