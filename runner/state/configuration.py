"""One configuration of a run as it stands: what was measured of it until now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from runner import events as ev
from runner.plan.plan import NOT_KNOWN
from runner.state import result_matching
from runner.state.outliers import Slowest
from runner.state.serving import ServingState
from runner.stats import Batches, Mean, Sample, Series


class Load(Protocol):
    """The load of a configuration, as an event, a part of a plan or a part of a report states it."""

    @property
    def batch_size(self) -> int: ...
    @property
    def input_len(self) -> int: ...
    @property
    def output_len(self) -> int: ...
    @property
    def gpu_weights_percent(self) -> float: ...
    @property
    def requests(self) -> int: ...
    @property
    def concurrency(self) -> int: ...


def batching(load: Load) -> str:
    """`batch 16`; of requests in flight `concurrency 8`, `all at once`, or `concurrency ?`."""
    if not load.requests:
        return f"batch {load.batch_size}"
    if load.concurrency == NOT_KNOWN:
        return "concurrency ?"
    return f"concurrency {load.concurrency}" if load.concurrency else "all at once"


@dataclass(slots=True)
class ConfigurationState:
    """One configuration as rank 0 saw it; `latency` and `series` are what upstream's numbers are made of."""

    start: ev.ConfigurationStarted
    warmup: list[float] = field(default_factory=list)
    latency: Sample = field(default_factory=Sample)
    generation: Mean = field(default_factory=Mean)
    steps: Mean = field(default_factory=Mean)
    series: Series = field(default_factory=Series)
    """one point a timed iteration, milliseconds"""
    batches: Batches = field(default_factory=Batches)
    """latencies in order, milliseconds; `stats.steady_state.course` says whether they are steady"""
    generation_batches: Batches = field(default_factory=Batches)
    slowest: Slowest = field(default_factory=Slowest)
    timing_began: int | None = None
    last_t: int = 0
    result: dict[str, str] | None = None
    serving: ServingState | None = None
    """of requests batched in flight, instead of iterations of a whole batch; None: there are iterations"""

    def elapsed_s(self, now: int) -> float:
        """Seconds since timing began, up to the last iteration once the configuration is over."""
        if self.timing_began is None:
            return 0.0
        end = self.last_t if self.done else now
        return max(0, end - self.timing_began) / 1e9

    @property
    def done(self) -> bool:
        return self.result is not None

    def remaining_s(self, now: int) -> float | None:
        """Seconds until both minima are met: iterations left x mean latency, or what is left of duration.

        Of requests in flight: requests left x time for those that are done. None before the first timed one.
        """
        if self.done:
            return 0.0
        if self.serving is not None:
            return self.serving.remaining_s(self.elapsed_s(now))
        if self.latency.n == 0:
            return None
        iterations = max(0, self.start.num_runs - self.latency.n) * self.latency.mean / 1000
        return max(iterations, self.start.duration - self.elapsed_s(now), 0.0)


def answers_from(engine: str) -> str:
    """Where the answers of a run come from: trtllm-bench has no smoke run, it keeps what it measured."""
    return "measured" if engine == "trtllm-bench" else "smoke run"


def is_told_by(configuration: ConfigurationState, event: ev.Result) -> bool:
    """Whether a result is about a configuration: it names it by its shape, or is all its stage measures."""
    if configuration.serving is not None:
        return configuration.start.stage == event.stage
    return result_matching.tells_of(event.values, configuration.start)
