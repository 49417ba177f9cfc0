"""What happens while an engine serves many requests at once: trtllm-bench, batched in flight."""

from __future__ import annotations

from typing import Literal

from runner.events.base import Event

ServingPhase = Literal["loading", "warmup", "timed", "reporting"]


class Serving(Event, frozen=True, kw_only=True, tag="serving", gc=False):
    """The benchmark has come to another phase, as its output tells."""

    stage: int
    phase: ServingPhase
    text: str
    """what it does, in our words"""


class RequestsDone(Event, frozen=True, kw_only=True, tag="requests_done", gc=False):
    """How many requests are done, as the benchmark prints it."""

    stage: int
    done: int
    total: int


class EngineIteration(Event, frozen=True, kw_only=True, tag="engine_iteration", gc=False):
    """One step of the engine over all requests in flight, from its own log; None: not in it.

    The engine writes its log in blocks, so `t` is when the line was read, not when the step was made.
    """

    stage: int
    i: int
    """number of the step in the engine's log"""
    latency_ms: float
    """duration of the step, milliseconds"""
    active: int | None = None
    """requests in flight"""
    queued: int | None = None
    """requests that wait to be admitted"""
    context: int | None = None
    """requests whose input was processed in it"""
    generating: int | None = None
    """requests that got a token in it"""
    tokens: int | None = None
    """input tokens that were processed, and one or more for each generating request"""
    kv_used: int | None = None
    """blocks of the KV cache"""
    kv_total: int | None = None
    """blocks of the KV cache"""
    gpu_memory: int | None = None
    """bytes in use, by the engine's count"""


class Requests(Event, frozen=True, kw_only=True, tag="requests", gc=False):
    """Some finished requests, each at the same place of every list, from the benchmark's own file."""

    stage: int
    start_ms: list[float]
    """when each was sent, after the first one of all"""
    latency_ms: list[float]
    """from being sent to the last token"""
    ttft_ms: list[float | None]
    """to the first token; None: tokens did not come one by one"""
    per_token_ms: list[float | None]
    """mean time from token to token after the first; None: not streamed, or no second token"""
    input_tokens: list[int]
    output_tokens: list[int]
