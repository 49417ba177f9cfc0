"""Reasons to doubt the numbers of a benchmark of many requests in flight."""

from __future__ import annotations

from collections.abc import Iterator

from runner.metrics.compute import values
from runner.metrics.flag import Effect, Flag
from runner.metrics.metric import as_number
from runner.metrics.request_latency import REQUEST_LATENCY
from runner.metrics.serving import DURATION, MEAN_CONCURRENCY, MEAN_OUTPUT, OUTPUT_TOKENS_PER_SEC, REQUESTS
from runner.state.configuration import ConfigurationState
from runner.state.serving import ServingState

TOLERANCE = 0.005
"""Share by which a reported rate may differ from that of the requests: both use the same times."""


def serving_flags(configuration: ConfigurationState, ranks: int) -> list[str]:
    """Return reasons to doubt the numbers of a benchmark of requests in flight, as sentences."""
    start, serving = configuration.start, configuration.serving
    assert serving is not None
    rows = {value.metric: value for value in values(configuration, ranks)}
    found: list[str] = list(_few(serving, rows[REQUESTS].value, start.requests))
    most = serving.engine.most_active
    short = 0 < most < min(start.concurrency, start.requests)
    if short:
        text = f"asked for {start.concurrency} in flight, never more than {most} ran"
        found.append(Flag(text, Effect.DISTORTED, 1 - most / start.concurrency))
    if start.concurrency > 0 and (reached := rows[MEAN_CONCURRENCY].value):
        if reached > 1.02 * start.concurrency:
            text = f"{reached:.1f} requests ran at a time, though concurrency was {start.concurrency}"
            found.append(Flag(text, Effect.WRONG, reached / start.concurrency - 1))
        elif reached < 0.8 * start.concurrency and not short:
            text = (
                f"only {reached:.1f} requests ran at a time on average, concurrency {start.concurrency} was"
                " asked for: more requests fill it better"
            )
            found.append(Flag(text, Effect.DISTORTED, 1 - reached / start.concurrency))
    pauses = serving.engine.pauses
    if pauses.n and pauses.mean > 0:
        text = (
            f"requests were paused in {pauses.mean:.1%} of the engine's iterations, as the KV cache was full:"
            " they are computed again"
        )
        found.append(Flag(text, Effect.DISTORTED, pauses.mean))
    output = rows[MEAN_OUTPUT].value
    if output is not None and start.output_len and output < 0.99 * start.output_len:
        text = (
            f"requests ended early: {output:.1f} output tokens on average instead of {start.output_len}, as"
            " the model emitted its end token; compare only with runs that do the same"
        )
        found.append(Flag(text, Effect.WRONG, 1 - output / start.output_len))
    for metric in (OUTPUT_TOKENS_PER_SEC, REQUEST_LATENCY, DURATION):
        value = rows[metric]
        printed = as_number(value.printed)
        if value.value and printed and abs(printed / value.value - 1) > TOLERANCE:
            text = f"{metric.title}: trtllm-bench reports {value.printed}, its requests say {value.value:.3f}"
            found.append(Flag(text, Effect.WRONG, printed / value.value - 1))
    return found


def _few(serving: ServingState, measured: float | None, asked: int) -> Iterator[Flag]:
    if measured is None:
        return
    if measured < asked:
        text = f"only {measured:.0f} of {asked} requests were measured"
        yield Flag(text, Effect.UNCERTAIN, 1 - measured / asked)
    if serving.requests.latency.n and measured < 100:
        text = f"p99{' and p95 say' if measured < 20 else ' says'} little: {measured:.0f} requests"
        yield Flag(text, Effect.UNCERTAIN)
