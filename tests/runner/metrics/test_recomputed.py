"""What benchmark.py prints of a run, recomputed from its iterations, to the last printed digit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner import events as ev
from runner import metrics
from runner.engines.benchmark_line import parse
from runner.state.run import RunState


def as_benchmark_py(latencies: list[float], generation: list[float], batch: int, output_len: int) -> str:
    """The printed line by upstream's formulas: sums, the sorted list's int(n x p), rounding on the way."""
    ordered = sorted(latencies)
    n = len(ordered)
    latency = round(sum(latencies) / n, 3)
    mean_generation = sum(generation) / n
    tokens = float((output_len - 1) * batch)
    values = {
        "batch_size": batch,
        "gpu_weights_percent": 1.0,
        "input_length": 8,
        "output_length": output_len,
        "tokens_per_sec": round(batch * output_len / (latency / 1000), 2),
        "percentile95(ms)": round(ordered[int(n * 0.95)], 3),
        "percentile99(ms)": round(ordered[int(n * 0.99)], 3),
        "latency(ms)": latency,
        "generation_time(ms)": round(mean_generation, 3),
        "total_generated_tokens": tokens,
        "generation_tokens_per_second": round(tokens * 1000 / mean_generation, 3),
    }
    return "[BENCHMARK] " + " ".join(f"{key} {value}" for key, value in values.items())


@given(
    st.lists(st.tuples(st.integers(100_000, 90_000_000), st.floats(0.5, 0.95)), min_size=1, max_size=130),
    st.sampled_from([1, 8, 16]),
    st.sampled_from([2, 20, 1024]),
)
@settings(max_examples=80)
def test_every_printed_number_is_found_again(
    iterations: list[tuple[int, float]], batch: int, output_len: int
) -> None:
    latencies = [microseconds / 1000 for microseconds, _ in iterations]
    generation = [latency * share for latency, (_, share) in zip(latencies, iterations, strict=True)]
    printed = parse(as_benchmark_py(latencies, generation, batch, output_len))
    assert printed is not None
    state = RunState()
    state.apply(
        ev.ConfigurationStarted(
            t=0, stage=0, index=0, batch_size=batch, input_len=8, output_len=output_len,
            num_runs=1, duration=0, warm_up=0,
        )
    )  # fmt: skip
    for i, (latency, generated) in enumerate(zip(latencies, generation, strict=True)):
        state.apply(
            ev.Iteration(
                t=i, stage=0, rank=0, config=0, i=i, phase="timed", latency_ms=latency,
                generation_ms=generated, steps=output_len - 1,
            )
        )  # fmt: skip
    state.apply(ev.Result(t=9, stage=0, values=printed))
    (configuration,) = state.configurations
    ours = {value.metric.upstream_key: value for value in metrics.values(configuration, 1)}
    for key in (
        "latency(ms)", "percentile95(ms)", "percentile99(ms)",
        "generation_time(ms)", "total_generated_tokens", "generation_tokens_per_second",
    ):  # fmt: skip
        value = ours[key].value
        assert value is not None
        # A sum in another order may differ in its last bit, and so may what lies half-way between two digits.
        assert value == pytest.approx(float(printed[key]), abs=0.00050001)
    rate, mean = ours["tokens_per_sec"].value, ours["latency(ms)"].value
    assert rate is not None
    assert mean is not None
    # benchmark.py divides by the latency that it has rounded to 0.001 ms.
    off = 0.0050001 + rate * 0.00050001 / mean
    assert rate == pytest.approx(float(printed["tokens_per_sec"]), abs=off)
    assert not [flag for flag in metrics.flags(configuration, 1) if "reported by the engine" in flag]


def test_a_rate_made_of_a_rounded_time_is_no_disagreement() -> None:
    """10 tokens in 1.3615 ms, which a program may have rounded to 1.361 before it divided."""
    state = RunState()
    state.apply(
        ev.ConfigurationStarted(
            t=0, stage=0, index=0, batch_size=2, input_len=8, output_len=6, num_runs=1, duration=0, warm_up=0
        )
    )
    state.apply(
        ev.Iteration(
            t=1,
            stage=0,
            rank=0,
            config=0,
            i=0,
            phase="timed",
            latency_ms=3.06,
            generation_ms=1.36149,
            steps=5,
        )
    )
    for rate, flags in ((10_000 / 1.361, 0), (10_000 / 1.358, 1)):
        printed = {"batch_size": "2", "input_length": "8", "output_length": "6"}
        printed["generation_tokens_per_second"] = f"{rate:.3f}"
        (configuration,) = state.configurations
        configuration.result = printed
        found = [flag for flag in metrics.flags(configuration, 1) if "reported by the engine" in flag]
        assert len(found) == flags
