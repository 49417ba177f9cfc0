"""What changed from one run of a profile to the next."""

from __future__ import annotations

from runner.compare.run_changes import (
    NOTHING,
    RunConditions,
    changes_between,
    changes_text,
    previous_runs,
    read_conditions,
)
from runner.history.reader import read_entries
from tests.support.histories import ended

SETTINGS = """\
name: p
engine: trtllm
model: {family: qwen, dir: /m}
build: {max_batch_size: 16}
launch: {env: {HF_TOKEN: hf_0123456789abcdef0123456789abcdef}}
"""


def test_settings_machine_and_gpus_of_two_runs_are_compared() -> None:
    ended("aaaa", "p", ago=200, settings=SETTINGS, gpus=["NVIDIA A10"] * 2, engine="trtllm")
    changed = SETTINGS.replace("16", "32").replace("model:", "parallel: {tp: 2}\nmodel:")
    ended("bbbb", "p", ago=100, settings=changed, gpus=["NVIDIA H200"], engine="trtllm", host="bench02")
    ended("cccc", "other", ago=50)
    newest, after, before = read_entries()
    assert previous_runs([newest, after, before]) == {after.run: before}
    found = changes_between(read_conditions(before), read_conditions(after))
    assert [change.short for change in found] == [
        "tp 1→2",
        "max_batch_size 16→32",
        "machine bench01→bench02",
        "GPUs 2 × NVIDIA A10→NVIDIA H200",
    ]
    assert changes_text(found).startswith("tp 1→2, max_batch_size 16→32, ")
    assert "hf_0" not in str([read_conditions(before), found])


def test_what_only_one_run_knows_is_no_change() -> None:
    before = RunConditions({"GPU driver": "550", "machine": "a"}, {})
    after = RunConditions({"machine": "a", "TensorRT-LLM": "0.16.0"}, {})
    assert changes_between(before, after) == []
    assert changes_text([]) == NOTHING
