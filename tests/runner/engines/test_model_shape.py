"""Reading a model's shape from the config.json of a Hugging Face folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from runner.engines.build_cache import HOST
from runner.engines.model_shape import RopeScaling, TransformerShape, read_shape
from runner.engines.tensorrt_llm.engine_config import read_checkpoint, read_engine
from runner.engines.tensorrt_llm.model_config import read_config
from runner.engines.tensorrt_llm.model_work import decode_config
from runner.util.errors import UserError

LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "rms_norm_eps": 1e-5,
    "rope_theta": 500000.0,
}


def shape_of(folder: Path, config: object) -> TransformerShape:
    (folder / "config.json").write_text(json.dumps(config))
    return read_shape(folder)


def test_llama(tmp_path: Path) -> None:
    assert shape_of(tmp_path, LLAMA) == TransformerShape(
        hidden_size=4096,
        intermediate_size=14336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        vocab_size=128256,
        rope_theta=500000.0,
        rms_norm_eps=1e-5,
    )


def test_the_number_of_weights_of_llama_3_1_8b(tmp_path: Path) -> None:
    assert shape_of(tmp_path, LLAMA).parameters == 8_030_261_248


def test_qwen2_has_biases_that_its_config_does_not_mention(tmp_path: Path) -> None:
    shape = shape_of(tmp_path, {**LLAMA, "model_type": "qwen2"})
    assert shape.attention_bias
    assert shape.parameters == 8_030_261_248 + 32 * (4096 + 2 * 1024)


def test_rope_parameters_of_newer_configs(tmp_path: Path) -> None:
    config = {key: value for key, value in LLAMA.items() if key != "rope_theta"}
    assert shape_of(tmp_path, {**config, "rope_parameters": {"rope_theta": 1e6}}).rope_theta == 1e6
    assert shape_of(tmp_path, {**config, "rope_parameters": None}).rope_theta == 10000.0
    assert shape_of(tmp_path, {**config, "rope_parameters": [1]}).rope_theta == 10000.0


def test_qwen3_has_norms_that_its_config_does_not_mention(tmp_path: Path) -> None:
    shape = shape_of(tmp_path, {**LLAMA, "model_type": "qwen3", "head_dim": 64})
    assert shape.qk_norm
    assert shape.width_of_head == 64


def test_scaling_of_llama_3_1(tmp_path: Path) -> None:
    scaling: dict[str, Any] = {
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    read = shape_of(tmp_path, {**LLAMA, "rope_scaling": {"rope_type": "llama3", **scaling}}).rope_scaling
    assert read == RopeScaling(**scaling)
    newer = {"rope_type": "llama3", "rope_theta": 5e5, **scaling}
    assert shape_of(tmp_path, {**LLAMA, "rope_parameters": newer}).rope_scaling == read
    with pytest.raises(UserError, match=r"config\.json: rope_scaling\.factor: missing"):
        shape_of(tmp_path, {**LLAMA, "rope_scaling": {"type": "llama3"}})


def test_a_model_from_before_grouped_queries(tmp_path: Path) -> None:
    config = {key: value for key, value in LLAMA.items() if key not in ("num_key_value_heads", "model_type")}
    assert shape_of(tmp_path, config).num_key_value_heads == 32


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            {**LLAMA, "model_type": "mamba"},
            "the torch engine does not support model_type 'mamba'; allowed: llama, mistral, qwen2, qwen3",
        ),
        (
            {**LLAMA, "hidden_size": None, "vocab_size": None},
            "hidden_size, vocab_size missing, so the model's shape is not known",
        ),
        (
            {**LLAMA, "hidden_size": "4096"},
            'hidden_size: the text "4096" is not allowed; allowed: a whole number, 1 or more',
        ),
        (
            {**LLAMA, "rope_theta": "big"},
            'rope_theta: the text "big" is not allowed; allowed: a number, above 0',
        ),
        ([1, 2], "expected a JSON object with the model's shape"),
    ],
)
def test_configs_that_cannot_be_used(tmp_path: Path, config: object, expected: str) -> None:
    with pytest.raises(UserError) as raised:
        shape_of(tmp_path, config)
    assert str(raised.value) == f"{tmp_path}/config.json: {expected}"


def test_no_config(tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised:
        read_shape(tmp_path)
    assert str(raised.value) == (
        f"model.dir: cannot read {tmp_path}/config.json: No such file or directory\n"
        "give the folder of a Hugging Face model, the one with config.json"
    )


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b""])
def test_a_config_that_is_no_json(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(UserError, match=r"config\.json: not valid JSON"):
        read_shape(tmp_path)


@pytest.mark.parametrize(
    "content", ['{"x":' + "[" * 50_000, '{"torch_dtype":[]', "pipe"], ids=["deep", "damaged", "pipe"]
)
def test_a_strange_config_is_one_sentence(content: str, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    if content == "pipe":
        os.mkfifo(file)
    else:
        file.write_text(content)
    with pytest.raises(UserError, match="not valid JSON"):
        read_shape(tmp_path)
    found = HOST.read(str(file))
    assert (read_config(found), read_engine(found), read_checkpoint(found)) == (None, None, None)
    with pytest.raises(UserError, match="could be read"):
        decode_config(found)


def test_a_type_of_weights_that_is_no_text_is_unknown() -> None:
    config = {"num_attention_heads": 8, "num_hidden_layers": 2, "hidden_size": 64, "torch_dtype": ["a"]}
    found = read_config(json.dumps(config).encode())
    assert found is not None
    assert found.dtype is None
