"""trtllm-bench from requests to the table, on stand-ins of several versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner import events as ev
from runner import metrics
from runner.history.reports import load_report
from runner.report import text_table as table
from runner.report.model import ConfigurationReport
from tests.integration.trtllm import support as runs
from tests.integration.trtllm.support import row, stages
from tests.integration.trtllm_bench.support import profile, succeed
from tests.support.slow import first_of

VERSIONS = ["1.2.1", "0.16.0", "0.18.1", "0.19.0", "1.0.0"]


def assert_agrees(configuration: ConfigurationReport) -> None:
    """What is computed of the requests is what the tool reports, and no flag says otherwise."""
    found = row(configuration, "output_tokens_per_sec")
    assert found.value == pytest.approx(float(found.printed), rel=1e-3)
    assert not [flag for flag in configuration.flags if "reports" in flag]


@pytest.mark.parametrize("version", first_of(VERSIONS, 2))
def test_throughput_of_an_engine_that_is_built_for_the_requests(tmp_path: Path, version: str) -> None:
    run_dir, state = succeed(profile(tmp_path, version))
    assert stages(state) == dict.fromkeys(("dataset", "build", "benchmark"), "ok")
    (configuration,) = load_report(run_dir).configurations
    assert (configuration.batch_size, configuration.requests) == (0, 40)
    assert (configuration.input_len, configuration.output_len) == (16, 8)
    assert_agrees(configuration)
    assert row(configuration, "requests").value == 40
    assert row(configuration, "mean_output_tokens").value == 8
    assert bool(row(configuration, "engine_iteration_ms").value) == (version != "0.18.1")
    assert not {"latency_ms", "tokens_per_sec", "iterations"} & {row.metric for row in configuration.rows}
    # As its own commands: nothing between the supervisor and the tool, which spawns its ranks itself.
    assert "mpirun" not in (run_dir / "repro.sh").read_text()


@pytest.mark.parametrize("version", first_of(["1.2.1", "0.16.0"]))
def test_latency(tmp_path: Path, version: str) -> None:
    wanted = profile(tmp_path, version, benchmark={"command": "latency"}, dataset={"num_requests": 12})
    run_dir, _ = succeed(wanted)
    (configuration,) = load_report(run_dir).configurations
    assert configuration.concurrency == 1
    assert_agrees(configuration)
    assert row(configuration, "ttft_ms").value
    assert row(configuration, "inter_token_latency_ms").value
    if version == "1.2.1":
        assert row(configuration, "engine_iteration_ms").value


def test_pytorch_builds_nothing_and_shows_all_concurrencies(tmp_path: Path) -> None:
    benchmark = {"backend": "pytorch", "concurrency": [2, 8], "streaming": True, "warm_up": 2}
    run_dir, state = succeed(profile(tmp_path, "1.2.1", benchmark=benchmark))
    assert [stage.name for stage in state.stages] == ["dataset", "benchmark", "benchmark"]
    final = load_report(run_dir)
    assert [configuration.concurrency for configuration in final.configurations] == [2, 8]
    for configuration, concurrency in zip(final.configurations, (2, 8), strict=True):
        assert_agrees(configuration)
        for metric in ("ttft_p50_ms", "inter_token_latency_p50_ms", "request_latency_p50_ms"):
            assert row(configuration, metric).value
        assert row(configuration, "active_requests").value == pytest.approx(concurrency, rel=0.3)
        assert row(configuration, "kv_cache_peak_percent").value == pytest.approx(concurrency)
        assert row(configuration, "mean_concurrency").value == pytest.approx(concurrency, rel=0.3)
    text = table.render(final)
    assert "concurrency 2" in text
    assert "concurrency 8" in text
    assert "prefill" not in text


def test_a_second_run_reuses_requests_and_engine(tmp_path: Path) -> None:
    succeed(profile(tmp_path, "0.19.0"))
    _, state = succeed(profile(tmp_path, "0.19.0"))
    assert stages(state) == {"dataset": "skipped", "build": "skipped", "benchmark": "ok"}
    _, state = succeed(profile(tmp_path, "0.19.0", dataset={"output_len": 9}))
    assert stages(state)["build"] == "ok"


def test_the_iteration_log_is_read_and_no_token_streamed(tmp_path: Path) -> None:
    run_dir, state = succeed(profile(tmp_path, "1.2.1", benchmark={"backend": "pytorch", "concurrency": [4]}))
    # Without its folder the tool hangs for ever.
    assert "mkdir -p" in (run_dir / "repro.sh").read_text()
    seen = [event for event in runs.events(run_dir) if isinstance(event, ev.EngineIteration)]
    lines = (run_dir / "results" / "0" / "iterations.log").read_text().splitlines()
    assert len(seen) == len(lines) > 10
    configuration = state.configuration
    assert configuration is not None
    assert configuration.serving is not None
    assert configuration.serving.engine.latency.n == len(seen)
    assert configuration.serving.phase == "reporting"
    assert configuration.timing_began is not None
    phases = [event.phase for event in runs.events(run_dir) if isinstance(event, ev.Serving)]
    assert list(dict.fromkeys(phases)) == ["loading", "warmup", "timed", "reporting"]
    (reported,) = load_report(run_dir).configurations
    assert row(reported, "ttft_ms").value is None
    assert row(reported, "ttft_ms").note == "tokens were not streamed"


def test_a_version_without_iteration_log_reports_phases(tmp_path: Path) -> None:
    run_dir, _ = succeed(profile(tmp_path, "0.18.1"))
    found = runs.events(run_dir)
    assert not [event for event in found if isinstance(event, ev.EngineIteration)]
    assert [event.phase for event in found if isinstance(event, ev.Serving)][-1] == "reporting"


def test_requests_of_the_user(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(
        '{"task_id": 0, "prompt": "one two three", "output_tokens": 4}\n'
        '{"task_id": 1, "input_ids": [5, 6], "output_tokens": 6}\n'
    )
    wanted = profile(
        tmp_path, "1.2.1", dataset={"file": str(file)}, benchmark={"backend": "pytorch", "answers": True}
    )
    run_dir, state = succeed(wanted)
    assert stages(state) == {"dataset": "skipped", "benchmark": "ok"}
    final = load_report(run_dir)
    assert row(final.configurations[0], "mean_output_tokens").value == 5
    assert [said.answer for said in final.answers] == ["nine", "nine"]
    assert "measured, asked:  request 0\n        answered: nine" in table.render(final)


def test_several_gpus_are_spawned_by_the_tool(tmp_path: Path) -> None:
    run_dir, state = succeed(profile(tmp_path, "0.19.0", parallel={"tp": 2}))
    (configuration,) = load_report(run_dir).configurations
    total = row(configuration, "output_tokens_per_sec").value
    assert total is not None
    assert row(configuration, "output_tokens_per_sec_per_gpu").value == pytest.approx(total / 2)
    assert state.world == 2


def test_sentences_beside_numbers_of_different_engines() -> None:
    assert metrics.caveats({"trtllm-bench"}) == []
    said = " ".join(metrics.caveats({"trtllm-bench", "trtllm", "torch"}))
    assert "benchmark.py and the torch engine runs one" in said or "torch" in said
    assert "not the same quantity" in said
