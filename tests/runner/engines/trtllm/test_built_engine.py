"""Making a profile from the config.json of an existing engine, or rejecting it with the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.engines.tensorrt_llm.engine_config import read_engine
from runner.engines.trtllm.compatibility import mismatches
from runner.engines.trtllm.profile import TrtllmProfile
from runner.profile.built_engine import profile_of_engine
from runner.profile.yaml_file import load_text, to_yaml
from runner.util.errors import UserError


def engine(folder: Path, *, mapping: dict[str, int] | None = None, **build: Any) -> Path:
    folder.mkdir(parents=True)
    config = {
        "version": "0.16.0",
        "pretrained_config": {
            "architecture": "QWenForCausalLM",
            "dtype": "bfloat16",
            "mapping": {"world_size": 8, "tp_size": 8, "pp_size": 1, **(mapping or {})},
        },
        "build_config": {"max_batch_size": 16, "max_input_len": 1024, "max_seq_len": 2048, **build},
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def imported(folder: Path) -> TrtllmProfile:
    profile = profile_of_engine(folder)
    assert isinstance(profile, TrtllmProfile)
    return profile


def test_what_the_config_says_fills_the_profile(tmp_path: Path) -> None:
    folder = engine(tmp_path / "qwen2.5-32b" / "8-gpu", max_num_tokens=16384)
    profile = imported(folder)
    assert profile.name == "qwen2.5-32b-8-gpu"
    assert (profile.model.family, profile.model.dtype, profile.parallel.tp) == ("qwen", "bfloat16", 8)
    assert (profile.build.max_batch_size, profile.build.max_seq_len) == (16, 2048)
    assert profile.paths.engine_dir == str(folder)
    assert profile.stages == ["benchmark"]
    assert load_text(to_yaml(profile), "again") == profile


def test_a_folder_with_encoder_and_decoder_is_an_engine(tmp_path: Path) -> None:
    both = tmp_path / "t5"
    engine(both / "encoder", max_input_len=512)
    engine(both / "decoder", max_encoder_input_len=64, max_input_len=1, max_seq_len=16)
    profile = imported(both)
    assert (profile.benchmark.mode, profile.model.family) == ("enc-dec", "enc_dec")
    assert profile.benchmark.input_output_len == [(64, 16)]
    assert profile.paths.engine_dir == str(both)


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"max_batch_size": 1, "max_input_len": 16, "max_seq_len": 20},
        {"max_batch_size": 64, "max_num_tokens": 128},
        {"max_input_len": None, "max_seq_len": None, "max_batch_size": None},
        {"max_seq_len": 2},
    ],
)
def test_the_benchmark_fits_the_engine(tmp_path: Path, limits: dict[str, Any]) -> None:
    folder = engine(tmp_path / "e", **limits)
    config = read_engine((folder / "config.json").read_bytes())
    assert config is not None
    assert mismatches(config, imported(folder)) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "this folder has no engine: config.json is missing"),
        ("not json", "it has no build_config"),
        ('{"dtype": "float16", "mapping": {}}', "it has no build_config"),
    ],
)
def test_what_is_no_engine_is_said_in_a_sentence(tmp_path: Path, content: str | None, sentence: str) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(UserError, match=sentence):
        profile_of_engine(tmp_path)


def test_a_checkpoint_is_told_from_an_engine(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"dtype": "float16", "mapping": {"tp_size": 2}}')
    (tmp_path / "rank0.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match="a checkpoint, not an engine"):
        profile_of_engine(tmp_path)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        profile_of_engine(tmp_path / "nowhere")


def test_an_engine_that_benchmark_py_measures_wrong_is_rejected(tmp_path: Path) -> None:
    folder = engine(tmp_path / "e", mapping={"tp_size": 4, "pp_size": 2})
    with pytest.raises(UserError, match="pp 2 is measured wrong"):
        profile_of_engine(folder)
