"""JSON of other programs: half a character, which no log can store, and lists that are too deep."""

from __future__ import annotations

import math

import pytest

from runner.cli.main import main
from runner.engines.trtllm_bench.output import json_report
from runner.history.reader import read_entries
from runner.util.foreign_json import decode_json
from tests.support.paths import DATA


def test_half_a_character_becomes_a_question_mark() -> None:
    assert decode_json(r'{"a": "x\ud800", "\udfff": NaN}') == {
        "a": "x?",
        "?": pytest.approx(math.nan, nan_ok=True),
    }
    assert decode_json(r'["\ud83d\ude00"]') == ["\U0001f600"]


def test_what_is_too_deep_is_not_valid() -> None:
    with pytest.raises(ValueError, match="too deep"):
        decode_json("[" * 100_000)


def test_a_result_with_half_a_character_is_imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    text = (DATA / "serving-results" / "vllm-0.33.0.json").read_text()
    file = tmp_path_factory.mktemp("results") / "x.json"
    file.write_text(text.replace('"backend": "openai"', r'"backend": "open\ud800ai"'))
    assert main(["import", str(file)]) == 0
    assert [entry.status for entry in read_entries()] == ["finished"]
    assert json_report(rb'{"engine": {"version": {"x": "\ud800"}}}') == {"engine.version.x": "?"}
