"""Reading config.json of models and engines, and parsing versions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runner.engines.tensorrt_llm.engine_config import read_engine
from runner.engines.tensorrt_llm.model_config import read_config
from runner.engines.tensorrt_llm.versions import Version, example_folder, why_unsupported
from runner.engines.trtllm.compatibility import mismatches
from runner.engines.trtllm.profile import TrtllmProfile
from runner.profile.yaml_file import load_text

QWEN_32B = {
    "hidden_size": 5120,
    "num_attention_heads": 40,
    "num_key_value_heads": 8,
    "num_hidden_layers": 64,
    "max_position_embeddings": 32768,
    "torch_dtype": "bfloat16",
}
GPT_J = {"n_embd": 4096, "n_head": 16, "n_layer": 28, "n_positions": 2048}
FALCON_7B = {"hidden_size": 4544, "num_attention_heads": 71, "num_hidden_layers": 32, "multi_query": True}
FALCON_180B = {
    "hidden_size": 14848,
    "num_attention_heads": 232,
    "num_kv_heads": 8,
    "num_hidden_layers": 80,
    "multi_query": True,
    "new_decoder_architecture": True,
}


@pytest.mark.parametrize(
    ("config", "heads", "kv_heads", "layers", "head_dim"),
    [
        (QWEN_32B, 40, 8, 64, 128),
        (GPT_J, 16, 16, 28, 256),
        (FALCON_7B, 71, 1, 32, 64),
        (FALCON_180B, 232, 8, 80, 64),
    ],
)
def test_models_of_many_families(
    config: dict[str, Any], heads: int, kv_heads: int, layers: int, head_dim: int
) -> None:
    model = read_config(json.dumps(config).encode())
    assert model is not None
    assert (model.heads, model.kv_heads, model.layers, model.head_dim) == (heads, kv_heads, layers, head_dim)


@pytest.mark.parametrize(
    ("scaling", "longest"),
    [
        ({"type": "linear", "factor": 4.0}, 131072),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}, 131072),
        ({"type": "linear", "factor": 1.5}, 49152),
        ({"rope_type": "llama3", "factor": 8.0}, 32768),
        ({"type": "su", "long_factor": [1.0]}, 32768),
        (None, 32768),
    ],
)
def test_a_scaled_rotary_embedding_makes_longer_sequences(scaling: Any, longest: int) -> None:
    model = read_config(json.dumps(QWEN_32B | {"rope_scaling": scaling}).encode())
    assert model is not None
    assert model.max_position == longest


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{", b'{"num_attention_heads": true}'])
def test_what_is_no_config(content: bytes | None) -> None:
    assert read_config(content) is None


def test_allowed_tp() -> None:
    model = read_config(json.dumps(QWEN_32B).encode())
    assert model is not None
    assert model.allowed_tp() == [1, 2, 4, 8, 40]
    assert model.cache_bytes_per_token(tp=8, bytes_each=2) == 32768
    assert model.cache_bytes_per_token(tp=40, bytes_each=2) == 32768, "key/value heads are repeated"


ENGINE: dict[str, Any] = {
    "version": "0.16.0",
    "pretrained_config": {
        "architecture": "Qwen2ForCausalLM",
        "dtype": "float16",
        "mapping": {"world_size": 2, "tp_size": 2, "pp_size": 1},
    },
    "build_config": {
        "max_batch_size": 16,
        "max_input_len": 1024,
        "max_seq_len": 2048,
        "max_num_tokens": 8192,
        "max_beam_width": 1,
        "weight_streaming": False,
        "plugin_config": {"multiple_profiles": False, "remove_input_padding": True},
    },
}


def profile(**benchmark: Any) -> TrtllmProfile:
    lines = json.dumps({"batch_size": [8], "input_output_len": [[512, 512]]} | benchmark)
    loaded = load_text(
        "{name: p, engine: trtllm, model: {family: qwen}, parallel: {tp: 2}, stages: [benchmark],"
        f" paths: {{engine_dir: /e}}, benchmark: {lines}}}",
        "p.yaml",
    )
    assert isinstance(loaded, TrtllmProfile)
    return loaded


def engine(**parts: Any) -> list[str]:
    """Mismatches of the engine above, with parts of it changed, and of a profile that fits it."""
    return mismatches_of({name: ENGINE[name] | part for name, part in parts.items()})


def mismatches_of(config: dict[str, Any], asked: TrtllmProfile | None = None) -> list[str]:
    read = read_engine(json.dumps(ENGINE | config).encode())
    assert read is not None
    return mismatches(read, asked or profile())


def test_an_engine_that_fits() -> None:
    assert mismatches_of(ENGINE) == []


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (
            {"batch_size": [8, 32], "input_output_len": [[16, 16]]},
            "batch size 32 is more than the engine's max_batch_size 16",
        ),
        (
            {"batch_size": [1], "input_output_len": [[2000, 10]]},
            "input length 2000 is more than the engine's max_input_len 1024",
        ),
        (
            {"batch_size": [1], "input_output_len": [[1000, 1100]]},
            "input + output length 2100 is more than the engine's max_seq_len 2048",
        ),
        (
            {"batch_size": [16], "input_output_len": [[1024, 1024]]},
            "batch size 16 x input length 1024 = 16384 tokens in one step,"
            " more than the engine's max_num_tokens 8192",
        ),
        (
            {"gpu_weights_percent": [0.5]},
            "gpu_weights_percent below 1 needs an engine built with --weight_streaming",
        ),
        (
            {"dtype": "bfloat16"},
            "the engine's dtype is float16, benchmark.dtype says bfloat16; remove the line",
        ),
    ],
)
def test_what_the_benchmark_asks_too_much(asked: dict[str, Any], sentence: str) -> None:
    assert mismatches_of(ENGINE, profile(**asked)) == [sentence]


def test_engines_that_benchmark_py_cannot_run() -> None:
    assert engine(pretrained_config={"mapping": {"world_size": 8, "tp_size": 8}}) == [
        "the engine is built for 8 ranks (tp 8, pp 1), the profile starts 2; set parallel.tp: 8"
    ]
    assert engine(pretrained_config={"mapping": {"world_size": 2, "tp_size": 1, "pp_size": 2}}) == [
        "the engine is pipeline parallel (pp 2), which benchmark.py measures wrong"
    ]
    assert engine(build_config={"plugin_config": {"multiple_profiles": True}}) == [
        "the engine has several optimisation profiles, which benchmark.py cannot run;"
        " build it with --multiple_profiles disable"
    ]


def test_a_checkpoint_is_no_engine() -> None:
    assert read_engine(b'{"architecture": "Qwen2ForCausalLM", "dtype": "float16"}') is None


@pytest.mark.parametrize(
    ("text", "parsed"), [("0.16.0", (0, 16)), ("0.17.0.post1", (0, 17)), ("1.0.0rc3", (1, 0))]
)
def test_versions(text: str, parsed: tuple[int, int]) -> None:
    version = Version.parse(text)
    assert (version.major, version.minor) == parsed
    assert str(version) == text


def test_which_versions_can_be_driven() -> None:
    assert [text for text in ("0.12.0", "0.16.0", "0.19.0") if why_unsupported(Version.parse(text))] == []
    assert why_unsupported(Version.parse("0.11.0")) == (
        "TensorRT-LLM 0.11.0 has an older benchmark.py, which takes names of models;"
        " use TensorRT-LLM 0.12 to 0.19"
    )


def test_the_examples_moved() -> None:
    assert example_folder("llama", None) == "examples/llama"
    assert example_folder("llama", Version.parse("0.19.0")) == "examples/llama"
    assert example_folder("llama", Version.parse("0.20.0")) == "examples/models/core/llama"
    assert example_folder("gptj", Version.parse("0.20.0")) == "examples/models/contrib/gptj"
    assert example_folder("medusa", Version.parse("1.0.0")) == "examples/medusa"
    assert example_folder("falcon", Version.parse("0.19.0")) == "examples/falcon"
