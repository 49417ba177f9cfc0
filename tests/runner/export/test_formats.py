"""A run in each format, read back by independent code."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import msgspec
import pytest

from runner import events as ev
from runner.cli.main import main
from runner.engines.benchmark_line import parse_csv_row
from runner.export.json_document import Document
from runner.history.reports import load_report
from runner.plan.plan import Configuration, Plan, Stage
from runner.report.files import read_state
from runner.util import paths
from tests.support import recorded_runs
from tests.support.paths import DATA
from tests.support.runs import record

RECORDED = DATA / "h200-torch-1gpu"


def exported(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main(["export", *map(str, words)]) == 0
    return capsys.readouterr().out


# --- JSON --------------------------------------------------------------------------------------------------


def test_json_contains_report_environment_and_definitions(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = json.loads(exported(capsys, RECORDED))
    assert (document["format"], document["version"]) == ("trtbench-tui run", 1)
    assert document["report"] == msgspec.to_builtins(load_report(RECORDED))
    assert document["environment"]["gpus"][0]["name"] == "NVIDIA H200"
    assert document["environment"]["ranks"][0]["device"] == "cuda:0"
    explained = {metric["name"] for metric in document["metrics"]}
    present = {
        row["metric"]
        for found in document["report"]["configurations"]
        for row in found["rows"]
        if "value" in row
    }
    assert present <= explained


@pytest.mark.parametrize(
    "make",
    [
        recorded_runs.finished,
        recorded_runs.failed,
        recorded_runs.stopped,
        recorded_runs.queued,
        recorded_runs.not_started,
        recorded_runs.chinese,
    ],
)
def test_json_of_every_run_matches_the_schema(
    make: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = json.loads(exported(capsys, "--schema"))
    document = exported(capsys, make().write(tmp_path))  # type: ignore[operator]
    jsonschema.validate(json.loads(document), schema, cls=jsonschema.Draft202012Validator)
    msgspec.json.decode(document, type=Document)


def test_schema_rejects_wrong_types_and_describes_fields(
    capsys: pytest.CaptureFixture[str],
) -> None:
    schema = json.loads(exported(capsys, "--schema"))
    assert schema["$defs"]["MetricCell"]["properties"]["printed"]["description"].startswith(
        "the engine's own"
    )
    document = json.loads(exported(capsys, RECORDED))
    document["report"]["configurations"][0]["rows"][0]["value"] = "fast"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)


def test_documents_of_version_1_stay_readable(capsys: pytest.CaptureFixture[str]) -> None:
    """A document exported by an older version is valid in version 1."""
    kept = (DATA / "export" / "run-1.json").read_bytes()
    assert msgspec.json.decode(kept, type=Document).version == 1
    jsonschema.validate(json.loads(kept), json.loads(exported(capsys, "--schema")))


def test_secrets_are_not_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage(
        name="benchmark",
        argv=["docker", "exec", "-e", "HF_TOKEN=hf_abc", "box", "true"],
        cwd="/",
        env={"HF_TOKEN": "hf_abc", "OMP_NUM_THREADS": "4"},
    )
    plan = Plan(engine="torch", profile="p", summary="s", stages=[stage])
    run_dir = record(tmp_path / "run", plan, [])
    document = exported(capsys, run_dir)
    for text in (document, exported(capsys, run_dir, "--format", "html")):
        assert "hf_abc" not in text
    assert json.loads(document)["commands"][0]["env"] == {"HF_TOKEN": "(withheld)", "OMP_NUM_THREADS": "4"}


# --- CSV ---------------------------------------------------------------------------------------------------


def test_csv_has_a_row_per_metric_and_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(exported(capsys, RECORDED, "--format", "csv"))))
    found = load_report(RECORDED)
    latencies = [row for row in rows if row["metric"] == "latency_ms"]
    assert [(row["configuration"], row["batch_size"]) for row in latencies] == [("0", "1"), ("1", "16")]
    by_name = {row.metric: row for row in found.configurations[1].rows}
    assert float(latencies[1]["value"]) == by_name["latency_ms"].value
    assert latencies[1]["printed"] == "1220.307"
    p99 = next(row for row in rows if row["metric"] == "latency_p99_ms")
    assert p99["n"] == "13"
    assert p99["note"].startswith("needs 100 iterations")
    assert float(latencies[0]["low"]) < float(latencies[0]["value"]) < float(latencies[0]["high"])
    assert (p99["low"] != "", p99["high"]) == (True, "")


def test_iterations_match_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(exported(capsys, RECORDED, "--iterations"))))
    timed = [
        float(row["latency_ms"]) for row in rows if row["configuration"] == "1" and row["phase"] == "timed"
    ]
    by_name = {row.metric: row for row in load_report(RECORDED).configurations[1].rows}
    assert len(timed) == by_name["latency_ms"].n
    assert sum(timed) / len(timed) == pytest.approx(by_name["latency_ms"].value, rel=1e-12)
    assert {row["batch_size"] for row in rows} == {"1", "16"}


def test_run_without_iterations_prints_a_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(recorded_runs.queued().write(tmp_path)), "--iterations"]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 1
    assert captured.err.startswith("note: this run has no iterations")


def long_run(folder: Path, iterations: int) -> Path:
    plan = Plan(engine="torch", profile="p", summary="s", stages=[], configurations=[Configuration(1, 8, 4)])
    run_dir = record(folder, plan, [])
    line = ev.encode(
        ev.Iteration(t=1, stage=0, rank=0, config=0, i=7, phase="timed", latency_ms=1.25, steps=3)
    )
    with open(run_dir / "events.jsonl", "wb") as file:
        for _ in range(iterations // 1000):
            file.write(line * 1000)
    return run_dir


def test_memory_does_not_grow_with_the_iterations(tmp_path: Path) -> None:
    program = (
        "import resource, sys\nfrom tui.main import main\n"
        "main(['export', sys.argv[1], '--iterations', '-o', sys.argv[2]])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks = []
    for iterations in (20_000, 200_000):
        out = tmp_path / f"{iterations}.csv"
        words = [
            sys.executable,
            "-c",
            program,
            str(long_run(tmp_path / str(iterations), iterations)),
            str(out),
        ]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
        assert out.read_bytes().count(b"\n") == iterations + 1
    assert peaks[1] - peaks[0] < 8 << 10, "kilobytes"


def test_several_runs_become_one_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = recorded_runs.finished(1).write(paths.runs_dir(), "20260101T000000Z_p_0001")
    second = recorded_runs.finished(2).write(paths.runs_dir(), "20260102T000000Z_p_0002")
    alone = [exported(capsys, run, "--format", "csv").splitlines() for run in (first, second)]
    together = [*alone[0], *alone[1][1:]]
    assert exported(capsys, "0001,0002", "--format", "csv").splitlines() == together
    assert exported(capsys, "profile:qwen", "--format", "csv").splitlines() == together
    exported(capsys, "0001,0002", "--format", "csv", "-o", tmp_path)
    assert (tmp_path / "runs.csv").read_text().splitlines() == together
    assert main(["export", "0001,0002", "--format", "md"]) == 2
    assert "md supports one run, not 2; use --format csv or parquet" in capsys.readouterr().err
    assert main(["export", "0001,0002", "--svg", "latency"]) == 2
    assert "plots, iterations and requests are for one run; there are 2" in capsys.readouterr().err


# --- upstream's CSV ----------------------------------------------------------------------------------------


def test_upstream_csv_has_header_and_printed_values(capsys: pytest.CaptureFixture[str]) -> None:
    header, *rows = exported(capsys, RECORDED, "--format", "upstream-csv").splitlines()
    assert header == (
        "engine_dir,world_size,num_heads,num_kv_heads,num_layers,hidden_size,vocab_size,precision,batch_size,"
        "gpu_weights_percent,input_length,output_length,gpu_peak_mem(gb),build_time(s),tokens_per_sec,"
        "percentile95(ms),percentile99(ms),latency(ms),compute_cap,quantization,generation_time(ms),"
        "total_generated_tokens,generation_tokens_per_second"
    )
    results = [found.result for found in read_state(RECORDED).configurations]
    assert [parse_csv_row(row) for row in rows] == results


def test_upstream_csv_survives_import_and_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    exported(capsys, RECORDED, "--format", "upstream-csv", "-o", first)
    assert main(["import", str(first)]) == 0
    exported(capsys, "last", "--format", "upstream-csv", "-o", second)
    assert first.read_bytes() == second.read_bytes()


def test_upstream_csv_of_an_encoder_ends_at_quantization(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "encoder.log"
    log.write_text(
        "[BENCHMARK] engine_dir bert world_size 1 num_heads 16 num_kv_heads 16 num_layers 24 hidden_size 1024"
        " vocab_size 30522 precision float16 batch_size 8 gpu_weights_percent 1.0 input_length 128"
        " output_length n/a gpu_peak_mem(gb) 1.2 build_time(s) 0 tokens_per_sec n/a percentile95(ms) 3.1"
        " percentile99(ms) 3.1 latency(ms) 3.0 compute_cap sm90 quantization 0\n"
    )
    assert main(["import", str(log)]) == 0
    capsys.readouterr()
    header, row = exported(capsys, "last", "--format", "upstream-csv").splitlines()
    assert header.endswith(",quantization")
    assert row.endswith(",sm90,0")


def test_upstream_csv_reports_what_it_leaves_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = recorded_runs.under_way()
    run.events = [
        msgspec.structs.replace(event, values={**event.values, "engine_dir": "e"})
        if isinstance(event, ev.Result)
        else event
        for event in run.events
    ]
    assert main(["export", str(run.write(tmp_path)), "--format", "upstream-csv"]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 2
    assert captured.err == "note: batch 4 64→24 has no printed result and is left out\n"


def test_upstream_csv_without_printed_results_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(recorded_runs.failed().write(tmp_path)), "--format", "upstream-csv"]) == 2
    assert "no result in the form of benchmark.py" in capsys.readouterr().err


# --- Markdown ----------------------------------------------------------------------------------------------


def test_markdown_starts_with_warnings_and_is_aligned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = exported(capsys, recorded_runs.finished(2).write(tmp_path), "--format", "md")
    assert "` on bench01: finished after " in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(line) for line in table}) == 1
    assert [cell.strip() for cell in table[0].split("|")][1:-1] == [
        "metric",
        "unit",
        "batch 1 64→24",
        "batch 4 64→24",
    ]
    assert set(table[1]) <= set("|-: ")
    assert text.index("- all 2 configurations: p95") < text.index(table[0])
    (p95,) = [line for line in table if line.startswith("| p95 ")]
    (mark,) = {cell.split()[-1] for cell in p95.split("|")[3:5]}
    assert f"{mark} unreliable below 20 iterations" in text
    (mean,) = [line for line in table if line.startswith("| latency, mean ")]
    assert "3 098.760 ±0.57 %" in mean


# --- the command -------------------------------------------------------------------------------------------


def test_file_extension_selects_the_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for ending, begin in ((".json", "{"), (".CSV", "run,"), (".md", "**")):
        out = tmp_path / f"run{ending}"
        exported(capsys, RECORDED, "-o", out)
        assert out.read_text().startswith(begin)
    assert main(["export", str(RECORDED), "-o", str(tmp_path / "run.xyz")]) == 2
    assert "unknown file extension '.xyz'; allowed: .json, .csv" in capsys.readouterr().err


def test_file_in_a_directory_is_named_after_the_run(tmp_path: Path) -> None:
    run_dir = recorded_runs.finished().write(tmp_path)
    assert main(["export", str(run_dir), "--format", "csv", "-o", str(tmp_path)]) == 0
    assert main(["export", str(run_dir), "--iterations", "-o", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.glob("*.csv")} == {
        f"{run_dir.name}.csv",
        f"{run_dir.name}-iterations.csv",
    }


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([], "export needs a run"),
        (
            [str(RECORDED), "--format", "json", "--iterations"],
            "json does not support iterations; use --format csv",
        ),
        (
            [str(RECORDED), "-o", "/proc/none/run.json"],
            "/proc/none/run.json: cannot be written: No such file",
        ),
        (["no-such-run"], "there is no run 'no-such-run'"),
    ],
)
def test_mistakes_are_one_sentence(words: list[str], error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", *words]) == 2
    assert error in capsys.readouterr().err


def test_failed_export_keeps_the_old_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run.csv"
    out.write_text("old")
    run_dir = recorded_runs.failed().write(tmp_path)
    assert main(["export", str(run_dir), "--format", "upstream-csv", "-o", str(out)]) == 2
    assert out.read_text() == "old"
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"run.csv"}


# --- against the baseline ----------------------------------------------------------------------------------


def test_every_format_has_the_change_from_the_baseline(capsys: pytest.CaptureFixture[str]) -> None:
    before = recorded_runs.finished(2, iterations=30).write(paths.runs_dir(), "20260101T000000Z_p_0001")
    assert main(["baseline", "set", str(before)]) == 0
    run_dir = recorded_runs.finished(2, iterations=40).write(paths.runs_dir(), "20260102T000000Z_p_0002")
    capsys.readouterr()

    rows = list(csv.DictReader(io.StringIO(exported(capsys, run_dir, "--format", "csv"))))
    mean = next(row for row in rows if row["metric"] == "latency_ms")
    assert mean["baseline"] == before.name
    assert float(mean["value"]) == pytest.approx(float(mean["baseline_value"]) * (1 + float(mean["change"])))
    assert mean["verdict"]

    document = json.loads(exported(capsys, run_dir))
    assert document["report"]["baseline"]["runs"] == [before.name]
    assert document["report"]["configurations"][0]["rows"][0]["versus"]["verdict"] == mean["verdict"]
    assert "vs baseline 0001" in exported(capsys, run_dir, "--format", "md")
    assert "vs baseline 0001" in exported(capsys, run_dir, "--format", "html")
    assert "vs baseline" not in exported(capsys, before, "--format", "html"), "it is the baseline"
