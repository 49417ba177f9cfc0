"""Files that cannot be imported as results of trtllm-bench: which file, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.archive.import_results import import_files
from runner.cli.main import main
from runner.history.reader import read_entries
from runner.util.errors import UserError
from tests.support.bench_results import json_report, new_report, old_report, request_file, written

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
        {"a_json": json_report()[:-1] + ', "x": ' + "[" * 100_000 + "]" * 100_000 + "}"}, (), "a.json",
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
