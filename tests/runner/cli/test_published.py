"""The command `published`."""

from __future__ import annotations

import json

import pytest

from runner.cli.main import main


def test_published_lists_rows_with_their_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["published", "--model", "llama-3.1-8b", "--gpu", "l40s"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Llama-3.1-8B, trtllm-bench 0.17, 2025-02: NVIDIA/TensorRT-LLM")
    words = " ".join(lines[1].split())
    assert words == "9 104.61 tokens/s fp8 tp 1 128/128 30 000 requests NVIDIA L40S"
    assert [line.split(", ")[1] for line in lines if line[0] != " "] == [
        "trtllm-bench 0.17",
        "trtllm-bench 0.15",
    ]
    assert len(lines) == 2 * 10


def test_published_as_json_and_for_an_unknown_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["published", "--model", "gpt-j", "--json"]) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (first["model"], first["batch_size"], first["value"]) == ("GPT-J-6B", 64, 10907)
    assert main(["published", "--model", "gpt-5"]) == 2
    assert "models: ChatGLM3-6B, Falcon-180B" in capsys.readouterr().err
