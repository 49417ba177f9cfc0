"""Slow iterations and what is blamed for them: by a stated rule, on made and on recorded runs."""

from __future__ import annotations

import msgspec
import pytest

from runner import events as ev
from runner.metrics.outlier_causes import find_outliers
from runner.state.gpu import TelemetryState
from runner.state.outliers import Usual, count_outliers, find_cause, outlier_fence
from runner.state.run import RunState
from runner.state.slowest import KEPT, SlowestIterations, SlowIteration
from runner.stats import Sample
from runner.stats.modes import find_modes
from tests.support.paths import DATA

S = 10**9


def sample(*values: float) -> Sample:
    made = Sample()
    for value in values:
        made.add(value)
    return made


def a_run(*, latencies: list[float], hosts: dict[int, ev.Host] | None = None,
          ticks: dict[int, ev.GpuSamples] | None = None) -> RunState:  # fmt: skip
    """One configuration of iterations from second 0 on; readings at the end of each second."""
    state = RunState()
    state.apply(ev.ConfigurationStarted(t=0, stage=0, index=0, batch_size=1, input_len=8, output_len=8,
                                        num_runs=1, duration=0, warm_up=0))  # fmt: skip
    events: list[ev.AnyEvent] = []
    t = 0
    for i, latency in enumerate(latencies):
        t += round(latency * 1e6)
        events.append(ev.Iteration(t=t, stage=0, rank=0, config=0, i=i, phase="timed", latency_ms=latency))
    for second in range(1, t // S + 2):
        events.append((hosts or {}).get(second) or calm(second))
        if ticks is not None:
            events.append(ticks.get(second) or gpus(second))
    state.apply_all(sorted(events, key=lambda event: event.t))
    return state


def calm(second: int, **changes: float) -> ev.Host:
    values = {"cpu_percent": 10.0, "steal_percent": 0.0, "waiting_percent": 1.0, **changes}
    return ev.Host(t=second * S, memory_used=1, memory_total=2, load=1.0, **values)  # type: ignore[arg-type]


def gpus(second: int, *, reasons: tuple[int, ...] = (0, 0), **throttled: list[int]) -> ev.GpuSamples:
    named = {name.replace("_", " "): column for name, column in throttled.items()}
    return ev.GpuSamples(t=second * S, period_ms=1000, reasons=list(reasons), throttled_us=named)


def slow_ones(state: RunState) -> list[SlowIteration]:
    [configuration] = state.configurations
    return configuration.slowest.above(outlier_fence(configuration.latency))


def blamed(state: RunState, *, columns: tuple[int, ...] = (0, 1), shared: bool = False) -> tuple[str, str]:
    [slow] = slow_ones(state)
    usual = Usual(load=state.configurations[0].slowest.load_of(""))
    return find_cause(slow, slow.around.get(""), columns=columns, usual=usual, shared=shared)


STEADY = [1000.0, 1002, 998, 1001, 999, 1000, 1003, 997, 1001, 999]
ONE_SLOW = [*STEADY, 1500.0, *STEADY]  # the slow one runs from second 10 to 11.5


def test_fewer_than_eight_iterations_have_no_fence() -> None:
    assert outlier_fence(sample(*STEADY[:7])) is None
    assert slow_ones(a_run(latencies=[*STEADY[:6], 9000.0])) == []


def test_fence_is_third_quartile_plus_three_ranges() -> None:
    # quartiles of 1..9 are 3, 5 and 7
    assert outlier_fence(sample(*map(float, range(1, 10)))) == 7 + 3 * (7 - 3)


def test_what_is_within_a_percent_of_the_median_is_no_outlier() -> None:
    assert outlier_fence(sample(*[1000.0] * 20)) == 1010.0
    assert slow_ones(a_run(latencies=[*[1000.0] * 20, 1009.0])) == []
    assert [slow.i for slow in slow_ones(a_run(latencies=[*[1000.0] * 20, 1011.0]))] == [20]


def test_outlier_without_readings_is_unknown() -> None:
    assert blamed(a_run(latencies=ONE_SLOW))[0] == "unknown"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"cpu_percent": 80.0}, "the host was 80 % busy"),
        ({"steal_percent": 30.0}, "the hypervisor took 30 % of the processors"),
        ({"waiting_percent": 60.0}, "processes waited for a processor 60 % of the time"),
    ],
)
def test_host_is_the_cause_only_if_busier_than_usual(changed: dict[str, float], words: str) -> None:
    around = {second: calm(second, **changed) for second in (11, 12)}
    cause, why = blamed(a_run(latencies=ONE_SLOW, hosts=around))
    assert cause == "host"
    assert why.startswith(words)
    always = {second: calm(second, **changed) for second in range(1, 30)}
    assert blamed(a_run(latencies=ONE_SLOW, hosts=always))[0] == "unknown"


def test_clocks_held_down_are_blamed_by_the_drivers_counters() -> None:
    ticks = {second: gpus(second, hw_thermal=[0, 700_000]) for second in (11, 12)}
    cause, why = blamed(a_run(latencies=ONE_SLOW, ticks=ticks))
    assert (cause, why) == ("throttle", "hw thermal for 70 % of its time, 0 % on the whole")


@pytest.mark.parametrize(
    ("clock", "busy", "cause", "why"),
    [
        (1000.0, 99.0, "throttle", "hw thermal for 70 % of its time, 0 % on the whole"),
        (
            1380.0,
            99.0,
            "unknown",
            "hw thermal for 70 % of its time, 0 % on the whole, but a clock 8 % lower does not explain +50 %",
        ),
        (1380.0, 60.0, "host", "GPU busy fell to 60 %, 95 % on average, so it waited"),
        (1380.0, 90.0, "unknown", "hw thermal for 70 %"),
    ],
)
def test_cause_explains_the_size_of_the_excess(clock: float, busy: float, cause: str, why: str) -> None:
    near = {"sm_clock": [clock], "busy": [busy]}
    ticks = {
        second: msgspec.structs.replace(gpus(second, reasons=(0,), hw_thermal=[700_000]), **near)
        for second in (11, 12)
    }
    state = a_run(latencies=ONE_SLOW, ticks=ticks)
    [slow] = slow_ones(state)
    usual = Usual(sm_clock={0: 1500.0}, busy={0: 95.0}, latency_ms=1000.0)
    found = find_cause(slow, slow.around[""], columns=[0], usual=usual, shared=False)
    assert found[0] == cause
    assert found[1].startswith(why)


def test_throttling_without_counters_is_found_in_samples() -> None:
    ticks = {second: gpus(second, reasons=(0, 0x4)) for second in (11, 12)}
    assert blamed(a_run(latencies=ONE_SLOW, ticks=ticks))[0] == "throttle"


def test_clocks_that_are_always_held_down_explain_nothing() -> None:
    ticks = {second: gpus(second, power_cap=[0, 1_000_000]) for second in range(1, 30)}
    state = a_run(latencies=ONE_SLOW, ticks=ticks)
    [slow] = slow_ones(state)
    usual = Usual(throttled={"power cap": (0.0, 1.0)})
    assert find_cause(slow, slow.around[""], columns=(0, 1), usual=usual, shared=False)[0] == "unknown"


def test_a_gpu_that_is_not_the_runs_explains_nothing() -> None:
    ticks = {second: gpus(second, hw_thermal=[0, 1_000_000]) for second in (11, 12)}
    assert blamed(a_run(latencies=ONE_SLOW, ticks=ticks), columns=(0,))[0] == "unknown"


def test_other_process_is_the_last_possible_cause() -> None:
    assert blamed(a_run(latencies=ONE_SLOW), shared=True)[0] == "process"
    busy = {second: calm(second, cpu_percent=90.0) for second in (11, 12)}
    assert blamed(a_run(latencies=ONE_SLOW, hosts=busy), shared=True)[0] == "host"


def test_readings_of_other_times_explain_nothing() -> None:
    busy = {second: calm(second, cpu_percent=90.0) for second in (3, 4, 18)}
    assert blamed(a_run(latencies=ONE_SLOW, hosts=busy))[0] == "unknown"


def test_cause_needs_readings_after_the_iteration() -> None:
    slowest = SlowestIterations()
    slowest.offer(0, 11 * S, 1500.0)
    [slow] = slowest.recent
    telemetry = TelemetryState()
    slowest.attach("", [calm(10)], telemetry)
    assert not slow.around
    telemetry.take_samples([gpus(10)], [])
    slowest.attach("", [calm(10), calm(11)], telemetry)
    assert not slow.around, "the GPUs have not been read yet"
    telemetry.take_samples([gpus(11)], [])
    slowest.attach("", [calm(10), calm(11)], telemetry)
    assert slow.around[""].load is not None


def test_the_slowest_of_many_are_kept() -> None:
    state = a_run(latencies=[10.0 + (i * 7919) % 1000 / 1000 for i in range(3 * KEPT)])
    slowest = state.configurations[0].slowest
    kept = [slow.latency_ms for slow in slowest.above(0.0)]
    assert len(kept) == KEPT
    assert min(kept) == slowest.least > 10.6


def test_outliers_are_counted_also_where_they_are_not_kept() -> None:
    values = [100 + 0.01 * (i % 7) + (20 + 0.01 * (i % 400) if i % 10 == 0 else 0) for i in range(5790)]
    values = [value + (i % 100 == 0) * 300 + i % 3 for i, value in enumerate(values)]
    fence = outlier_fence(sample(*values))
    assert fence is not None
    assert count_outliers(sample(*values)) == sum(value > fence for value in values)
    few = [100 + (i % 9) + (5 + i % 40) * 10 * (i % 25 == 0) for i in range(14_475)]
    assert count_outliers(sample(*few)) == 579 > KEPT


def test_a_second_level_is_a_mode_and_not_a_fifth_of_outliers() -> None:
    values = [100 + 0.1 * (i % 7) + 10 * (i % 5 == 0) for i in range(400)]
    modes = find_modes(sample(*values))
    assert modes is not None
    assert (round(modes.low.median), round(modes.high.median)) == (100, 110)
    assert round(modes.high.share, 3) == 0.2
    assert count_outliers(sample(*values)) == 0
    assert count_outliers(sample(*values, 160.0)) == 1


def test_an_outlier_of_a_real_run_on_an_h200() -> None:
    state = RunState()
    state.apply_all(ev.decode_lines((DATA / "h200-torch-1gpu" / "events.jsonl").read_bytes()))
    first, second = state.configurations
    [slow] = first.slowest.above(outlier_fence(first.latency))
    assert (slow.i, round(slow.latency_ms)) == (4, 1599)
    assert slow.around[""].load is not None
    assert slow.around[""].throttled == {}
    assert find_cause(slow, slow.around[""], columns=[0], usual=Usual(), shared=False)[0] == "unknown"
    [outlier] = find_outliers(state, 0)
    words = "GPU busy fell to 50 %, 65 % on average, so it waited"
    assert (outlier.cause, outlier.evidence) == ("host", words)
    assert second.slowest.above(outlier_fence(second.latency)) == []
