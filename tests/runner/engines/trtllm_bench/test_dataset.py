"""Requests of trtllm-bench: reproducible generated ones, and checks of a user's file."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runner.engines.tensorrt_llm.versions import Version
from runner.engines.trtllm_bench.dataset import summarize_file, summarize_settings, token_key_of
from runner.engines.trtllm_bench.plan import MAKER
from runner.engines.trtllm_bench.profile import Dataset
from runner.ranks.dataset import FILE, all_lengths, tokens
from runner.util.errors import UserError
from tests import standins


def made(folder: Path, *words: str) -> list[dict[str, Any]]:
    """What the script writes, as the stage runs it."""
    argv = [sys.executable, "-I", str(MAKER), "--output", str(folder), *words]
    subprocess.run(argv, check=True, capture_output=True)
    return [json.loads(line) for line in (folder / FILE).read_text().splitlines()]


def test_the_same_settings_make_the_same_requests(tmp_path: Path) -> None:
    words = ["--lengths", "normal", "--input_len", "20", "--input_spread", "4", "--num_requests", "30"]
    first, second = made(tmp_path / "a", *words), made(tmp_path / "b", *words)
    assert first == second
    assert first != made(tmp_path / "c", *words, "--seed", "1")
    assert [request["task_id"] for request in first] == list(range(30))
    assert {request["output_tokens"] for request in first} == {128}
    # These very numbers, on every version of Python and every machine.
    assert [len(request["input_ids"]) for request in first[:3]] == [20, 16, 16]
    assert first[0]["input_ids"][:4] == [4386, 27133, 24464, 8236]


@pytest.mark.parametrize(
    ("form", "keys"),
    [("logits", {"logits"}), ("input_ids", {"input_ids"}), ("both", {"logits", "input_ids"})],
)
def test_the_key_is_that_of_the_version(tmp_path: Path, form: str, keys: set[str]) -> None:
    (request,) = made(tmp_path, "--form", form, "--num_requests", "1", "--input_len", "3")
    assert set(request) == {"task_id", "output_tokens"} | keys
    assert all(len(request[key]) == 3 for key in keys)


@pytest.mark.parametrize(("version", "form"), [("0.14", "logits"), ("0.16", "both"), ("1.2", "input_ids")])
def test_the_form_of_a_version(version: str, form: str) -> None:
    assert token_key_of(Version.parse(version)) == form


def test_lengths_are_distributed_as_asked() -> None:
    entries = [entry for entry, _ in all_lengths("normal", (100, 50), (10, 0), 4000, 0)]
    assert statistics.mean(entries) == pytest.approx(100, abs=1)
    assert statistics.stdev(entries) == pytest.approx(10, abs=0.5)
    around = [output for _, output in all_lengths("uniform", (100, 50), (0, 5), 4000, 0)]
    assert (min(around), max(around)) == (45, 55)
    assert statistics.mean(around) == pytest.approx(50, abs=0.3)
    assert min(entry for entry, _ in all_lengths("normal", (2, 1), (5, 0), 500, 0)) == 1


def test_what_is_planned_is_what_is_made(tmp_path: Path) -> None:
    dataset = Dataset(lengths="uniform", input_len=30, input_spread=9, output_len=8, num_requests=50, seed=3)
    planned = summarize_settings(dataset)
    words = ["--lengths", "uniform", "--input_len", "30", "--input_spread", "9", "--output_len", "8"]
    requests = made(tmp_path, *words, "--num_requests", "50", "--seed", "3")
    assert planned.count == len(requests)
    assert planned.longest == max(len(r["input_ids"]) + r["output_tokens"] for r in requests)
    assert planned.mean_input == pytest.approx(sum(len(r["input_ids"]) for r in requests) / 50)


def test_tokens_are_in_the_vocabulary_and_not_special(tmp_path: Path) -> None:
    model = standins.make_model(tmp_path / "model")  # 1000 tokens
    (model / "tokenizer.json").write_text(json.dumps({"added_tokens": [{"id": 500}, {"id": 999}]}))
    found = tokens(None, str(model))
    assert (min(found), max(found)) == (100, 998)
    assert 500 not in found
    assert max(tokens(None, None)) == 31999
    assert tokens(150, None) == list(range(150))


# --- a file of the user -----------------------------------------------------------------------------------

GOOD = '{"task_id": 0, "input_ids": [1, 2, 3], "output_tokens": 4}'


def of(*lines: str, form: str = "input_ids") -> Any:
    return summarize_file("/data/mine.jsonl", ("\n".join(lines) + "\n").encode(), form)


def test_a_file_says_how_long_its_requests_are() -> None:
    found = of(GOOD, '{"task_id": 1, "logits": [1], "output_tokens": 10}')
    assert (found.count, found.mean_input, found.mean_output, found.longest) == (2, 2, 7, 11)
    assert of('{"task_id": 1, "prompt": "how many tokens?", "output_tokens": 10}').longest is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "is empty"),
        ("nonsense", "is not JSON"),
        ("[1]", "is not a JSON object"),
        ('{"input_ids": [1], "output_tokens": 1}', "task_id is missing"),
        ('{"task_id": "x", "input_ids": [1], "output_tokens": 1}', "task_id is 'x'"),
        ('{"task_id": 0, "input_ids": [1]}', "output_tokens is missing"),
        ('{"task_id": 0, "input_ids": [1], "output_tokens": 0}', "output_tokens is 0"),
        ('{"task_id": 0, "output_tokens": 1}', "has neither input_ids nor prompt"),
        ('{"task_id": 0, "input_ids": [], "output_tokens": 1}', "input_ids is not a list of tokens"),
        ('{"task_id": 0, "input_ids": [-1], "output_tokens": 1}', "input_ids is not a list of tokens"),
        ('{"task_id": 0, "prompt": 3, "output_tokens": 1}', "prompt is not text"),
        ('{"metadata": {}, "samples": []}', "create the file with --stdout"),
    ],
)
def test_a_wrong_line_is_told_with_its_number(line: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        of(GOOD, line, GOOD)
    assert str(caught.value).startswith("/data/mine.jsonl:2: ")
    assert said in str(caught.value)


def test_many_wrong_lines_are_not_all_listed() -> None:
    with pytest.raises(UserError) as caught:
        of(*["x"] * 100)
    numbered = [line for line in str(caught.value).splitlines() if line.startswith("/data/mine.jsonl:")]
    assert len(numbered) == 6
    assert "only the first 5 are listed" in numbered[-1]


def test_a_version_that_calls_tokens_logits_says_so() -> None:
    with pytest.raises(UserError, match="calls logits; rename the key"):
        of(GOOD, form="logits")


@pytest.mark.parametrize(("content", "said"), [(None, "cannot be read"), (b"", "has no request")])
def test_a_file_without_requests(content: bytes | None, said: str) -> None:
    with pytest.raises(UserError, match=said):
        summarize_file("/data/mine.jsonl", content, "input_ids")
