"""What happens while an engine serves many requests at once: trtllm-bench, batched in flight."""

from typing import Literal

from runner.events.base import Event
from runner.util.bounds import Count, Duration, Latency

ServingPhase = Literal["loading", "warmup", "timed", "reporting"]


class Serving(Event, frozen=True, kw_only=True, tag="serving", gc=False):
    """The benchmark has come to another phase, as its output tells."""

    stage: Count
    phase: ServingPhase
    text: str
    """what it does, in our words"""


class RequestsDone(Event, frozen=True, kw_only=True, tag="requests_done", gc=False):
    """How many requests are done, as the benchmark prints it."""

    stage: Count
    done: Count
    total: Count


class EngineIteration(Event, frozen=True, kw_only=True, tag="engine_iteration", gc=False):
    """One step of the engine over all requests in flight, from its own log; None: not in it.

    The engine writes its log in blocks, so `t` is when the line was read, not when the step was made.
    """

    stage: Count
    i: Count
    """number of the step in the engine's log"""
    latency_ms: Duration
    """duration of the step, milliseconds"""
    active: Count | None = None
    """requests in flight"""
    queued: Count | None = None
    """requests that wait to be admitted"""
    context: Count | None = None
    """requests whose input was processed in it"""
    generating: Count | None = None
    """requests that got a token in it"""
    tokens: Count | None = None
    """input tokens that were processed, and one or more for each generating request"""
    kv_used: Count | None = None
    """blocks of the KV cache"""
    kv_total: Count | None = None
    """blocks of the KV cache"""
    gpu_memory: Count | None = None
    """bytes in use, by the engine's count"""
    paused: Count | None = None
    """requests that lost their place in the KV cache and wait to start again"""


class Requests(Event, frozen=True, kw_only=True, tag="requests", gc=False):
    """Some finished requests, each at the same place of every list, from the benchmark's own file."""

    stage: Count
    start_ms: list[Duration]
    """when each was sent, after the first one of all"""
    latency_ms: list[Latency]
    """from being sent to the last token"""
    ttft_ms: list[Duration | None]
    """to the first token; None: tokens did not come one by one"""
    per_token_ms: list[Duration | None]
    """mean time from token to token after the first; None: not streamed, or no second token"""
    input_tokens: list[Count]
    output_tokens: list[Count]

    def __post_init__(self) -> None:
        # Readers walk through the lists together; msgspec refuses the event when this raises.
        lists = [name for name in self.__struct_fields__ if name not in ("t", "stage")]
        if len({len(getattr(self, name)) for name in lists}) > 1:
            raise ValueError("the lists of requests differ in length")
