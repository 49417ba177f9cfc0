"""Real runs that were recorded: their logs must say today what they said then."""

from __future__ import annotations

import pytest

from runner.report.build import build_report
from runner.report.files import read_state
from runner.report.model import MetricCell, Report
from runner.run import layout
from tests.support.paths import DATA

H200 = DATA / "h200-torch-1gpu"
TWO = DATA / "h200-torch-2gpu"


def test_a_run_on_an_h200_reads_as_it_was_printed() -> None:
    """The engine's own printed numbers and ours, recomputed from the iterations, agree in every row."""
    final = build_report(layout.load_plan(H200), read_state(H200))

    assert final.status == "finished"
    assert [configuration.batch_size for configuration in final.configurations] == [1, 16]
    printed = {
        "latency_ms": ["1201.072", "1220.307"],
        "percentile95_ms": ["1599.187", "1324.316"],
        "tokens_per_sec": ["106.57", "1678.27"],
        "generation_tokens_per_second": ["106.742", "1738.054"],
        "total_generated_tokens": ["127.0", "2032.0"],
        "gpu_peak_mem_gb": ["16.143", "16.883"],
    }
    for name, expected in printed.items():
        rows = rows_of(final, name)
        assert [row.printed for row in rows] == expected
        assert [f"{row.value:.{len(row.printed.partition('.')[2])}f}" for row in rows] == expected
    assert not any("reported by the engine" in flag for c in final.configurations for flag in c.flags)


def test_its_gpu_readings_tell_the_same_story() -> None:
    """Energy from the counter is power x time, and the sampled peak is what the program itself allocated."""
    final = build_report(layout.load_plan(H200), read_state(H200))

    for index, configuration in enumerate(final.configurations):
        value = {row.metric: row.value or 0.0 for row in configuration.rows}
        seconds = value["iterations"] * value["latency_ms"] / 1000
        energy = rows_of(final, "gpu_energy_j")[index].value
        power = rows_of(final, "gpu_power_mean_w")[index].value
        assert energy == pytest.approx(power * seconds, rel=0.05)  # type: ignore[operator]
        sampled = rows_of(final, "gpu_memory_sampled_gib")[index].value
        assert sampled == pytest.approx(value["gpu_peak_mem_gb"] * 1e9 / 2**30, rel=0.1)


def test_a_run_on_two_gpus_is_that_of_two_ranks() -> None:
    """Every rank said all it had to say, each computed on a GPU of its own, and both worked in step."""
    state = read_state(TWO)
    final = build_report(layout.load_plan(TWO), state)

    assert (final.status, final.ranks) == ("finished", 2)
    assert all(rank.complete for rank in state.ranks.values())
    assert len(set(state.telemetry.mapping.gpus if state.telemetry.mapping else ())) == 2
    assert {rank.hello.device for rank in state.ranks.values() if rank.hello} == {"cuda:0", "cuda:1"}
    assert not any("reported by the engine" in flag for c in final.configurations for flag in c.flags)
    means = [rank.timed.mean for rank in state.ranks.values()]
    assert max(means) == pytest.approx(min(means), rel=0.001)


def test_the_model_of_memory_traffic_is_near_what_was_measured() -> None:
    """A rank of two reads half of the weights a step; short prompts, so nearly all time is decoding."""
    final = build_report(layout.load_plan(TWO), read_state(TWO))
    measured, modelled = (rows_of(final, f"gpu_dram_{name}_percent") for name in ("active", "modelled"))
    assert modelled[0].value == pytest.approx(measured[0].value, rel=0.1)
    # Of 64 sequences activations and logits move, too, which the model leaves out.
    assert 0.7 < (modelled[1].value or 0) / (measured[1].value or 1) < 1


def rows_of(final: Report, metric: str) -> list[MetricCell]:
    return [
        row for configuration in final.configurations for row in configuration.rows if row.metric == metric
    ]
