"""The state of a benchmark of many requests in flight: the fold over its events, in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runner import events as ev
from runner.stats import Batches, Mean, Moments, Sample, Series


class OrderedSample(Sample):
    """A sample that also keeps the order of its values, for intervals."""

    batches: Batches = msgspec.field(default_factory=Batches)

    def add(self, value: float) -> None:
        Sample.add(self, value)
        self.batches.add(value)

    def extend(self, values: Sequence[float]) -> None:
        Sample.extend(self, values)
        self.batches.extend(values)


class EngineLog(msgspec.Struct):
    """The engine's iterations; those without a request in flight are not counted."""

    latency: OrderedSample = msgspec.field(default_factory=OrderedSample)
    """milliseconds"""
    series: Series = msgspec.field(default_factory=Series)
    """one point per iteration, milliseconds; placed at the sum of all earlier latencies, because the log is
    read in blocks and iterations follow one another"""
    tokens: OrderedSample = msgspec.field(default_factory=OrderedSample)
    active: Mean = msgspec.field(default_factory=Mean)
    queued: Moments = msgspec.field(default_factory=Moments)
    kv_share: Moments = msgspec.field(default_factory=Moments)
    """share of the KV cache's blocks in use, 0 to 1"""
    most_active: int = 0
    """most requests in flight in one iteration; 0: not in the log"""
    pauses: Mean = msgspec.field(default_factory=Mean)
    """1 for an iteration with paused requests, 0 for another"""
    last: ev.EngineIteration | None = None

    def take(self, event: ev.EngineIteration) -> None:
        if event.active == 0 and not event.generating and not event.context:
            return
        self.last = event
        self.latency.add(event.latency_ms)
        self.series.add(round(self.latency.total * 1e6), event.latency_ms)
        for mean, value in (
            (self.tokens, event.tokens),
            (self.active, event.active),
            (self.queued, event.queued),
        ):
            if value is not None:
                mean.add(value)
        self.most_active = max(self.most_active, event.active or 0)
        if event.paused is not None:
            self.pauses.add(1 if event.paused else 0)
        if event.kv_used is not None and event.kv_total:
            self.kv_share.add(event.kv_used / event.kv_total)


class RequestLog(msgspec.Struct):
    """The finished requests, with the times of the request file; milliseconds."""

    latency: OrderedSample = msgspec.field(default_factory=OrderedSample)
    ttft: OrderedSample = msgspec.field(default_factory=OrderedSample)
    per_token: OrderedSample = msgspec.field(default_factory=OrderedSample)
    per_user: OrderedSample = msgspec.field(default_factory=OrderedSample)
    """output tokens of a request / its latency, tokens/s"""
    speed: OrderedSample = msgspec.field(default_factory=OrderedSample)
    """tokens/s of a request after its first token"""
    slo: ev.Slo | None = None
    good: int = 0
    """how many requests meet every bound of `slo`"""
    input_tokens: int = 0
    output_tokens: int = 0
    begin: float = 0.0
    end: float = 0.0
    """when the first request was sent and the last one finished"""

    def take(self, event: ev.Requests) -> None:
        if not self.latency.n and event.start_ms:
            self.begin = min(event.start_ms)
        for start, latency, output in zip(event.start_ms, event.latency_ms, event.output_tokens, strict=True):
            self.latency.add(latency)
            self.begin, self.end = min(self.begin, start), max(self.end, start + latency)
            self.per_user.add(output * 1000 / latency)
        self._count_good(event)
        for sample, values in ((self.ttft, event.ttft_ms), (self.per_token, event.per_token_ms)):
            for value in values:
                if value is not None:
                    sample.add(value)
        for value in event.per_token_ms:
            if value:
                self.speed.add(1000 / value)
        self.input_tokens += sum(event.input_tokens)
        self.output_tokens += sum(event.output_tokens)

    def _count_good(self, event: ev.Requests) -> None:
        if self.slo is None:
            return
        times = zip(event.ttft_ms, event.per_token_ms, event.latency_ms, strict=True)
        bounds = (self.slo.ttft_ms, self.slo.tpot_ms, self.slo.e2e_ms)
        for found in times:
            self.good += all(
                # A request of one token has no time per output token, which bounds nothing then.
                bound is None or value is None or value <= bound
                for value, bound in zip(found, bounds, strict=True)
            )

    @property
    def seconds(self) -> float:
        return (self.end - self.begin) / 1000


class ServingState(msgspec.Struct):
    """One benchmark of requests in flight."""

    phase: ev.ServingPhase = "loading"
    text: str = ""
    """what it does now, for people"""
    done: int = 0
    total: int = 0
    """requests of this phase, as far as the program prints them"""
    engine: EngineLog = msgspec.field(default_factory=EngineLog)
    requests: RequestLog = msgspec.field(default_factory=RequestLog)

    @property
    def words(self) -> str:
        """Return what it does now and its progress: `measures: 150/1000 requests`, `loads the model`."""
        engine = self.engine
        if self.total:
            return f"{self.text}: {self.done}/{self.total} requests"
        if self.phase == "timed" and engine.latency.n:
            return (
                f"{self.text}: {engine.latency.n} iterations of the engine, mean {engine.latency.mean:.2f} ms"
            )
        return self.text or "starts"

    def remaining_s(self, elapsed_s: float) -> float | None:
        """Return seconds until all requests are done, at the pace until now; None: number unknown."""
        if self.phase == "reporting":
            return 0.0
        if self.phase != "timed" or not self.done or self.total < self.done:
            return None
        return elapsed_s * (self.total - self.done) / self.done

    def take(self, event: ev.Serving | ev.RequestsDone | ev.EngineIteration | ev.Requests) -> None:
        """Apply one event."""
        match event:
            case ev.EngineIteration():
                self.engine.take(event)
                if self.phase == "loading":  # a version with other output measures, too
                    self.phase, self.text = "timed", "measures"
            case ev.Requests():
                self.requests.take(event)
            case ev.RequestsDone():
                self.done, self.total = event.done, event.total
            case ev.Serving():
                self.phase, self.text = event.phase, event.text
                if event.phase != "reporting":
                    self.done = self.total = 0
