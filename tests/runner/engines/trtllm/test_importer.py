"""Importing results of benchmark.py: the table shows printed and derived values only."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from runner import metrics
from runner.archive.import_results import ORIGINALS, import_files
from runner.cli.main import main
from runner.history import run_list as listing
from runner.history.reader import read_entries
from runner.history.reports import load_report
from runner.report.build import build_report
from runner.report.files import read_state
from runner.report.model import ConfigurationReport, Report
from runner.report.text_table import render
from runner.run import layout
from runner.util.errors import UserError
from tests.support.paths import DATA

WORKFLOW = DATA / "workflow-result.txt"
LINE = " ".join(WORKFLOW.read_text().split())


def import_file(path: Path) -> Path:
    ((run_dir, _),) = import_files([path])
    return run_dir


def table(configuration: ConfigurationReport) -> dict[str, float | None]:
    return {row.metric: row.value for row in configuration.rows}


def imported(path: Path, text: str) -> Report:
    path.write_text(text)
    return load_report(import_file(path))


def test_the_workflow_s_result_block() -> None:
    run_dir = import_file(WORKFLOW)
    for found in (load_report(run_dir), build_report(layout.load_plan(run_dir), read_state(run_dir))):
        (configuration,) = found.configurations
        values = table(configuration)
        assert values["latency_ms"] == 63543.434
        assert values["tokens_per_sec"] == 257.84
        assert values["generation_tokens_per_second"] == 330.385
        assert values["total_generated_tokens"] == 16368
        assert values["prefill_time_ms"] == pytest.approx(14001.255, abs=5e-4)
        assert values["time_per_output_token_ms"] == pytest.approx(48.428, abs=5e-4)
        assert values["generation_time_ms"] == 49542.179
        assert values["tokens_per_sec_per_rank"] == pytest.approx(257.84 / 8)
        assert values["percentile95_ms"] == values["percentile99_ms"] == 63916.113
        for invented in (
            "latency_p50_ms",
            "latency_sd_ms",
            "latency_min_ms",
            "iterations",
            "gpu_peak_mem_gb",
        ):
            assert values[invented] is None
        assert any(
            flag.startswith(
                "percentile95 = percentile99 = 63916.113: upstream prints the maximum for both up to"
            )
            and "not known here" in flag
            for flag in configuration.flags
        )
        assert len(configuration.flags) == 1
        assert (configuration.batch_size, configuration.input_len, configuration.output_len) == (
            16,
            1024,
            1024,
        )
        assert (found.ranks, found.status, found.engine) == (8, "finished", "trtllm")
        assert found.started == pytest.approx(WORKFLOW.stat().st_mtime)
        assert found.seconds == 0
        assert "no iterations were observed" in found.flags[0]
    text = render(load_report(run_dir))
    for shown in ("63 543.434", "257.84", "330.385", "16 368.0", "14 001.255", "48.428", "as printed"):
        assert shown in text


def test_it_is_a_run_like_others() -> None:
    run_dir = import_file(WORKFLOW)
    (entry,) = read_entries()
    assert entry.run_dir == run_dir
    assert entry.profile == "tllm_engine_bs16_tp8_fp16"
    assert entry.status == "finished"
    assert entry.started == pytest.approx(WORKFLOW.stat().st_mtime)
    assert layout.RUN_ID.match(run_dir.name)
    assert (run_dir / ORIGINALS / WORKFLOW.name).read_bytes() == WORKFLOW.read_bytes()
    assert "0:00" not in listing.as_text([entry]), "the duration was not observed"
    assert render(load_report(run_dir)).splitlines()[1].endswith(" · finished")
    plan = layout.load_plan(run_dir)
    assert plan.stages == []
    assert plan.summary == "tllm_engine_bs16_tp8_fp16, float16, tp 8, 1 configuration, imported"


def test_runs_are_sorted_by_the_time_of_their_files(tmp_path: Path) -> None:
    for name, wall in (("old", 1_700_000_000), ("new", 1_750_000_000)):
        (tmp_path / name).write_text(LINE.replace("tllm_engine_bs16_tp8_fp16", name))
        os.utime(tmp_path / name, (wall, wall))
    import_file(tmp_path / "new")
    import_file(tmp_path / "old")
    assert [entry.profile for entry in read_entries()] == ["new", "old"]
    assert read_entries()[1].run.startswith("20231114T221320Z_old_")


def test_a_console_log(tmp_path: Path) -> None:
    log = "[12/24/2024-10:11:12] [TRT-LLM] [I] "
    second = LINE.replace("batch_size 16 ", "batch_size 8 ")
    found = imported(
        tmp_path / "console.log",
        "$ mpirun -n 8 python benchmark.py ...\n"
        "[TensorRT-LLM] TensorRT-LLM version: 0.16.0\n"
        "[WARNING] check batch_size(32) <= max_batch_size(16) failed, skipping.\n"
        * 2
        + f"{log}Benchmarking done. Iteration: 10, duration: 635.434 sec.\n"
        f"{LINE}\n"
        f"{log}Benchmarking done. Iteration: 21, duration: 635.434 sec.\n"
        f"{second}\n",
    )
    assert [configuration.batch_size for configuration in found.configurations] == [16, 8]
    first, other = found.configurations
    assert table(first)["iterations"] == 10
    assert first.flags[0].startswith("p95 and p99 say little: 10 iterations")
    assert other.flags[0] == "p99 says little: 21 iterations"
    assert len(found.flags) == 2
    assert found.flags[1].startswith("the benchmark skipped a configuration: it exceeds a limit of")


def test_csv_of_several_runs(tmp_path: Path) -> None:
    header = (
        "engine_dir,world_size,num_heads,num_kv_heads,num_layers,hidden_size,vocab_size,precision,batch_size,"
        "gpu_weights_percent,input_length,output_length,gpu_peak_mem(gb),build_time(s),tokens_per_sec,"
        "percentile95(ms),percentile99(ms),latency(ms),compute_cap,quantization"
    )
    row = "my engine,1,12,12,12,768,30522,float16,{},{},128,n/a,3.5,0,n/a,5.5,5.6,5.25,sm90,0"
    text = f"{header}\n{row.format(1, 1.0)}\n{row.format(8, 1.0)}\n{header}\n{row.format(8, 0.5)}\n"
    found = imported(tmp_path / "x.csv", text)
    assert found.profile == "my-engine"
    assert [(c.batch_size, c.output_len) for c in found.configurations] == [(1, 0), (8, 0), (8, 0)]
    values = table(found.configurations[0])
    assert values["latency_ms"] == 5.25
    assert values["gpu_peak_mem_gb"] == 3.5
    assert values["tokens_per_sec"] is None
    assert values["prefill_time_ms"] is None
    (note,) = (row.note for row in found.configurations[0].rows if row.metric == "tokens_per_sec")
    assert note == "an encoder generates no tokens"
    assert found.configurations[0].flags == []


def test_a_model_that_stopped_early(tmp_path: Path) -> None:
    found = imported(tmp_path / "x", LINE.replace("16368.0", "8000.0"))
    assert found.configurations[0].flags[0] == (
        "stopped early: 8000 tokens after the first instead of 16368, so tokens per second, which count the"
        " requested tokens, are overstated"
    )


def test_model_name_of_older_versions(tmp_path: Path) -> None:
    text = LINE.replace("engine_dir tllm_engine_bs16_tp8_fp16", "model_name llama_13b")
    assert imported(tmp_path / "x", text).profile == "llama_13b"


@pytest.mark.parametrize(("name", "profile"), [("a b/ü", "a-b"), ("..", "imported"), ("x" * 99, "x" * 64)])
def test_names_that_no_profile_may_have(tmp_path: Path, name: str, profile: str) -> None:
    found = imported(tmp_path / "x", LINE.replace("tllm_engine_bs16_tp8_fp16", name))
    assert found.profile == profile


def test_the_same_content_twice_is_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = import_file(WORKFLOW)
    (tmp_path / "copied and touched").write_bytes(WORKFLOW.read_bytes())
    assert import_files([tmp_path / "copied and touched"]) == [(first, False)]
    assert main(["import", str(WORKFLOW)]) == 0
    assert f"{first.name} is already in the history" in capsys.readouterr().err
    assert main(["import", "--again", str(WORKFLOW)]) == 0
    assert len(read_entries()) == 2


def test_what_another_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    """`import <(ssh HOST cat benchmark.log)`"""
    end, begin = os.pipe()
    os.write(begin, WORKFLOW.read_bytes())
    os.close(begin)
    try:
        assert main(["import", f"/dev/fd/{end}"]) == 0
    finally:
        os.close(end)
    assert "257.84" in capsys.readouterr().out


def test_files_without_a_result(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: No such file"):
        import_file(tmp_path / "none")
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        import_file(tmp_path)
    (tmp_path / "x").write_bytes(b"\xff\x00 nothing\n")
    with pytest.raises(UserError, match=r"it contains no result of a program whose results are known\n"):
        import_file(tmp_path / "x")
    (tmp_path / "x").write_text("AssertionError: Engine world size (2) != Runtime world size (8)\n")
    with pytest.raises(UserError, match="it reports a failure: the engine was built for another number"):
        import_file(tmp_path / "x")
    assert read_entries() == []


def test_every_printed_metric_is_known() -> None:
    assert metrics.LOGGED_ITERATIONS not in {metric.upstream_key for metric in metrics.ALL}


@pytest.mark.parametrize(
    "odd", ["batch_size 99999999999999999999", "latency(ms) 1e308", "tokens_per_sec inf", "batch_size -1"]
)
def test_nothing_is_imported_with_an_odd_number(odd: str, tmp_path: Path) -> None:
    sound, damaged = tmp_path / "a.log", tmp_path / "b.log"
    sound.write_text(LINE)
    damaged.write_text(re.sub(rf"{re.escape(odd.split()[0])} \S+", odd, LINE))
    with pytest.raises(UserError, match=r"b\.log: a result has a number that no measurement gives"):
        import_files([sound, damaged])
    assert layout.list_names() == []


def test_a_huge_file_is_refused_by_its_size(tmp_path: Path) -> None:
    huge = tmp_path / "huge.log"
    with open(huge, "wb") as file:
        file.truncate(500 << 20)
    with pytest.raises(UserError, match=r"huge\.log: is larger than 128 MiB\n.* only the part"):
        import_file(huge)
