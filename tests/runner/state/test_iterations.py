"""Iterations that are added by column."""

from __future__ import annotations

import random

import pytest

from runner import events as ev
from runner.state.run import RunState
from runner.stats import percentiles

PHASES: tuple[ev.IterationPhase, ...] = ("timed", "timed", "timed", "timed", "warmup", "profile")


def run_of(rng: random.Random, ranks: int) -> list[ev.AnyEvent]:
    """Configurations whose iterations come in runs of any length, from one rank or several in turn."""
    events: list[ev.AnyEvent] = [ev.StageStarted(t=1, stage=0, name="benchmark", pid=1, ranks=ranks)]
    for config in range(3):
        start = ev.ConfigurationStarted(
            t=len(events), stage=0, index=config, batch_size=1, input_len=1, output_len=8, num_runs=1,
            duration=0, warm_up=0,
        )  # fmt: skip
        events.append(start)
        for _ in range(60):
            phase, in_turn = rng.choice(PHASES), rng.random() < 0.5
            for i in range(rng.choice((1, 3, 10, 100))):
                latency = rng.lognormvariate(2, 0.5)
                iteration = ev.Iteration(
                    t=len(events) * 10**7,
                    stage=0,
                    rank=i % ranks if in_turn else rng.randrange(ranks),
                    config=max(0, config - (rng.random() < 0.01)),
                    i=i,
                    phase=phase,
                    latency_ms=latency,
                    generation_ms=latency * 0.7 if rng.random() < 0.9 else None,
                    steps=7 if rng.random() < 0.9 else None,
                )
                events.append(iteration)
            load = ev.Host(t=len(events) * 10**7, cpu_percent=9, memory_used=1, memory_total=2, load=1)
            events.append(load)
    return events


@pytest.mark.parametrize("ranks", [1, 3])
def test_many_at_once_are_the_same_as_one_by_one(ranks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(percentiles, "EXACT_LIMIT", 300)
    events = run_of(random.Random(ranks), ranks)
    single, by_column = RunState(), RunState()
    for event in events:
        single.apply(event)
    by_column.apply_all(events)
    assert repr(by_column) == repr(single)  # without a value, both have nan, which is not equal to itself
    assert not single.configurations[0].latency.exact
