"""The whole product on the stand-ins: convert, build, smoke, benchmark, and the right table."""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path

import pytest

from runner import events as ev
from runner.archive.import_results import import_files
from runner.engines.benchmark_line import results_in
from runner.engines.registry import make_plan
from runner.engines.run_answers import answers_in
from runner.report.model import Report
from runner.run import layout
from tests import standins
from tests.integration.trtllm import support
from tests.integration.trtllm.support import only_benchmark, profile, stages, succeed
from tests.runner.ranks.support import needs_mpi
from tests.support.slow import first_of

pytestmark = [needs_mpi, pytest.mark.mpi]


@pytest.mark.parametrize("ranks", first_of([2, 1]))
def test_from_a_model_to_the_table(tmp_path: Path, ranks: int) -> None:
    oversubscribe = ["--oversubscribe"] if ranks > 1 else []  # a machine may have one core
    wanted = profile(tmp_path, parallel={"tp": ranks}, launch={"mpirun": {"args": oversubscribe}})

    run_dir, state = succeed(wanted)

    assert stages(state) == dict.fromkeys(("convert", "build", "smoke", "benchmark"), "ok")
    assert [stage.ranks for stage in state.stages] == [1, 1, ranks, ranks]
    (answer,) = answers_in((run_dir / "2-smoke.log").read_text())
    assert answer.prompt == "How do I count to nine in French?"
    assert answer.output.startswith("Un, deux, trois")

    assert all(rank.complete for rank in state.ranks.values())
    assert sorted(state.ranks) == list(range(ranks))
    for rank in range(ranks):
        seen = [event for event in support.events(run_dir) if isinstance(event, ev.Iteration)]
        phases = [event.phase for event in seen if event.rank == rank]
        assert phases == ["warmup"] * 2 + ["timed"] * 5

    (configuration,) = support.final(run_dir).configurations
    assert (configuration.batch_size, configuration.input_len, configuration.output_len) == (2, 8, 6)
    support.assert_table_is_what_was_printed(configuration)
    assert support.row(configuration, "total_generated_tokens").value == 2 * 5
    assert support.row(configuration, "latency_ms").n == 5
    (result,) = [event.values for event in support.events(run_dir) if isinstance(event, ev.Result)]
    assert result["world_size"] == str(ranks)
    said = [event for event in support.events(run_dir) if isinstance(event, ev.GpuMemory)]
    assert [(event.stage, event.parts.execution) for event in said] == [(2, 123_459_338), (3, 123_459_338)]
    assert not any("asked for" in flag for flag in support.final(run_dir).flags)


def test_an_engine_is_measured_imported_and_repeated_by_hand(tmp_path: Path) -> None:
    """Two configurations, without a model; the log of the run and its commands give the same again."""
    wanted = only_benchmark(tmp_path, model={"dir": None}, benchmark={"batch_size": [2, 4], "num_runs": 3})
    run_dir, state = succeed(wanted)
    assert {name for name, status in stages(state).items() if status == "ok"} == {"benchmark"}
    report = support.final(run_dir)
    assert [configuration.batch_size for configuration in report.configurations] == [2, 4]
    for configuration in report.configurations:
        support.assert_table_is_what_was_printed(configuration)
        assert support.row(configuration, "latency_ms").n == 3
    assert state.results == 2

    ((imported, _),) = import_files([next(run_dir.glob("*-benchmark.log"))])
    assert printed_by(support.final(imported)) == printed_by(report)

    again = subprocess.run(
        [str(run_dir / "repro.sh")], cwd="/", capture_output=True, text=True, timeout=120, check=True
    )
    assert [values["batch_size"] for values in results_in(again.stdout)] == ["2", "4"]


def printed_by(report: Report) -> list[dict[str, str]]:
    """Metric -> number as printed, of each configuration."""
    return [
        {row.metric: row.printed for row in configuration.rows} for configuration in report.configurations
    ]


def test_csv_gives_the_same_table(tmp_path: Path) -> None:
    run_dir, _ = succeed(only_benchmark(tmp_path, benchmark={"batch_size": [2, 4], "csv": True}))
    configurations = support.final(run_dir).configurations
    assert [configuration.batch_size for configuration in configurations] == [2, 4]
    for configuration in configurations:
        support.assert_table_is_what_was_printed(configuration)
    # Upstream's own file is in its working directory, the run directory.
    (file,) = run_dir.glob("*.csv")
    assert [row["batch_size"] for row in csv.DictReader(file.open())] == ["2", "4"]


def test_an_encoder_has_latency_and_no_tokens(tmp_path: Path) -> None:
    wanted = only_benchmark(tmp_path, benchmark={"mode": "enc", "input_len": [8, 16]})
    run_dir, _ = succeed(wanted)
    configurations = support.final(run_dir).configurations
    assert [configuration.input_len for configuration in configurations] == [8, 16]
    for configuration in configurations:
        support.assert_table_is_what_was_printed(configuration)
        assert support.row(configuration, "tokens_per_sec").note == "an encoder generates no tokens"


@pytest.mark.slow
def test_an_encoder_decoder_is_measured_without_a_profiler(tmp_path: Path) -> None:
    folder = tmp_path / "both"
    for part in (folder / "encoder", folder / "decoder"):
        standins.make_engine(part)
    given = {"engine_dir": str(folder)}
    wanted = only_benchmark(tmp_path, benchmark={"mode": "enc-dec"}, paths=given)
    run_dir, _ = succeed(wanted)
    (configuration,) = support.final(run_dir).configurations
    support.assert_table_is_what_was_printed(configuration)
    assert support.row(configuration, "tokens_per_sec").value
    assert support.row(configuration, "generation_time_ms").value is None


def test_an_encoder_decoder_from_its_model_to_its_table(tmp_path: Path) -> None:
    wanted = support.profile(
        tmp_path,
        model={"family": "t5", "dtype": "auto"},
        build={"max_encoder_input_len": 64},
        benchmark={"mode": "enc-dec"},
    )
    run_dir, state = succeed(wanted)
    assert [stage.name for stage in state.stages] == ["convert", "build", "build", "smoke", "benchmark"]
    builds = [stage.argv for stage in layout.load_plan(run_dir).stages if stage.name == "build"]
    outputs = [argv[argv.index("--output_dir") + 1] for argv in builds]
    assert [Path(output).name for output in outputs] == ["encoder", "decoder"]
    assert not [event for event in support.events(run_dir) if isinstance(event, ev.Notice)], "as asked"
    (configuration,) = support.final(run_dir).configurations
    support.assert_table_is_what_was_printed(configuration)
    assert support.row(configuration, "tokens_per_sec").value
    assert support.row(configuration, "generation_time_ms").value is None, "it is measured without a profiler"
    # Both parts are in the cache.
    again = make_plan(wanted)
    assert [bool(stage.skip) for stage in again.stages] == [True, True, True, False, False]


def test_the_profiling_loop_enters_no_number(tmp_path: Path) -> None:
    run_dir, _ = succeed(only_benchmark(tmp_path, benchmark={"dump_profile": True}))
    phases = [event.phase for event in support.events(run_dir) if isinstance(event, ev.Iteration)]
    assert phases == ["warmup"] * 2 + ["timed"] * 5 + ["profile"] * 5
    (configuration,) = support.final(run_dir).configurations
    support.assert_table_is_what_was_printed(configuration)


# --- what is measured less than asked for -----------------------------------------------------------------


def test_a_model_that_stops_early_is_flagged(tmp_path: Path) -> None:
    wanted = only_benchmark(tmp_path, launch={"env": {"TRTLLM_STANDIN_STOP_AFTER": "4"}})
    run_dir, _ = succeed(wanted)
    (configuration,) = support.final(run_dir).configurations
    support.assert_table_is_what_was_printed(configuration)
    (flag,) = [flag for flag in configuration.flags if "stopped early" in flag]
    assert flag.startswith("stopped early: 3 decode steps instead of 5")


def test_what_upstream_skips_is_said(tmp_path: Path) -> None:
    """A batch without memory, and a shape that a plan would refuse: an abbreviated option goes past it."""
    wanted = only_benchmark(
        tmp_path,
        benchmark={"batch_size": [2, 4], "extra_args": ["--input_output_l=8,6;2000,6"]},
        launch={"env": {"TRTLLM_STANDIN_PREPARE_OOM": "4"}},
    )
    run_dir, state = succeed(wanted)
    said = (
        "the benchmark skipped configuration (4, 8, 6, 1.0): not enough GPU memory for it: CUDA out of memory"
    )
    assert said in support.notices(state)
    beyond = [text for text in support.notices(state) if "inlen(2000) <= max_inlen(1024)" in text]
    assert beyond
    assert all("skipped" in text for text in beyond)
    report = support.final(run_dir)
    assert [configuration.batch_size for configuration in report.configurations] == [2]
    assert {said, "only 1 of 2 configurations were measured to the end"} <= set(report.flags)


# --- scripts and engines as they are found ----------------------------------------------------------------


def test_stages_can_be_run_alone(tmp_path: Path) -> None:
    _, state = succeed(profile(tmp_path, stages=["convert", "build"]))
    assert stages(state) == {"convert": "ok", "build": "ok", "smoke": "skipped", "benchmark": "skipped"}
    assert {stage.note for stage in state.stages[2:]} == {"not asked for"}

    run_dir, state = succeed(profile(tmp_path, stages=["benchmark"]))
    assert stages(state)["benchmark"] == "ok"
    assert support.final(run_dir).configurations


def test_an_unknown_script_is_read_by_what_it_prints(tmp_path: Path) -> None:
    """Its `main()` names things differently: the table has its printed result, and a notice says why."""
    checkout = tmp_path / "checkout"
    folder = checkout / "benchmarks" / "python"
    folder.mkdir(parents=True)
    for module in standins.BENCHMARK.parent.glob("*.py"):
        source = module.read_text()
        if module == standins.BENCHMARK:
            source = source.replace("iter_idx", "iteration")
        (folder / module.name).write_text(source)
    run_dir, state = succeed(only_benchmark(tmp_path, paths={"tensorrt_llm": str(checkout)}))

    (notice,) = [text for text in support.notices(state) if "cannot be observed" in text]
    assert notice == (
        "iterations of benchmark.py cannot be observed (its main() has no iter_idx);"
        " only the printed result is shown"
    )
    (configuration,) = support.final(run_dir).configurations
    latency = support.row(configuration, "latency_ms")
    assert latency.value == float(latency.printed)
    assert latency.note == "as printed: no iterations were observed"
