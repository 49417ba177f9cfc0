"""The state of one configuration of a run: its measurements until now."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import msgspec

from runner import events as ev
from runner.plan.plan import UNKNOWN_CONCURRENCY, in_flight
from runner.state import result_matching
from runner.state.serving import ServingState
from runner.state.slowest import SlowestIterations
from runner.state.step_times import StepTimesState
from runner.stats import Batches, Mean, Sample, Series

PREPARATION_STEPS: dict[ev.PreparationStep, str] = {
    "tiles": "choosing tile sizes of the kernels",
    "graphs": "compiling kernels and capturing graphs",
    "ready": "prepared",
}


class ConfigurationShape(Protocol):
    """The shape of a configuration, as events, plans and reports have it."""

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


def batching_label(shape: ConfigurationShape) -> str:
    """Return `batch 16`; for requests in flight `concurrency 8`, `all at once` or `concurrency ?`."""
    if not in_flight(shape):
        return f"batch {shape.batch_size}"
    if shape.concurrency == UNKNOWN_CONCURRENCY:
        return "concurrency ?"
    return f"concurrency {shape.concurrency}" if shape.concurrency else "all at once"


class ConfigurationState(msgspec.Struct):
    """What rank 0 measured in one configuration; upstream's numbers use `latency` and `series`."""

    start: ev.ConfigurationStarted
    preparation: ev.Preparation | None = None
    """the last step of it; None: the engine prepares nothing, or does not report it"""
    warmup: list[float] = msgspec.field(default_factory=list)
    latency: Sample = msgspec.field(default_factory=Sample)
    generation: Mean = msgspec.field(default_factory=Mean)
    steps: Mean = msgspec.field(default_factory=Mean)
    series: Series = msgspec.field(default_factory=Series)
    """one point per timed iteration, milliseconds"""
    batches: Batches = msgspec.field(default_factory=Batches)
    """latencies in order, milliseconds; input of `stats.steady_state.assess_steadiness`"""
    generation_batches: Batches = msgspec.field(default_factory=Batches)
    slowest: SlowestIterations = msgspec.field(default_factory=SlowestIterations)
    step_times: StepTimesState | None = None
    """None: the times of single decode steps are not reported"""
    timing_began: int | None = None
    last_t: int = 0
    result: dict[str, str] | None = None
    serving: ServingState | None = None
    """data of requests batched in flight; None: the benchmark runs iterations of a whole batch"""

    def take(self, event: ev.Iteration) -> None:
        """Add an iteration of rank 0 that is not profiled."""
        self.last_t = event.t
        if event.phase != "timed":
            self.warmup.append(event.latency_ms)
            return
        if self.timing_began is None:
            self.timing_began = event.t - round(event.latency_ms * 1e6)
        if event.latency_ms > self.slowest.least:
            self.slowest.offer(self.latency.n, event.t, event.latency_ms)
        self.latency.add(event.latency_ms)
        self.series.add(event.t, event.latency_ms)
        self.batches.add(event.latency_ms)
        if event.generation_ms is not None:
            self.generation.add(event.generation_ms)
            self.generation_batches.add(event.generation_ms)
        if event.steps is not None:
            self.steps.add(event.steps)

    def take_timed(self, events: Sequence[ev.Iteration], latencies: Sequence[float]) -> None:
        """Add timed iterations of rank 0, and their latencies; the same as `take` of each."""
        self.last_t = events[-1].t
        if self.timing_began is None:
            self.timing_began = events[0].t - round(latencies[0] * 1e6)
        if max(latencies) > self.slowest.least:
            for number, event in enumerate(events, self.latency.n):
                if event.latency_ms > self.slowest.least:
                    self.slowest.offer(number, event.t, event.latency_ms)
        self.latency.extend(latencies)
        self.series.extend([event.t for event in events], latencies)
        self.batches.extend(latencies)
        generation = [event.generation_ms for event in events if event.generation_ms is not None]
        self.generation.extend(generation)
        self.generation_batches.extend(generation)
        self.steps.extend([event.steps for event in events if event.steps is not None])

    def elapsed_s(self, now: int) -> float:
        """Return seconds since timing began; until the last iteration if the configuration is done."""
        if self.timing_began is None:
            return 0.0
        end = self.last_t if self.done else now
        return max(0, end - self.timing_began) / 1e9

    @property
    def done(self) -> bool:
        return self.result is not None

    @property
    def preparing(self) -> str:
        """The step of the preparation before the warm-up; empty: iterations run, or have ended."""
        step = self.preparation
        if step is None or step.step == "ready" or self.warmup or self.latency.n or self.done:
            return ""
        return PREPARATION_STEPS[step.step]

    @property
    def pace_ms(self) -> float | None:
        """Mean latency of the timed iterations, before the first one of the warm-up; None: none has ended."""
        if self.latency.n:
            return self.latency.mean
        return sum(self.warmup) / len(self.warmup) if self.warmup else None

    def iteration_s(self, now: int) -> float:
        """Return seconds since the current iteration started: since the last one ended."""
        return max(0, now - (self.last_t or self.start.t)) / 1e9

    def remaining_s(self, now: int) -> float | None:
        """Return seconds until both minima are met: whole iterations at the mean pace, less the current one.

        For requests in flight: remaining requests at the pace until now. None before an iteration ends.
        """
        if self.done:
            return 0.0
        if self.serving is not None:
            return self.serving.remaining_s(self.elapsed_s(now))
        if self.pace_ms is None:
            return None
        pace = self.pace_ms / 1000
        return max(0.0, self._iterations_left(pace) * pace - min(self.iteration_s(now), pace))

    def _iterations_left(self, pace: float) -> int:
        """Return how many iterations are missing if each takes `pace` seconds, warm-up included."""
        warm_up = 0 if self.latency.n else max(0, self.start.warm_up - len(self.warmup))
        return warm_up + iterations_needed(
            self.start.num_runs - self.latency.n, self.start.duration - self.elapsed_s(self.last_t), pace
        )


def iterations_needed(num_runs: int, duration: float, pace: float) -> int:
    """Return how many whole iterations of `pace` seconds reach both a number and a duration in seconds."""
    for_duration = math.ceil(duration / pace - 1e-9) if pace > 0 else 0
    return max(0, num_runs, for_duration)


RESULT_PROGRAMS = {
    "vllm": "vllm bench serve",
    "sglang": "sglang.bench_serving",
    "aiperf": "AIPerf",
    "guidellm": "GuideLLM",
    "inferencex": "InferenceX",
}
"""Engines of imported runs that the registry does not have -> the program that measured. It sent requests to
a server over HTTP, and does not state the number of its ranks."""


def states_ranks(engine: str) -> bool:
    """Check whether the number of ranks of a run is known."""
    return engine not in RESULT_PROGRAMS


def answer_source(engine: str) -> str:
    """Return the source of the answers of a run; trtllm-bench has no smoke run and keeps measured ones."""
    return "measured" if engine == "trtllm-bench" else "smoke run"


def matches_result(
    configuration: ConfigurationState, stage: int, shape: result_matching.ResultShape | None
) -> bool:
    """Check whether a result belongs to a configuration: by its shape, or as the only one of its stage."""
    start = configuration.start
    if configuration.serving is not None:
        return start.stage == stage
    return shape == (start.batch_size, start.input_len, start.output_len, start.gpu_weights_percent)


def of_result(event: ev.Result, shape: result_matching.ResultShape, index: int) -> ConfigurationState:
    """Return the configuration of a result that was not announced.

    It was imported, or its benchmark's iterations could not be observed.
    """
    batch_size, input_len, output_len, percent = shape
    start = ev.ConfigurationStarted(
        t=event.t,
        stage=event.stage,
        index=index,
        batch_size=batch_size,
        input_len=input_len,
        output_len=output_len,
        num_runs=0,
        duration=0.0,
        warm_up=0,
        gpu_weights_percent=percent,
    )
    return ConfigurationState(start, last_t=event.t, result=event.values)
