"""Metrics of rates and of the generation phase, of batches of fixed size."""

from __future__ import annotations

from runner.metrics.context import MetricContext
from runner.metrics.latency import ITERATIONS_SOURCE, LATENCY, NO_TIME, TIMED
from runner.metrics.metric import Computed, Metric, as_number, printed_value
from runner.stats.intervals import Estimate, Mapped, mean_of

NO_TOKENS = "an encoder generates no tokens"
_NO_LATER_TOKEN = "no token after the first"
_FROM_PRINTED = "from values reported by the engine: no iterations were observed"


def _printed(context: MetricContext, metric: Metric) -> float:
    """Return what the engine printed for a configuration without observed iterations; 0.0: nothing."""
    return as_number(printed_value(metric, context.configuration.result or {}))


# --- tokens per second -------------------------------------------------------------------------------------


def _tokens_per_sec(context: MetricContext) -> Computed | None:
    configuration = context.configuration
    start, latency = configuration.start, configuration.latency
    if not start.output_len:
        return Computed(None, 0, NO_TOKENS) if latency.n or configuration.result is not None else None
    if not latency.n:
        return None
    if latency.mean <= 0:
        return Computed(None, latency.n, NO_TIME)
    return Computed(start.batch_size * start.output_len / (latency.mean / 1000), latency.n)


def _tokens_per_sec_of_rank(context: MetricContext) -> Computed | None:
    configuration = context.configuration
    if not configuration.latency.n:
        printed = _printed(context, TOKENS_PER_SEC)
        n = context.logged_iterations
        return Computed(printed / max(1, context.ranks), n, _FROM_PRINTED) if printed else None
    whole = _tokens_per_sec(context)
    if whole is None or whole.value is None:
        return None
    return Computed(whole.value / max(1, context.ranks), whole.n)


def _rate_estimate(context: MetricContext) -> Estimate | None:
    start = context.configuration.start
    tokens = 1000 * start.batch_size * start.output_len
    return Mapped(context.latency_estimate, lambda ms: tokens / ms) if tokens else None


def _tokens_per_sec_of_user(context: MetricContext) -> Computed | None:
    """Of a configuration without observed iterations from the printed rate."""
    configuration = context.configuration
    batch = configuration.start.batch_size
    whole = _tokens_per_sec(context)
    if whole is None and not configuration.latency.n and batch:
        printed = _printed(context, TOKENS_PER_SEC)
        return Computed(printed / batch, context.logged_iterations, _FROM_PRINTED) if printed else None
    if whole is None or whole.value is None or not batch:
        return whole
    return Computed(whole.value / batch, whole.n)


def _user_rate_estimate(context: MetricContext) -> Estimate | None:
    tokens = 1000 * context.configuration.start.output_len
    return Mapped(context.latency_estimate, lambda ms: tokens / ms) if tokens else None


def _rank_rate_estimate(context: MetricContext) -> Estimate | None:
    start, ranks = context.configuration.start, context.ranks
    tokens = 1000 * start.batch_size * start.output_len
    return Mapped(context.latency_estimate, lambda ms: tokens / ms / max(1, ranks)) if tokens else None


# --- generation: from the first token to the last -----------------------------------------------------------


def _generated_tokens(context: MetricContext) -> Computed | None:
    configuration = context.configuration
    if not configuration.latency.n or not configuration.steps.n:
        return None
    start, steps = configuration.start, configuration.steps
    return Computed(steps.mean * start.batch_size * start.num_beams, steps.n)


def _generation_tokens_per_sec(context: MetricContext) -> Computed | None:
    tokens = _generated_tokens(context)
    if tokens is None or tokens.value is None:
        return None
    why, generation = _why_no_steps(context), context.configuration.generation
    if why:
        return Computed(None, 0, why)
    return Computed(tokens.value * 1000 / generation.mean, generation.n)


def _time_per_output_token(context: MetricContext) -> Computed | None:
    configuration = context.configuration
    if not configuration.latency.n:
        start = configuration.start
        generation, tokens = _printed(context, GENERATION_TIME), _printed(context, GENERATED_TOKENS)
        if not generation or not tokens or not start.batch_size or not start.num_beams:
            return None
        steps = tokens / (start.batch_size * start.num_beams)
        return Computed(generation / steps, context.logged_iterations, _FROM_PRINTED)
    if not configuration.steps.n:
        return None
    why = _why_no_steps(context)
    if why:
        return Computed(None, 0, why)
    return Computed(configuration.generation.mean / configuration.steps.mean, configuration.generation.n)


def _why_no_steps(context: MetricContext) -> str:
    """Return why the decode steps give no rate; empty: they do."""
    generation, steps = context.configuration.generation, context.configuration.steps
    if generation.n and steps.mean > 0:
        return "" if generation.mean > 0 else NO_TIME
    return _NO_LATER_TOKEN


def _generation_time(context: MetricContext) -> Computed | None:
    generation = context.configuration.generation
    if not context.configuration.latency.n or not generation.n:
        return None
    return Computed(generation.mean, generation.n)


def _prefill_time(context: MetricContext) -> Computed | None:
    latency, generation = context.configuration.latency, context.configuration.generation
    if not latency.n:
        whole, later = _printed(context, LATENCY), _printed(context, GENERATION_TIME)
        return Computed(whole - later, context.logged_iterations, _FROM_PRINTED) if whole and later else None
    return Computed(latency.mean - generation.mean, generation.n) if generation.n else None


def _generation_estimate(context: MetricContext) -> Estimate | None:
    return context.generation_estimate if context.configuration.generation.n else None


def _prefill_estimate(context: MetricContext) -> Estimate | None:
    configuration = context.configuration
    latency, generation = configuration.latency, configuration.generation
    if not generation.n or generation.n != latency.n:
        return None
    # Iteration by iteration: a slow iteration is slow in both, and that cancels in the difference.
    pairs = zip(configuration.batches.means, configuration.generation_batches.means, strict=True)
    return mean_of([a - b for a, b in pairs], value=latency.mean - generation.mean)


def _has_steps(context: MetricContext) -> bool:
    generation, steps = context.configuration.generation, context.configuration.steps
    return bool(generation.n and steps.n and steps.mean > 0 and generation.mean > 0)


def _per_token_estimate(context: MetricContext) -> Estimate | None:
    steps = context.configuration.steps.mean
    return Mapped(context.generation_estimate, lambda ms: ms / steps) if _has_steps(context) else None


def _generation_rate_estimate(context: MetricContext) -> Estimate | None:
    if not _has_steps(context):
        return None
    start = context.configuration.start
    tokens = 1000 * context.configuration.steps.mean * start.batch_size * start.num_beams
    return Mapped(context.generation_estimate, lambda ms: tokens / ms)


TOKENS_PER_SEC = Metric(
    name="tokens_per_sec",
    title="tokens per second",
    unit="tokens/s",
    group="throughput",
    better="higher",
    formula="batch size x requested output length / mean latency: prefill included, all ranks together",
    source="requested lengths and latency",
    upstream_key="tokens_per_sec",
    digits=2,
    count=TIMED,
    conditions=(
        "Counts requested tokens: overstated when generation stops early, which is flagged. None for"
        " encoders."
    ),
    comparison_place=5,
    compute=_tokens_per_sec,
    estimate=_rate_estimate,
)
TOKENS_PER_SEC_RANK = Metric(
    name="tokens_per_sec_per_rank",
    title="tokens per second per GPU",
    unit="tokens/s",
    group="throughput",
    better="higher",
    formula="tokens per second / number of ranks: each rank has a GPU of its own; on a CPU it is per rank",
    source="requested lengths and latency",
    digits=2,
    count=TIMED,
    conditions="As tokens per second.",
    compute=_tokens_per_sec_of_rank,
    estimate=_rank_rate_estimate,
)
TOKENS_PER_SEC_USER = Metric(
    name="tokens_per_sec_per_user",
    title="tokens per second per user",
    unit="tokens/s",
    group="throughput",
    better="higher",
    formula="requested output length / mean latency: what each sequence of the batch gets, prefill included",
    source="requested lengths and latency",
    digits=2,
    count=TIMED,
    conditions="As tokens per second.",
    compute=_tokens_per_sec_of_user,
    estimate=_user_rate_estimate,
)
GENERATION_TOKENS_PER_SEC = Metric(
    name="generation_tokens_per_second",
    title="generation tokens per second",
    unit="tokens/s",
    group="throughput",
    better="higher",
    formula="tokens after the first / mean generation time: prefill excluded, all ranks together",
    source=ITERATIONS_SOURCE,
    upstream_key="generation_tokens_per_second",
    count=TIMED,
    conditions=(
        "Needs a token after the first. Not comparable with tokens per second, which includes prefill."
    ),
    comparison_place=6,
    compute=_generation_tokens_per_sec,
    estimate=_generation_rate_estimate,
)
GENERATION_TIME = Metric(
    name="generation_time_ms",
    title="generation time, mean",
    unit="ms",
    group="generation",
    better="lower",
    formula="mean time from the first token to the last",
    source=ITERATIONS_SOURCE,
    upstream_key="generation_time(ms)",
    count=TIMED,
    conditions="Only where the program reports when the first token came.",
    comparison_place=8,
    compute=_generation_time,
    estimate=_generation_estimate,
)
PREFILL_TIME = Metric(
    name="prefill_time_ms",
    title="prefill time, mean",
    unit="ms",
    group="generation",
    better="lower",
    formula="mean latency - mean generation time: set-up, prefill and the first token",
    source=ITERATIONS_SOURCE,
    count=TIMED,
    conditions="Only where the program reports when the first token came.",
    comparison_place=7,
    compute=_prefill_time,
    estimate=_prefill_estimate,
)
TIME_PER_OUTPUT_TOKEN = Metric(
    name="time_per_output_token_ms",
    title="time per output token",
    unit="ms",
    group="generation",
    better="lower",
    formula="mean generation time / decode steps after the first token",
    source=ITERATIONS_SOURCE,
    count=TIMED,
    conditions="Needs a token after the first. Prefill is not in it.",
    comparison_place=9,
    compute=_time_per_output_token,
    estimate=_per_token_estimate,
)
GENERATED_TOKENS = Metric(
    name="total_generated_tokens",
    title="tokens after the first",
    unit="tokens",
    group="generation",
    better="neither",
    formula=(
        "mean decode steps x batch size x beams; the first token of a sequence comes from prefill and is not"
        " counted, so 16 x 1024 requested tokens are 16 x 1023 = 16368 here"
    ),
    source="decode steps counted by the program",
    upstream_key="total_generated_tokens",
    digits=1,
    count=TIMED,
    conditions="Only where the program counts its decode steps.",
    as_measured=True,
    compute=_generated_tokens,
)
THROUGHPUT_METRICS = (
    TOKENS_PER_SEC,
    TOKENS_PER_SEC_RANK,
    TOKENS_PER_SEC_USER,
    GENERATION_TOKENS_PER_SEC,
    GENERATION_TIME,
    PREFILL_TIME,
    TIME_PER_OUTPUT_TOKEN,
    GENERATED_TOKENS,
)
