"""The built-in profiles load, and their descriptions are true."""

from __future__ import annotations

import pytest

from runner.engines.registry import make_plan
from runner.engines.tensorrt_llm.model_config import ModelConfig
from runner.engines.trtllm.profile import TrtllmProfile
from runner.engines.trtllm_bench.options import MODELS_OF_BUILD
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.profile.store import StoredProfile, list_profiles
from runner.profile.yaml_file import load_text, to_yaml

# Query heads, key/value heads, longest sequence of each model, from its config.json.
MODELS = {
    "qwen2.5-0.5b": (14, 2, 32768),
    "qwen2.5-1.5b": (12, 2, 32768),
    "qwen2.5-3b": (16, 2, 32768),
    "qwen2.5-7b": (28, 4, 32768),
    "qwen2.5-14b": (40, 8, 32768),
    "qwen2.5-32b": (40, 8, 32768),
    "qwen2.5-72b": (64, 8, 32768),
    "llama-2-7b": (32, 32, 4096),
    "llama-2-13b": (40, 40, 4096),
    "llama-2-70b": (64, 8, 4096),
    "llama-3-8b": (32, 8, 8192),
    "llama-3-70b": (64, 8, 8192),
    "llama-3.1-8b": (32, 8, 131072),
    "llama-3.1-70b": (64, 8, 131072),
    "llama-3.1-405b": (128, 8, 131072),
    "mistral-7b": (32, 8, 32768),
    "mixtral-8x7b": (32, 8, 32768),
    "falcon-7b": (71, 1, 2048),
    "falcon-180b": (232, 8, 2048),
    "gpt-j-6b": (16, 16, 2048),
}
DTYPES = {"fp16": "float16", "bf16": "bfloat16", "int8": "float16", "awq": "float16", "fp8": "bfloat16"}

BUILT_IN = [stored for stored in list_profiles() if stored.origin == "built in"]
"""without those of the developer, whose folder is known before a test has its own"""
OF_TENSORRT_LLM = [loaded for stored in BUILT_IN if isinstance(loaded := stored.load(), TrtllmProfile)]


@pytest.fixture(params=BUILT_IN, ids=lambda stored: stored.name)
def stored(request: pytest.FixtureRequest) -> StoredProfile:
    assert isinstance(request.param, StoredProfile)
    return request.param


def test_loads_says_what_it_is_for_and_survives_saving(stored: StoredProfile) -> None:
    profile = stored.load()
    assert profile.description
    assert load_text(to_yaml(profile), stored.name) == profile


def test_is_documentation(stored: StoredProfile) -> None:
    lines = stored.path.read_text().splitlines()
    assert lines[0].startswith("# ")
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 120


def test_every_model_has_a_profile() -> None:
    names = [stored.name for stored in BUILT_IN]
    for model in MODELS:
        assert [name for name in names if name.startswith(f"{model}-")], model


def test_every_model_of_trtllm_bench_0_16_has_a_profile() -> None:
    named = {loaded.model.name for stored in BUILT_IN if isinstance(loaded := stored.load(), BenchProfile)}
    assert set(MODELS_OF_BUILD) <= named


@pytest.mark.parametrize("name", [stored.name for stored in BUILT_IN if stored.name.startswith("bench-")])
def test_a_profile_of_trtllm_bench_has_a_plan_anywhere(name: str) -> None:
    profile = next(stored for stored in BUILT_IN if stored.name == name).load()
    assert isinstance(profile, BenchProfile)
    assert name.endswith(f"-tp{profile.parallel.tp}")
    stages = [stage.name for stage in make_plan(profile).stages]
    build = ["build"] if profile.needs_engine else []
    assert stages == ["dataset", *build, *["benchmark"] * max(1, len(profile.benchmark.concurrency))]
    assert str(profile.dataset.num_requests) in profile.description or profile.benchmark.concurrency


@pytest.fixture(params=OF_TENSORRT_LLM, ids=lambda profile: profile.name)
def profile(request: pytest.FixtureRequest) -> TrtllmProfile:
    assert isinstance(request.param, TrtllmProfile)
    return request.param


def test_name_tells_model_dtype_and_tp(profile: TrtllmProfile) -> None:
    model, dtype, tp = profile.name.removesuffix("-ep2").rsplit("-", 2)
    assert model in MODELS
    assert profile.model.dtype == DTYPES[dtype]
    assert f"tp{profile.parallel.tp}" == tp


def test_tp_and_lengths_fit_the_model(profile: TrtllmProfile) -> None:
    heads, kv_heads, longest = MODELS[profile.name.removesuffix("-ep2").rsplit("-", 2)[0]]
    model = ModelConfig(heads=heads, kv_heads=kv_heads, layers=1, head_dim=1)
    assert model.tp_problem(profile.parallel.tp) == ""
    assert max(sum(pair) for pair in profile.benchmark.input_output_len) <= longest


def test_the_engine_is_as_large_as_its_benchmark(profile: TrtllmProfile) -> None:
    """Larger limits cost memory and speed, so a benchmark of the engine would not be an honest one."""
    build, benchmark = profile.build, profile.benchmark
    batch, entry = max(benchmark.batch_size), max(pair[0] for pair in benchmark.input_output_len)
    assert build.max_batch_size == batch
    assert build.max_input_len == entry
    assert build.max_num_tokens == batch * entry
    total = max(sum(pair) for pair in benchmark.input_output_len)
    assert build.max_seq_len in (None, total)


def test_has_a_plan_anywhere(profile: TrtllmProfile) -> None:
    """Also on a machine without GPU, model and TensorRT-LLM, to see what it would run."""
    names = [stage.name for stage in make_plan(profile).stages]
    assert names == [profile.checkpoint_stage, "build", "smoke", "benchmark"]
