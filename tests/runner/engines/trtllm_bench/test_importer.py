"""Importing results of trtllm-bench: logs, JSON reports, and files that belong to them."""

from __future__ import annotations

import json
import os
import random
import re
from pathlib import Path
from typing import Any

import pytest

from runner.archive.import_results import ORIGINALS, import_files
from runner.cli.main import main
from runner.engines.trtllm_bench import output
from runner.errors import UserError
from runner.history.reader import read_entries
from runner.history.reports import load_report
from runner.metrics.metric import as_number
from runner.report.build import build_report
from runner.report.files import read_state
from runner.report.model import ConfigurationReport, Report
from runner.run import layout
from tests.standins.bench import bench_report
from tests.support.paths import DATA

LOGGED = "[11/22/2026-10:00:00] [TRT-LLM] [I] "


def old_report(tokens: float = 1000.0, tp: int = 2) -> str:
    """As 0.14 to 0.17 print it: names and tabs."""
    lines = [
        f"{LOGGED}", "", "===", "= ENGINE DETAILS", "===", "Model:\t\t\tmeta-llama/Llama-3.1-8B",
        "Engine Directory:\t/tmp/engine", "TensorRT-LLM Version:\t0.16.0", "", "===",
        "= WORLD + RUNTIME INFORMATION ", "===", f"TP Size:\t\t{tp}", "PP Size:\t\t1",
        "Issue Rate (req/sec):\t5.0689E+14", "", "===", "= PERFORMANCE OVERVIEW ", "===",
        "Number of requests:\t\t3000", "Average Input Length (tokens):\t128.0000",
        "Average Output Length (tokens):\t127.6000", f"Token Throughput (tokens/sec):\t{tokens:.4f}",
        "Request Throughput (req/sec):\t7.8125", "Total Latency (ms):\t\t384000.0000", "", "===", "",
        f"{LOGGED}Benchmark Shutdown called!", "",
    ]  # fmt: skip
    return "\n".join(lines)


def new_report(total_ms: float = 500.0) -> str:
    """As 1.x prints it: names and spaces."""
    lines = [
        f"{LOGGED}", "", "===", "= PYTORCH BACKEND", "===", "Model:\t\t\tmeta-llama/Llama-3.1-8B",
        "Model Path:\t\tNone", "TensorRT LLM Version:\t1.2.1", "Dtype:\t\t\tbfloat16", "", "===",
        "= REQUEST DETAILS ", "===", "Number of requests:             4",
        "Number of concurrent requests:  1.9000", "Average Input Length (tokens):  16.0000",
        "Average Output Length (tokens): 8.0000", "===", "= WORLD + RUNTIME INFORMATION ", "===",
        "TP Size:                4", "PP Size:                1", "EP Size:                None", "===",
        "= PERFORMANCE OVERVIEW ", "===",
        f"Request Throughput (req/sec):                     {4000 / total_ms:.4f}",
        f"Total Output Throughput (tokens/sec):             {32000 / total_ms:.4f}",
        f"Total Token Throughput (tokens/sec):              {96000 / total_ms:.4f}",
        f"Total Latency (ms):                               {total_ms:.4f}",
        "Average request latency (ms):                     240.0000",
        f"Per GPU Output Throughput (tps/gpu):              {8000 / total_ms:.4f}",
        "Average time-to-first-token [TTFT] (ms):          20.0000", "[TTFT] P50    : 19.0000",
        "", "-- Request Latency Breakdown (ms) ----", "", "[Latency] P50    : 239.0000", "",
    ]  # fmt: skip
    return "\n".join(lines)


def json_report(total_ms: float = 500.0) -> str:
    """What --report_json writes; Python writes a division by zero as Infinity."""
    return json.dumps(
        {
            "engine": {"model": "meta-llama/Llama-3.1-8B", "version": "1.2.1", "backend": "Pytorch"},
            "machine": None,
            "world_info": {"tp_size": 4, "pp_size": 1, "world_size": 4, "issue_rate": float("inf")},
            "request_info": {"num_requests": 4, "avg_input_length": 16.0, "avg_output_length": 8.0},
            "performance": {
                "total_latency_ms": total_ms,
                "system_output_throughput_tok_s": 32000 / total_ms,
                "request_latency_percentiles_ms": {"p50": 239.0, "p95": 245.0},
            },
        },
        indent=4,
    )


def request_file(total_ms: float = 500.0, count: int = 4) -> str:
    """What --request_json writes: times in nanoseconds of a clock, tokens streamed."""
    start, half = 7_000_000_000, int(total_ms * 5e5)
    return json.dumps(
        [
            {
                "id": index,
                "start_timestamp": start + (index % 2) * half,
                "first_token_timestamp": start + (index % 2) * half + 1_000_000,
                "end_timestamp": start + (index % 2 + 1) * half,
                "num_input_tokens": 16,
                "output_tokens": 8,
            }
            for index in range(count)
        ]
    )


def written(folder: Path, **files: str) -> list[Path]:
    """Files by name, with `_` for the dot before their ending."""
    found = []
    for name, text in files.items():
        path = folder / ".".join(name.rsplit("_", 1))
        path.write_text(text)
        found.append(path)
    return found


def imported(folder: Path, concurrency: tuple[int, ...] = (), **files: str) -> Report:
    ((run_dir, _),) = import_files(written(folder, **files), concurrency)
    final = load_report(run_dir)
    assert final == build_report(layout.load_plan(run_dir), read_state(run_dir))
    return final


def values(configuration: ConfigurationReport) -> dict[str, float | None]:
    return {row.metric: row.value for row in configuration.rows}


# --- console logs -------------------------------------------------------------------------------------------


def test_a_log_with_tabs(tmp_path: Path) -> None:
    found = imported(tmp_path, bench_log=old_report())
    (configuration,) = found.configurations
    assert (found.engine, found.profile, found.ranks, found.status) == (
        "trtllm-bench", "Llama-3.1-8B", 2, "finished",
    )  # fmt: skip
    assert found.summary == (
        "Llama-3.1-8B, throughput, engine, TensorRT-LLM 0.16.0, 2 ranks, 1 configuration, imported"
    )
    assert (configuration.requests, configuration.input_len, configuration.output_len) == (3000, 128, 128)
    assert configuration.concurrency == 0, "0.16 knows no limit"
    table = values(configuration)
    assert table["output_tokens_per_sec"] == 1000
    assert table["output_tokens_per_sec_per_gpu"] == 500
    assert table["total_latency_ms"] == 384000
    assert not {"latency_ms", "tokens_per_sec"} & table.keys(), "they mean something else"
    for invented in ("request_latency_p50_ms", "ttft_ms", "engine_iteration_ms"):
        assert table[invented] is None
    assert found.flags == [
        "imported from bench.log: no request was observed, every number is as trtllm-bench reported it, or"
        " derived from that; the time of the run is the files'"
    ]


@pytest.mark.parametrize("heading", ["= PyTorch backend", "= _AUTODEPLOY BACKEND"])
def test_a_log_with_another_backend_heading(tmp_path: Path, heading: str) -> None:
    found = imported(tmp_path, bench_log=new_report().replace("= PYTORCH BACKEND", heading))
    assert found.profile == "Llama-3.1-8B"
    assert values(found.configurations[0])["output_tokens_per_sec"] == 64


def test_the_names_of_0_19_are_metrics(tmp_path: Path) -> None:
    older = new_report().replace("(tps/gpu):  ", "(tokens/sec/gpu):  ")
    older += "\nPer User Output Throughput (tokens/sec/user):     38.1959\n"
    table = values(imported(tmp_path, bench_log=older).configurations[0])
    assert table["output_tokens_per_sec_per_gpu"] == 16
    assert table["output_tokens_per_sec_per_user"] == 38.1959


def test_a_log_with_spaces(tmp_path: Path) -> None:
    found = imported(tmp_path, bench_log=new_report())
    (configuration,) = found.configurations
    table = values(configuration)
    assert found.ranks == 4
    assert table["output_tokens_per_sec"] == 64
    assert table["total_tokens_per_sec"] == 192
    assert (table["ttft_ms"], table["ttft_p50_ms"]) == (20, 19)
    assert table["request_latency_p50_ms"] == 239
    assert any("maximum number of requests in flight" in flag for flag in found.flags)


@pytest.mark.parametrize(
    ("call", "concurrency"),
    [
        ("$ trtllm-bench -m x --model_path /m throughput --dataset d --concurrency 16 --streaming\n", 16),
        ("+ /opt/bin/trtllm-bench --model x \\\n  throughput \\\n  --concurrency=8 --dataset d\n", 8),
        ("$ trtllm-bench --model x throughput --dataset d\n", 0),
        ("$ trtllm-bench --model x latency --dataset d\n", 1),
        (f"{LOGGED}Setting up latency benchmark.\n", 1),
        (f"{LOGGED}Setting up throughput benchmark.\n", -1),
    ],
)
def test_a_log_says_how_it_was_called(tmp_path: Path, call: str, concurrency: int) -> None:
    (configuration,) = imported(tmp_path, bench_log=call + new_report()).configurations
    assert configuration.concurrency == concurrency


def test_a_log_of_several_benchmarks(tmp_path: Path) -> None:
    calls = [f"trtllm-bench -m x throughput --concurrency {n}\n{new_report(500.0 / n)}" for n in (1, 4, 16)]
    found = imported(tmp_path, loop_log="".join(calls))
    assert [one.concurrency for one in found.configurations] == [1, 4, 16]
    assert [values(one)["output_tokens_per_sec"] for one in found.configurations] == [64, 256, 1024]
    assert len(found.flags) == 1


def test_a_log_from_another_system_and_launcher(tmp_path: Path) -> None:
    lines = old_report().splitlines()
    (path,) = written(tmp_path, bench_log="")
    path.write_bytes("\r\n".join(f"[1,0]<stdout>: {line}" for line in lines).encode() + b"\r\n\xff\xfe\r\n")
    ((run_dir, _),) = import_files([path])
    assert values(load_report(run_dir).configurations[0])["output_tokens_per_sec"] == 1000


def full_report(form: str) -> tuple[str, dict[str, float]]:
    """A report of 20 requests, and all of its numbers by name."""
    rng = random.Random(5)
    records = []
    for index in range(20):
        first, end = rng.randint(2, 9) * 10**6, rng.randint(20, 90) * 10**6
        records.append(
            {
                "start_timestamp": index * 10**6, "first_token_timestamp": index * 10**6 + first,
                "end_timestamp": index * 10**6 + end, "num_input_tokens": 16 + index, "output_tokens": 8,
            }
        )  # fmt: skip
    facts = {
        "model": "m", "version": "1.2.1", "backend": "Pytorch", "tp": 2, "streaming": True,
        "engine_dir": "/e", "limits": {"max_input_len": 1024, "max_seq_len": 2048},
    }  # fmt: skip
    if form == "json":
        text = json.dumps(bench_report.report_as_json(records, facts))
        stated = output.json_report(text.encode())
    else:
        facts |= {} if form == "1.2" else {"version": "0.16.0"}
        version, command = ((1, 2), "throughput") if form == "1.2" else ((0, 16), form)
        text = f"{LOGGED}{bench_report.report_as_text(version, command, records, facts)}"
        ((stated, _),) = output.printed_reports(text)
    numbers = {name: as_number(value) for name, value in stated.items()}
    return text, {name: number for name, number in numbers.items() if number}


NOT_IN_TABLE = re.compile(
    r"\[(TTFT|TPOT)\] (MIN|MAX|AVERAGE)|\[GTPS\]|\[Latency\] AVERAGE|"
    r"(ttft|tpot)_percentiles\.(min|max|average)|gen_tps_percentiles|percentiles_ms\.average|"
    r"world_info|(TP|PP) Size|Max |Issue Rate|KV Memory|Number of Sequences|GENERATION LATENCY|"
    r"Acceptance Rate"
)
"""Repeats of a mean, extremes of two times, percentiles that follow from others, and settings."""


@pytest.mark.parametrize("form", ["json", "1.2", "throughput", "latency"])
def test_every_number_of_a_report_is_in_the_table(tmp_path: Path, form: str) -> None:
    text, stated = full_report(form)
    found = imported(tmp_path, report_json=text) if form == "json" else imported(tmp_path, run_log=text)
    (configuration,) = found.configurations
    shown = {row.value for row in configuration.rows if row.value is not None}
    expected = {name: number for name, number in stated.items() if not NOT_IN_TABLE.search(name)}
    assert len(expected) >= 8
    assert {name for name, number in expected.items() if number not in shown} == set()


# --- several files ------------------------------------------------------------------------------------------


def test_log_report_requests_answers_and_iterations_are_one_run(tmp_path: Path) -> None:
    iteration = "{'iter': 1, 'iterLatencyMS': 2.5, 'numActiveRequests': 2, 'kvCacheStats': {'x': nan}}\n"
    found = imported(
        tmp_path,
        (2,),
        bench_log=new_report(),
        report_json=json_report(),
        requests_json=request_file(),
        answers_json='{"0": "nine", "1": "ten"}',
        iterations_log=iteration * 3,
    )
    (configuration,) = found.configurations
    assert configuration.concurrency == 2
    table = values(configuration)
    assert table["output_tokens_per_sec"] == pytest.approx(64)
    assert table["request_latency_p95_ms"] == pytest.approx(250), "of the requests, not of the report"
    assert table["ttft_ms"] == pytest.approx(1)
    assert table["mean_concurrency"] == pytest.approx(2)
    assert table["engine_iteration_ms"] == 2.5
    printed = {row.metric: row.printed for row in configuration.rows}
    assert printed["request_latency_p95_ms"] == "245.0"
    assert [said.answer for said in found.answers] == ["nine", "ten"]
    (flag,) = found.flags
    assert flag.startswith(
        "imported from bench.log, report.json, requests.json, answers.json, iterations.log: requests are"
        " those of its request file"
    )


def test_request_files_find_their_reports(tmp_path: Path) -> None:
    found = imported(
        tmp_path,
        (4, 1),
        a_json=json_report(500),
        b_json=json_report(2000),
        c_json=request_file(2000),
        d_json=request_file(500),
    )
    table = [values(one) for one in found.configurations]
    assert [one["request_latency_ms"] for one in table] == [pytest.approx(250), pytest.approx(1000)]
    assert [one.concurrency for one in found.configurations] == [4, 1]


def test_the_files_are_kept_and_the_run_is_one_like_others(tmp_path: Path) -> None:
    wall = 1_700_000_000
    for folder, text in (("a", json_report(500)), ("b", json_report(250))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "report.json").write_text(text)
        os.utime(tmp_path / folder / "report.json", (wall, wall))
    ((run_dir, _),) = import_files([tmp_path / "a" / "report.json", tmp_path / "b" / "report.json"], (1, 2))
    assert sorted(path.name for path in (run_dir / ORIGINALS).iterdir()) == ["1-report.json", "report.json"]
    (entry,) = read_entries()
    assert (entry.run_dir, entry.profile, entry.status) == (run_dir, "Llama-3.1-8B", "finished")
    assert entry.run.startswith("20231114T221320Z_Llama-3.1-8B_")


def test_files_of_both_tools_become_runs_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    static = DATA / "workflow-result.txt"
    (log,) = written(tmp_path, bench_log=old_report())
    assert main(["import", str(static), str(log)]) == 0
    said = capsys.readouterr()
    assert sorted(entry.engine for entry in read_entries()) == ["trtllm", "trtllm-bench"]
    assert len(said.err.splitlines()) == 2
    assert "257.84" in said.out
    assert "output tokens per second" in said.out


def test_nothing_is_written_when_one_of_the_engines_refuses(tmp_path: Path) -> None:
    files = written(tmp_path, r_json=request_file())
    with pytest.raises(UserError, match="no report of trtllm-bench"):
        import_files([DATA / "workflow-result.txt", *files])
    assert read_entries() == []


def test_it_is_compared_with_a_run_of_the_same_load(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, total in (("a", 500.0), ("b", 250.0)):
        imported(tmp_path, (2,), **{f"{name}_json": json_report(total)})
    names = [entry.run for entry in read_entries()]
    capsys.readouterr()
    assert main(["compare", *names]) == 0
    assert "concurrency 2 16→8" in capsys.readouterr().out


# --- what cannot be taken -----------------------------------------------------------------------------------

REFUSED: dict[str, tuple[dict[str, str], tuple[int, ...], str]] = {
    "requests alone": ({"r_json": request_file()}, (), "there is no report of trtllm-bench among them"),
    "another benchmark's requests": (
        {"a_json": json_report(), "r_json": request_file(900)}, (), "4 requests in 900.0 ms match none",
    ),
    "torn JSON": ({"a_json": json_report()[:200]}, (), "is not complete JSON"),
    "other JSON": ({"a_json": '{"a": 1}'}, (), "it contains no result of a program whose results are known"),
    "our own table": (
        {"a_json": '{"schema": 1, "run": "x", "configurations": []}'}, (), "is the table of a run of",
    ),
    "unfinished requests": (
        {"a_json": json_report(), "r_json": '[{"start_timestamp": 0, "end_timestamp": 0}]'}, (),
        "has no finished request",
    ),
    "a report that was cut off": (
        {"a_log": old_report().partition("Total Latency")[0]}, (),
        "is incomplete or empty: no time for all requests",
    ),
    "a time that is no number": (
        {"a_json": json_report(float("nan"))}, (), "is incomplete or empty: .*no time for all requests",
    ),
    "a time below zero": ({"a_json": json_report(-500.0)}, (), "no time for all requests"),
    "lengths beyond reason": (
        {"a_json": json_report().replace("16.0", "1" + "0" * 400)}, (), "no input tokens per request",
    ),
    "JSON that is too deep": (
        {"a_json": json_report()[:-1] + ', "x": ' + "[" * 5000 + "]" * 5000 + "}"}, (), "a.json",
    ),
    "nothing": ({"a_log": "hello\n"}, (), "it contains no result of a program whose"),
    "a failure": (
        {"a_log": "$ trtllm-bench throughput\nPRTE ERROR: Bad parameter\n"}, (),
        "it reports a failure: trtllm-bench could not spawn its ranks",
    ),
    "other models": (
        {"a_log": old_report(tp=1), "b_log": old_report(tp=2)}, (), "1 rank, .*b.log of .* 2 ranks",
    ),
    "equal configurations": (
        {"a_json": json_report(500), "b_json": json_report(600)}, (), "which cannot be told apart",
    ),
    "too few limits": (
        {"a_json": json_report(500), "b_json": json_report(600)}, (4,), "1 number for 2 benchmarks",
    ),
    "a limit that is not the log's": (
        {"a_log": "trtllm-bench throughput --concurrency 8\n" + new_report()}, (4,),
        "was measured with 8, not 4",
    ),
    "iterations of one of two": (
        {"a_json": json_report(500), "b_json": json_report(600), "i_log": "{'iterLatencyMS': 2.5}\n"}, (1, 2),
        "it is not known to which of 2 benchmarks",
    ),
    "requests twice": (
        {"a_json": json_report(), "r_json": request_file(), "s_json": request_file()}, (),
        "is also what --request_json wrote",
    ),
    "a limit for nothing": (
        {"a_csv": "x\n[BENCHMARK] engine_dir e batch_size 1 input_length 2 latency(ms) 3\n"}, (4,),
        "needs results of trtllm-bench",
    ),
    "both tools in one file": (
        {"a_log": old_report() + "\n[BENCHMARK] engine_dir e batch_size 1 latency(ms) 3\n"}, (),
        "which are two engines",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_which_file_and_why(tmp_path: Path, case: str) -> None:
    files, concurrency, said = REFUSED[case]
    with pytest.raises(UserError, match=said) as caught:
        import_files(written(tmp_path, **files), concurrency)
    assert str(tmp_path) in str(caught.value) or "--concurrency" in str(caught.value)
    assert read_entries() == [], "nothing is taken in when something is wrong"


def test_numbers_after_concurrency(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["import", "x", "--concurrency", "4;16"])
    assert ended.value.code == 2
    assert "'4;16' is not a list of whole numbers like 4,16" in capsys.readouterr().err


def test_a_file_is_taken_once(tmp_path: Path) -> None:
    paths: list[Any] = written(tmp_path, bench_log=old_report())
    assert len(import_files(paths * 2)) == 1
