"""The fold over events."""

from __future__ import annotations

import tracemalloc

import pytest

from runner import events as ev
from runner.plan.plan import MOST_CONFIGURATIONS
from runner.state.run import RunState

S = 1_000_000_000


def iteration(
    i: int, *, t: int, rank: int = 0, phase: ev.IterationPhase = "timed", latency: float = 100.0
) -> ev.Iteration:
    return ev.Iteration(
        t=t, stage=0, rank=rank, config=0, i=i, phase=phase, latency_ms=latency, generation_ms=80.0, steps=7
    )


def started() -> RunState:
    """A run with two ranks whose first configuration has begun."""
    state = RunState()
    state.apply_all(
        [
            ev.RunStarted(
                t=S, run="r", schema=1, wall=1e9, host="h", boot_id="b", pid=1, cores=2, version="0"
            ),
            ev.StageStarted(t=2 * S, stage=0, name="benchmark", pid=2, ranks=2),
            ev.Hello(t=3 * S, stage=0, rank=0, world=2, pid=3, host="h", device="cpu"),
            ev.Hello(t=3 * S, stage=0, rank=1, world=2, pid=4, host="h", device="cpu"),
            ev.ConfigurationStarted(
                t=4 * S,
                stage=0,
                index=0,
                batch_size=2,
                input_len=8,
                output_len=8,
                num_runs=10,
                duration=5,
                warm_up=1,
            ),
        ]
    )
    return state


def test_warm_up_is_kept_apart() -> None:
    state = started()
    state.apply(iteration(0, t=5 * S, phase="warmup", latency=900.0))
    state.apply(iteration(0, t=6 * S))
    configuration = state.configurations[0]
    assert configuration.warmup == [900.0]
    assert (configuration.latency.n, configuration.latency.mean) == (1, 100.0)


def test_timing_begins_where_the_first_timed_iteration_began() -> None:
    state = started()
    state.apply(iteration(0, t=6 * S, latency=250.0))
    assert state.configurations[0].elapsed_s(7 * S) == pytest.approx(1.25)


def test_what_remains_is_the_later_of_both_minima() -> None:
    state = started()
    configuration = state.configurations[0]
    assert configuration.remaining_s(5 * S) is None
    state.apply(iteration(0, t=6 * S, latency=1000.0))
    # 9 more iterations of 1 s against 4 s of the duration
    assert configuration.remaining_s(6 * S) == pytest.approx(9.0)
    assert configuration.remaining_s(6 * S + S // 4) == pytest.approx(8.75), (
        "less the time in the current one"
    )
    # 1 more iteration of 100 ms against 4.1 s of the duration
    fast = started()
    for i in range(9):
        fast.apply(iteration(i, t=5 * S + i * S // 10))
    assert fast.configurations[0].remaining_s(5 * S + 8 * S // 10) == pytest.approx(4.1)


def test_numbers_are_of_rank_0_and_each_rank_has_a_row() -> None:
    state = started()
    state.apply(iteration(0, t=6 * S, latency=100.0))
    state.apply(iteration(0, t=6 * S, rank=1, latency=120.0))
    assert state.configurations[0].latency.n == 1
    assert state.ranks[1].timed.mean == 120.0
    assert state.skew is not None
    assert state.skew[0] == 1
    assert state.skew[1] > 0


def test_a_rank_is_complete_when_its_goodbye_counts_what_arrived() -> None:
    state = started()
    state.apply(iteration(0, t=6 * S))
    state.apply(iteration(0, t=6 * S, rank=1))
    state.apply(ev.Bye(t=7 * S, stage=0, rank=0, count=3))
    state.apply(ev.Bye(t=7 * S, stage=0, rank=1, count=3))
    assert state.ranks[0].complete, "hello, configuration, iteration"
    assert not state.ranks[1].complete, "one of its records is missing"


def test_a_result_finds_its_configuration_by_shape() -> None:
    state = started()
    values = {"batch_size": "2", "input_length": "8", "output_length": "8", "latency(ms)": "100.0"}
    state.apply(ev.Result(t=8 * S, stage=0, values=values))
    assert state.configurations[0].result == values
    assert state.results == 1


def test_a_flood_of_results_takes_bounded_memory() -> None:
    shape = {"input_length": "8", "output_length": "8", "latency(ms)": "100.0", "engine_dir": "x" * 1000}
    state = started()
    tracemalloc.start()
    try:
        for size in range(3, 3 * MOST_CONFIGURATIONS):
            values = {**shape, "batch_size": str(size), "engine_dir": str(size) * 200}
            state.apply(ev.Result(t=8 * S, stage=0, values=values))
        assert tracemalloc.get_traced_memory()[0] < 16 << 20
    finally:
        tracemalloc.stop()
    assert len(state.configurations) == MOST_CONFIGURATIONS
    assert state.left_out == 3 * MOST_CONFIGURATIONS - 3 - (MOST_CONFIGURATIONS - 1)
    state.apply(ev.Result(t=9 * S, stage=0, values={**shape, "batch_size": "2"}))
    assert state.configurations[0].done, "the announced configuration still gets its result"


def test_the_first_failure_is_the_cause() -> None:
    state = started()
    state.apply(ev.Failure(t=8 * S, cause="first"))
    state.apply(ev.Failure(t=9 * S, cause="second"))
    assert state.failure is not None
    assert state.failure.cause == "first"


def test_elapsed_time_does_not_follow_the_wall_clock() -> None:
    state = started()
    state.apply(ev.RunEnded(t=11 * S, status="finished", wall=5.0))  # the clock was set back by decades
    assert state.elapsed_s(now=99 * S) == 10.0


def test_a_stopping_run_is_running_until_it_ended() -> None:
    state = started()
    state.apply(ev.Stopping(t=8 * S, by="a test"))
    assert (state.status, state.running) == ("stopping", True)
    state.apply(ev.RunEnded(t=9 * S, status="stopped", wall=1e9))
    assert (state.status, state.running) == ("stopped", False)
