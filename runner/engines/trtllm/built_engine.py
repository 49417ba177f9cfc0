"""Make a profile for an existing TensorRT-LLM engine from its `config.json`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

from runner.engines.tensorrt_llm.engine_config import EngineConfig, read_checkpoint, read_engine
from runner.engines.trtllm.profile import Dtype
from runner.util.errors import UserError
from runner.util.files import read_file

FAMILIES = {"QWen": "qwen", "GPTJ": "gptj", "GPTNeoX": "gptneox", "Llama": "llama"}
"""architecture without `ForCausalLM` -> folder of its family in examples/"""
ENCODERS = ("Bert", "Roberta")
LIMITS = (
    "max_batch_size", "max_input_len", "max_encoder_input_len", "max_seq_len", "max_num_tokens",
    "max_beam_width",
)  # fmt: skip
BATCH_SIZE, INPUT_LEN, OUTPUT_LEN = 8, 128, 20
"""The shape that is measured, unless the engine is built for less."""


def profile_data(path: Path) -> dict[str, Any]:
    """Return the plain data of a profile for the engine in a folder, with a benchmark within its limits.

    Raises:
        UserError: the folder has no engine, or one that cannot be benchmarked.
    """
    config = _read(path)
    build, mapping = config.build_config, config.pretrained_config.mapping
    architecture = config.pretrained_config.architecture
    whole = build.max_seq_len
    if _config_of(path).parent == path:
        input_len = _at_most(INPUT_LEN, build.max_input_len, whole and whole - 1)
        output_len = _at_most(OUTPUT_LEN, whole and whole - input_len)
    else:
        input_len, output_len = _at_most(INPUT_LEN, build.max_encoder_input_len), _at_most(OUTPUT_LEN, whole)
    batch_size = _at_most(
        BATCH_SIZE, build.max_batch_size, build.max_num_tokens and build.max_num_tokens // input_len
    )
    limits = {name: getattr(build, name) for name in LIMITS if getattr(build, name)}
    data: dict[str, Any] = {
        "name": _name(path),
        "description": f"the engine in {path}"
        + (f", TensorRT-LLM {config.version}" if config.version else ""),
        "engine": "trtllm",
        "model": {"family": _family(architecture), **_dtype(config.pretrained_config.dtype)},
        "parallel": {"tp": mapping.tp_size, "pp": mapping.pp_size},
        "build": limits,
        "benchmark": {"batch_size": [batch_size], "input_output_len": [[input_len, output_len]]},
        "stages": ["benchmark"],
        "paths": {"engine_dir": str(path)},
    }
    if _config_of(path).parent != path:
        data["benchmark"]["mode"] = "enc-dec"
        data["model"]["family"] = config.pretrained_config.model_type or "enc_dec"
    if architecture.startswith(ENCODERS):
        data["benchmark"] |= {"mode": "enc", "input_len": [input_len]}
    return data


def _at_most(wanted: int, *limits: int | None) -> int:
    return max(1, min([wanted, *(limit for limit in limits if limit)]))


def _read(path: Path) -> EngineConfig:
    if not path.is_dir():
        raise UserError(f"{path}: no such folder")
    try:
        content = read_file(_config_of(path))
    except FileNotFoundError:
        raise UserError(f"{path}: this folder has no engine: config.json is missing") from None
    except OSError as error:
        raise UserError(f"{path / 'config.json'}: cannot read it: {error.strerror}") from None
    config = read_engine(content)
    if config is None and read_checkpoint(content) is not None and (path / "rank0.safetensors").exists():
        raise UserError(f"{path}: a checkpoint, not an engine; set paths.checkpoint_dir in a profile")
    if config is None:
        raise UserError(f"{path / 'config.json'}: not the config of an engine: it has no build_config")
    return config


def _config_of(path: Path) -> Path:
    """Return the config of an engine; of an encoder and a decoder the latter has the limits of both."""
    own, decoder = path / "config.json", path / "decoder" / "config.json"
    return decoder if decoder.exists() and not own.exists() else own


def _family(architecture: str) -> str:
    stem = re.sub(r"(ForCausalLM|LMHeadModel|Model)$", "", architecture)
    return FAMILIES.get(stem, stem.lower()) or "unknown"


def _dtype(dtype: str) -> dict[str, str]:
    return {"dtype": dtype} if dtype in get_args(Dtype) else {}


def _name(path: Path) -> str:
    """Return a name from the last two parts of the path; the last alone is often `1-gpu`."""
    parts = [part for part in path.parts[-2:] if part != "/"]
    return (re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(parts)).strip("-._") or "engine")[:64]
