"""Rows of the final table that know how well they are known, and the flags of an unsteady run."""

from __future__ import annotations

import random

import pytest

from runner import events as ev
from runner import metrics
from runner.metrics.compute import estimates
from runner.report import result_table
from runner.report.model import MetricCell
from runner.state.configuration import ConfigurationState
from runner.state.run import RunState
from runner.stats.intervals import mean_of
from tests.support.simulated import latencies

STEPS = 15


def measured(values: list[float], *, generation: float | None = 0.8) -> ConfigurationState:
    """A configuration of batch 4, 64 in, 16 out; prefill takes 20 ms more or less of every iteration."""
    state = RunState()
    state.apply(
        ev.ConfigurationStarted(
            t=0, stage=0, index=0, batch_size=4, input_len=64, output_len=16, num_runs=len(values),
            duration=0, warm_up=2,
        )
    )  # fmt: skip
    for i, value in enumerate(values):
        state.apply(
            ev.Iteration(
                t=i, stage=0, rank=0, config=0, i=i, phase="timed", latency_ms=value,
                generation_ms=None if generation is None else value - 100 * (1 - generation), steps=STEPS,
            )
        )  # fmt: skip
    return state.configurations[0]


def rows(configuration: ConfigurationState) -> dict[str, metrics.MetricValue]:
    return {value.metric.name: value for value in metrics.values(configuration, 2)}


def test_every_interval_holds_its_value() -> None:
    found = rows(measured(latencies(100, random.Random(1))))
    with_interval = [value for value in found.values() if value.low is not None or value.high is not None]
    assert {value.metric.name for value in with_interval} == {
        "latency_ms", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms",
        "percentile95_ms", "percentile99_ms",
        "tokens_per_sec", "tokens_per_sec_per_rank", "tokens_per_sec_per_user",
        "generation_tokens_per_second",
        "generation_time_ms", "prefill_time_ms", "time_per_output_token_ms", "latency_drift_percent",
    }  # fmt: skip
    for value in with_interval:
        assert value.value is not None
        assert value.low is not None
        assert value.low <= value.value
        assert value.high is None or value.value <= value.high


def test_rates_are_known_as_well_as_the_time_they_are_made_of() -> None:
    values = latencies(50, random.Random(2))
    found, between = rows(measured(values)), mean_of(values).interval()
    assert (found["latency_ms"].low, found["latency_ms"].high) == (between.low, between.high)
    assert found["tokens_per_sec"].low == pytest.approx(4 * 16 * 1000 / between.high)
    assert found["tokens_per_sec_per_rank"].high == pytest.approx(4 * 16 * 1000 / between.low / 2)


def test_common_variation_cancels_in_prefill_time() -> None:
    prefill = rows(measured(latencies(50, random.Random(3), spread=0.05)))["prefill_time_ms"]
    assert prefill.value == pytest.approx(20)
    assert prefill.low == pytest.approx(20)
    assert prefill.high == pytest.approx(20)


def test_three_iterations_have_numbers_without_intervals() -> None:
    found = rows(measured([10.0, 11.0, 12.0]))
    assert found["latency_ms"].value == 11.0
    assert {name for name, value in found.items() if value.high is not None} == set()
    assert (found["latency_ms"].low, found["latency_ms"].high) == (None, None)
    assert found["latency_drift_percent"].value is None
    assert found["latency_drift_percent"].note == "needs 8 iterations"
    assert estimates(measured([]), 1) == {}


def test_p99_of_ten_says_that_it_is_nearly_the_maximum() -> None:
    found = rows(measured([float(i) for i in range(90, 100)]))
    p99 = found["latency_p99_ms"]
    assert p99.note == "unreliable below 100 iterations: nearly the maximum"
    assert p99.high is None
    assert found["percentile99_ms"].note == "is the maximum"


def test_iterations_that_took_no_time_have_no_rates() -> None:
    found = rows(measured([0.0] * 10, generation=1.0))
    assert found["latency_ms"].value == 0
    for name in ("tokens_per_sec", "latency_cv_percent", "time_per_output_token_ms"):
        assert (found[name].value, found[name].note) == (None, "no time was measured")
    assert all("say" in flag for flag in metrics.flags(measured([0.0] * 10, generation=1.0), 1))


@pytest.mark.parametrize("n", [1, 2, 3, 5, 20])
def test_an_interval_holds_its_value_however_few_there_are(n: int) -> None:
    for value in rows(measured([100.0 + i for i in range(n)])).values():
        if value.value is not None:
            assert value.low is None or value.low <= value.value
            assert value.high is None or value.value <= value.high


def test_coefficient_of_variation() -> None:
    assert rows(measured([99.0, 100.0, 101.0]))["latency_cv_percent"].value == pytest.approx(1.0)
    assert rows(measured([99.0]))["latency_cv_percent"].note == "needs 2 iterations"


def test_drift_and_warm_up_are_rows_and_flags() -> None:
    drifting = measured(latencies(60, random.Random(4), drift=0.05))
    assert rows(drifting)["latency_drift_percent"].value == pytest.approx(5, abs=1)
    assert any("the latency drifts by +" in flag for flag in metrics.flags(drifting, 2))
    warming = measured(latencies(60, random.Random(4), warm_up=0.3))
    effect = rows(warming)["warm_up_effect_percent"]
    assert effect.value is not None
    assert effect.value < -1
    assert effect.note.startswith("the first ")
    assert any("without them the mean would move by -" in flag for flag in metrics.flags(warming, 2))
    steady = measured(latencies(200, random.Random(4)))
    assert metrics.flags(steady, 2) == []


@pytest.mark.parametrize(
    ("steal", "waiting", "said"),
    [
        (0.0, 19.0, ""),
        (0.0, None, ""),
        (0.0, 45.0, "a process of this machine waited for a CPU 45 % of the time"),
        (6.0, 45.0, "the hypervisor gave 6 % of the processors to others"),
    ],
)
def test_a_machine_that_was_short_of_processors_is_flagged(
    steal: float, waiting: float | None, said: str
) -> None:
    configuration = measured(latencies(200, random.Random(4)))
    for second in range(3):
        configuration.slowest.load_of("").add(
            ev.Host(t=second, cpu_percent=90, memory_used=1, memory_total=2, load=2.0,
                 steal_percent=steal, waiting_percent=waiting)
        )  # fmt: skip
    flags = metrics.flags(configuration, 2)
    assert len(flags) == bool(said)
    assert all(said in flag for flag in flags)


def test_every_metric_explains_itself() -> None:
    for metric in metrics.BY_NAME.values():
        for said in (metric.formula, metric.source, metric.count, metric.conditions):
            assert said, metric.name


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        (MetricCell(metric="latency_ms", unit="ms", n=9, value=100.0, low=99.0, high=101.0), "±1 %"),
        (MetricCell(metric="latency_ms", unit="ms", n=9, value=100.0, low=99.69, high=100.31), "±0.31 %"),
        (MetricCell(metric="latency_p95_ms", unit="ms", n=99, value=100.0, low=96.0, high=112.0), "-4/+12 %"),
        (MetricCell(metric="latency_p95_ms", unit="ms", n=9, value=100.0, low=96.0), "-4/+? %"),
        (
            MetricCell(metric="latency_p95_ms", unit="ms", n=9, value=1e3, low=999.905, high=1000.03),
            "±0.0095 %",
        ),
        (MetricCell(metric="latency_p95_ms", unit="ms", n=9, value=1e7, low=1e7 - 9, high=1e7), "±<0.001 %"),
        (
            MetricCell(metric="latency_p95_ms", unit="ms", n=9, value=1e3, low=999.9, high=3e9),
            "-<0.1/+>999 %",
        ),
        (MetricCell(metric="latency_drift_percent", unit="%", n=9, value=-2.0, low=-3.5, high=-0.5), "±1.5"),
        (MetricCell(metric="latency_ms", unit="ms", n=3, value=100.0, low=9.0, high=9e5), "-91/+>999 %"),
        (MetricCell(metric="latency_ms", unit="ms", n=3, value=100.0), ""),
        (MetricCell(metric="prefill_time_ms", unit="ms", n=9, value=-1.0, low=-2.0, high=0.0), ""),
    ],
)
def test_the_margin_of_a_number(row: MetricCell, shown: str) -> None:
    assert result_table.format_margin(row) == shown
