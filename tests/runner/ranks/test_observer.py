"""The observer on real runs of the stand-in benchmark.py: what it reports is what upstream prints."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.engines.benchmark_line import parse_result
from runner.engines.output import OutputReader
from runner.events.journal import LineReader
from runner.state.run import RunState
from runner.supervision.collector import Collector
from tests import standins
from tests.runner.ranks.observed import SHORT, SMALL, Observed, fold, run, without_numbers
from tests.runner.ranks.support import needs_mpi


def assert_is_what_was_printed(observed: Observed, config: int, printed: dict[str, str]) -> None:
    """The records' mean, percentiles, generation time and steps equal the printed ones to the last digit."""
    latencies = observed.latencies(config)
    ordered = sorted(latencies)
    n = len(ordered)
    assert printed["latency(ms)"] == str(round(sum(latencies) / n, 3))
    assert printed["percentile95(ms)"] == str(round(ordered[int(n * 0.95)], 3))
    assert printed["percentile99(ms)"] == str(round(ordered[int(n * 0.99)], 3))
    timed = observed.of_kind("iteration", phase="timed", config=config)
    assert printed["generation_time(ms)"] == str(round(sum(r["generation_ms"] for r in timed) / n, 3))
    steps = {record["steps"] for record in timed}
    assert steps == {int(printed["output_length"]) - 1}
    assert float(printed["total_generated_tokens"]) == steps.pop() * int(printed["batch_size"])


@needs_mpi
@pytest.mark.mpi
@pytest.mark.parametrize("ranks", [1, 2])
def test_iterations_are_what_upstream_averages(tmp_path: Path, ranks: int) -> None:
    words = ("--batch_size", "2;4", "--input_output_len", "8,6;16,9", "--warm_up", "3", *SHORT)
    observed = run(tmp_path, words, ranks=ranks)
    assert observed.process.returncode == 0, observed.process.stderr
    assert len(observed.results) == 4
    for config, printed in enumerate(observed.results):
        assert_is_what_was_printed(observed, config, printed)
        assert printed["world_size"] == str(ranks)
    assert sorted(observed.ranks) == list(range(ranks))
    for rank, records in observed.ranks.items():
        first, last = records[0], records[-1]
        assert (first["kind"], first["world"], first["device"]) == ("hello", ranks, f"cuda:{rank}")
        assert "" not in first["versions"].values()
        assert (last["kind"], last["count"]) == ("bye", len(records) - 1)
        assert len(observed.of_kind("configuration", rank)) == (4 if rank == 0 else 0)
        for config in range(4):
            warm_ups = observed.of_kind("iteration", rank, phase="warmup", config=config)
            assert [record["i"] for record in warm_ups] == [0, 1, 2]
            assert all(record["latency_ms"] > 0 and "steps" not in record for record in warm_ups)
            timed = observed.of_kind("iteration", rank, phase="timed", config=config)
            assert [record["i"] for record in timed] == list(range(5))


def test_a_configuration_says_what_was_asked_for(tmp_path: Path) -> None:
    standins.make_engine(tmp_path / "engine", weight_streaming=True)
    observed = run(tmp_path, (*SMALL, "--gpu_weights_percent", "0.5", "--duration", "1"), ranks=0)
    (configuration,) = observed.of_kind("configuration")
    del configuration["t"]
    assert configuration == {
        "kind": "configuration",
        "rank": 0,
        "index": 0,
        "batch_size": 2,
        "input_len": 8,
        "output_len": 6,
        "num_runs": 5,
        "duration": 1.0,
        "warm_up": 2,
        "gpu_weights_percent": 0.5,
        "num_beams": 1,
    }
    assert len(observed.latencies()) > 5
    assert_is_what_was_printed(observed, 0, observed.results[0])


def test_the_memory_monitor_is_not_observed(tmp_path: Path) -> None:
    observed = run(tmp_path, (*SMALL, "--batch_size", "2;4"))
    banners = observed.process.stdout.count("TensorRT-LLM version")
    assert banners == 3, "one of the rank, one of each configuration's child"
    assert len(observed.of_kind("hello")) == len(observed.of_kind("bye")) == 1
    assert observed.results[0]["gpu_peak_mem(gb)"] == "5.0"


def test_profiling_loop_is_distinguished(tmp_path: Path) -> None:
    observed = run(tmp_path, (*SMALL, "--batch_size", "2;4", "--dump_profile"))
    for config in (0, 1):
        profiled = observed.of_kind("iteration", phase="profile", config=config)
        assert [record["i"] for record in profiled] == list(range(5))
        assert len(observed.of_kind("iteration", phase="warmup", config=config)) == 2
        assert_is_what_was_printed(observed, config, observed.results[config])
    state = fold(observed, tmp_path)
    assert [configuration.latency.n for configuration in state.configurations] == [5, 5]
    assert [len(configuration.warmup) for configuration in state.configurations] == [2, 2]
    assert all(configuration.done for configuration in state.configurations)
    assert state.ranks[0].complete


@pytest.mark.parametrize(("model", "output_len"), [("enc", 0), ("enc-dec", 6)])
def test_models_without_a_profiler(tmp_path: Path, model: str, output_len: int) -> None:
    for part in ("", "encoder", "decoder"):
        standins.make_engine(tmp_path / "engine" / part)
    observed = run(tmp_path, ("--model", model, "--input_len", "32", *SMALL))
    (printed,) = observed.results
    latencies = observed.latencies()
    assert printed["latency(ms)"] == str(round(sum(latencies) / 5, 3))
    assert "generation_time(ms)" not in printed
    timed = observed.of_kind("iteration", phase="timed")
    assert all("generation_ms" not in record and "steps" not in record for record in timed)
    assert [record["output_len"] for record in observed.of_kind("configuration")] == [output_len]
    assert fold(observed, tmp_path).configurations[0].result == printed


def test_csv(tmp_path: Path) -> None:
    observed = run(tmp_path, (*SMALL, "--batch_size", "2;4", "--csv"))
    assert len(observed.results) == 2
    for config, printed in enumerate(observed.results):
        assert_is_what_was_printed(observed, config, printed)
    (file,) = tmp_path.glob("*.csv")
    assert file.name == "engine_float16_tp1__fp8linear0_sm86.csv"


def test_a_model_that_stops_early(tmp_path: Path) -> None:
    observed = run(tmp_path, SMALL, env={"TRTLLM_STANDIN_STOP_AFTER": "4"})
    assert {record["steps"] for record in observed.of_kind("iteration", phase="timed")} == {3}
    assert observed.results[0]["total_generated_tokens"] == "6.0"


def test_one_token_and_no_warm_up(tmp_path: Path) -> None:
    words = ("--batch_size", "2", "--input_output_len", "8,1", "--warm_up", "0", *SHORT)
    observed = run(tmp_path, words)
    assert [record["phase"] for record in observed.of_kind("iteration")] == ["timed"] * 5
    assert {record["steps"] for record in observed.of_kind("iteration")} == {0}


def test_skipped_configurations_are_not_counted(tmp_path: Path) -> None:
    words = ("--batch_size", "2;4;8;32", "--input_output_len", "8,6;2000,9", *SHORT)
    observed = run(tmp_path, words, env={"TRTLLM_STANDIN_PREPARE_OOM": "4"})
    assert [record["index"] for record in observed.of_kind("configuration")] == [0]
    assert observed.process.stdout.count("caught while allocating memory; skipping (") == 2
    assert "check batch_size(32) <= max_batch_size(16) failed, skipping." in observed.process.stdout
    assert observed.process.returncode == 0


def test_nothing_measured_is_reported(tmp_path: Path) -> None:
    observed = run(tmp_path, ("--batch_size", "32", *SHORT))
    (notice,) = observed.of_kind("notice")
    assert notice["text"] == "no configuration was measured, or none could be observed"
    assert observed.ranks[0][-1]["kind"] == "bye"


def test_output_is_that_of_a_plain_run(tmp_path: Path) -> None:
    words = (*SMALL, "--batch_size", "2;4", "--dump_profile", "--dump_layer_info")
    plain = run(tmp_path, words, observed=False).process
    observed = run(tmp_path, words).process
    assert without_numbers(observed.stdout) == without_numbers(plain.stdout)
    assert observed.stderr == plain.stderr
    assert "[BENCHMARK]" in plain.stdout


def test_records_on_stdout_where_the_folder_cannot_be_reached(tmp_path: Path) -> None:
    plain = run(tmp_path, SMALL, observed=False).process
    # Block-buffered, as in a pipe: half lines must not end up around records.
    observed = run(tmp_path, SMALL, env={"TRTBENCH_RECORDS": "/nowhere", "PYTHONUNBUFFERED": ""}).process
    lines = observed.stdout.split("\n")
    records = [line for line in lines if line.startswith("\x1e")]
    assert all(len(line.encode()) < 1000 for line in records)
    rest = "\n".join(line for line in lines if not line.startswith("\x1e"))
    assert "\x1e" not in rest
    assert without_numbers(rest) == without_numbers(plain.stdout)
    log = tmp_path / "0-benchmark.log"
    log.write_text(observed.stdout)
    state = RunState()
    state.apply_all(Collector(0, tmp_path / "none", LineReader(log), OutputReader(parse_result)).finish(0))
    assert state.ranks[0].complete
    assert state.configurations[0].latency.n == 5


def test_without_a_folder_nothing_is_recorded(tmp_path: Path) -> None:
    observed = run(tmp_path, SMALL, env={"TRTBENCH_RECORDS": ""})
    assert observed.results
    assert observed.ranks == {}
    assert "\x1e" not in observed.process.stdout


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs /proc")
def test_what_upstream_sees_of_itself(tmp_path: Path) -> None:
    script = tmp_path / "folder with spaces" / "benchmark.py"
    script.parent.mkdir()
    script.write_text(
        "import sys, __main__\n"
        "print(__name__, __file__, sys.argv[0], sys.argv[3:], sys.path[0], __main__.__file__, __spec__)\n"
        "print(sorted(name for name in globals() if not name.startswith('__')))\n"
    )
    plain = run(tmp_path, ("--a", "b"), observed=False, script=script).process
    observed = run(tmp_path, ("--a", "b"), script=script).process
    assert observed.stdout == plain.stdout
    assert str(script) in plain.stdout
