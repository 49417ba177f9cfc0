"""Paths and environments of the stand-ins for TensorRT-LLM 0.16; README.md describes them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
CHECKOUT = ROOT / "checkout"
BENCHMARK = CHECKOUT / "benchmarks" / "python" / "benchmark.py"

MODEL: dict[str, Any] = {
    "architectures": ["Qwen2ForCausalLM"],
    "torch_dtype": "bfloat16",
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "num_hidden_layers": 4,
    "hidden_size": 128,
    "intermediate_size": 256,
    "vocab_size": 1000,
    "max_position_embeddings": 4096,
}


def environment(*, gpu: bool = False) -> dict[str, str]:
    """Return the variables with which programs find the stand-ins; `gpu`: with real torch and nvidia-smi."""
    cpu_site, cpu_bin = ([], []) if gpu else ([str(ROOT / "cpu" / "site")], [str(ROOT / "cpu" / "bin")])
    return {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "site"), *cpu_site]),
        "PATH": os.pathsep.join([str(ROOT / "bin"), *cpu_bin, os.environ.get("PATH", os.defpath)]),
    }


def make_model(directory: Path, **changes: Any) -> Path:
    """Create a model directory with the files that a conversion reads."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps(MODEL | changes))
    return directory


def make_engine(directory: Path, *, ranks: int = 1, dtype: str = "float16", **limits: Any) -> Path:
    """Create an engine directory as trtllm-build does; `limits` replace entries of its build_config."""
    directory.mkdir(parents=True, exist_ok=True)
    model = {
        "architecture": MODEL["architectures"][0],
        "dtype": dtype,
        "mapping": {"world_size": ranks, "tp_size": ranks, "pp_size": 1},
        "quantization": {"quant_algo": None, "kv_cache_quant_algo": None},
        **{name: value for name, value in MODEL.items() if isinstance(value, int)},
    }
    build = {
        "max_batch_size": 16,
        "max_input_len": 1024,
        "max_seq_len": 2048,
        "max_num_tokens": 16384,
        "max_beam_width": 1,
        "max_encoder_input_len": 1024,
        "weight_streaming": False,
        "plugin_config": {"multiple_profiles": False},
    } | limits
    config = {"version": "0.16.0", "pretrained_config": model, "build_config": build}
    (directory / "config.json").write_text(json.dumps(config))
    for rank in range(ranks):
        (directory / f"rank{rank}.engine").write_bytes(b"engine\n")
    return directory
