"""GPU samples that follow one another in the log are added at once."""

from __future__ import annotations

import random
from collections.abc import Iterator

from runner import events as ev
from runner.state.run import RunState
from tests.support.gpu_logs import SECOND, inventory, mapping

UUIDS = ("GPU-0", "GPU-1")


def samples_of(rng: random.Random, t: int) -> Iterator[ev.GpuSamples]:
    """A few samples; sometimes the next comes early, without a reading of a GPU, or with clocks held down."""
    for _ in range(rng.choice((1, 3, 30))):
        t += rng.choice((SECOND // 2, SECOND // 2, SECOND // 5))
        clocks: ev.GpuColumn = [rng.choice((1980, 1500, None)), 1980] if rng.random() < 0.2 else [1980, 1980]
        yield ev.GpuSamples(
            t=t, period_ms=500, busy=[rng.randrange(100), 99], memory=[rng.randrange(2**37), 7],
            power=[rng.random() * 700, 650.5], sm_clock=clocks, reasons=[rng.choice((0, 4, 64)), 0],
        )  # fmt: skip


def long_log(rng: random.Random) -> list[ev.AnyEvent]:
    """Iterations of some seconds, some of them slow; hosts may be read late, and telemetry restarts."""
    events: list[ev.AnyEvent] = [
        ev.StageStarted(t=1, stage=0, name="benchmark", pid=1, ranks=1),
        inventory(2),
        mapping(list(UUIDS)),
    ]
    t = SECOND
    for config in range(3):
        events.append(
            ev.ConfigurationStarted(
                t=t, stage=0, index=config, batch_size=1, input_len=1, output_len=8, num_runs=1,
                duration=0, warm_up=0,
            )
        )  # fmt: skip
        for i in range(60):
            began = t
            for sample in samples_of(rng, t):
                events.append(sample)
                t = sample.t
            events += [ev.GpuEnergy(t=t, gpu=uuid, mj=t // 1000) for uuid in UUIDS if rng.random() < 0.5]
            if rng.random() < 0.5:
                load = rng.randrange(100)
                host = ev.Host(t=t, cpu_percent=load, memory_used=1, memory_total=2, load=1, steal_percent=0)
                events.append(host)
            events += [inventory(2, t)] if rng.random() < 0.02 else []
            ended = t - rng.choice((0, SECOND // 4, SECOND))
            if ended > began:
                latency = (ended - began) / 1e6
                events.append(
                    ev.Iteration(
                        t=ended, stage=0, rank=0, config=config, i=i, phase="timed", latency_ms=latency
                    )
                )
    return events


def test_samples_at_once_are_the_same_as_one_by_one() -> None:
    rng = random.Random(7)
    events = long_log(rng)
    single, at_once = RunState(), RunState()
    for event in events:
        single.apply(event)
    rest = events
    while rest:
        size = rng.choice((1, 20, 200))
        at_once.apply_all(rest[:size])
        rest = rest[size:]
    same = repr(at_once) == repr(single)  # nan, of a reading that is missing, is not equal to itself
    assert same, "states differ"
    assert any(slow.around for slow in single.configurations[1].slowest.above(0.0))
