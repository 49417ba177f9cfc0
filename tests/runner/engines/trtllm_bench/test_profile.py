"""Rules between the fields of a trtllm-bench profile; each error states what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from runner.engines.trtllm_bench.profile import BenchProfile
from runner.profile.yaml_file import ProfileError, decode, load_text, to_yaml
from tests.integration.trtllm.support import merged

BASE: dict[str, Any] = {
    "name": "b",
    "engine": "trtllm-bench",
    "model": {"name": "meta-llama/Llama-3.1-8B", "dir": "/models/l"},
}


def made(**changes: Any) -> BenchProfile:
    profile = decode(merged(BASE, changes), "b.yaml")
    assert isinstance(profile, BenchProfile)
    return profile


BROKEN: list[tuple[dict[str, Any], str, str]] = [
    ({"model": {"name": "/models/l"}}, "model.name", "a folder belongs in model.dir"),
    ({"model": {"dir": "models"}}, "model.dir", "is not absolute"),
    ({"dataset": {"file": "mine.jsonl"}}, "dataset.file", "is not absolute"),
    ({"dataset": {"input_spread": 3}}, "dataset.input_spread", "has no effect with lengths: fixed"),
    ({"dataset": {"lengths": "uniform", "output_len": 4, "output_spread": 4}}, "dataset.output_spread",
     "allowed: up to 3"),
    ({"dataset": {"num_requests": 5}, "benchmark": {"num_requests": 6}}, "benchmark.num_requests", "more"),
    ({"build": {"by": "limits", "max_batch_size": 4}}, "build.max_num_tokens", "missing"),
    ({"build": {"max_batch_size": 4}}, "build.max_batch_size", "has no effect with by: dataset"),
    ({"build": {"max_seq_len": 4}}, "build.max_seq_len", "comes from the dataset"),
    ({"build": {"by": "lengths"}, "dataset": {"file": "/x"}}, "build.by", "use dataset or limits"),
    ({"parallel": {"tp": 8, "pp": 2}}, "parallel.tp", "allowed: up to 8 ranks"),
    ({"benchmark": {"concurrency": [1, 1]}}, "benchmark.concurrency", "names a value twice"),
    ({"benchmark": {"command": "latency", "streaming": True}}, "benchmark.streaming", "always streams"),
    ({"benchmark": {"max_seq_len": 9}}, "benchmark.max_seq_len", "an engine has it built in"),
    ({"benchmark": {"backend": "pytorch"}, "paths": {"engine_dir": "/e"}}, "paths.engine_dir", "no engine"),
    ({"benchmark": {"slo": {"ttft_ms": 200}}}, "benchmark.slo.ttft_ms", "set benchmark.streaming: true"),
    ({"benchmark": {"extra_args": ["--streaming"]}}, "benchmark.extra_args", "streaming instead"),
    ({"benchmark": {"extra_args": ["--tp=2"]}}, "benchmark.extra_args", "already sets this option"),
    ({"launch": {"env": {"TLLM_LOG_LEVEL": "ERROR"}}}, "launch.env.TLLM_LOG_LEVEL", "hides the report"),
    ({"launch": {"container": {"exec": "a", "run": "b"}}}, "launch.container", "exactly one of"),
    ({"paths": {"work": "work"}}, "paths.work", "is not absolute"),
    ({"stages": ["build", "build"]}, "stages", "names a stage twice"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "path", "said"), BROKEN, ids=lambda value: str(value)[:30])
def test_a_broken_rule(changes: dict[str, Any], path: str, said: str) -> None:
    with pytest.raises(ProfileError) as caught:
        made(**changes)
    assert [problem.path for problem in caught.value.problems] == [path]
    assert said in caught.value.problems[0].message


def test_values_have_limits_of_their_own() -> None:
    with pytest.raises(ProfileError, match="above 0, 1 or less"):
        made(benchmark={"kv_cache_free_gpu_mem_fraction": 1.5})
    with pytest.raises(ProfileError, match="allowed: latency, throughput"):
        made(benchmark={"command": "speed"})


def test_it_survives_being_written() -> None:
    profile = made(
        benchmark={"backend": "pytorch", "concurrency": [1, 8], "chunked_context": False, "eos_id": -1},
        dataset={"lengths": "normal", "input_spread": 9},
    )
    assert load_text(to_yaml(profile), "b.yaml") == profile


def test_what_is_not_wanted_says_why() -> None:
    assert str(made(benchmark={"backend": "pytorch"}).skip_reason("build")).startswith("not needed: ")
    assert str(made(paths={"engine_dir": "/e"}).skip_reason("build")) == "given: paths.engine_dir /e"
    assert str(made(stages=["build"]).skip_reason("benchmark")) == "not asked for"
