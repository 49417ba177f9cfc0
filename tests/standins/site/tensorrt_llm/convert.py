"""Conversion of a model into a checkpoint: the flags of both convert_checkpoint.py, files, progress."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import tensorrt_llm
from tensorrt_llm import faults


def parser(*, dtype_auto: bool = True) -> argparse.ArgumentParser:
    """Options of examples/qwen/convert_checkpoint.py; llama has more."""
    dtypes = [*(["auto"] if dtype_auto else []), "float16", "bfloat16", "float32"]
    options = argparse.ArgumentParser()
    options.add_argument("--model_dir", default=None)
    options.add_argument("--output_dir", default="tllm_checkpoint")
    options.add_argument("--dtype", default=dtypes[0], choices=dtypes)
    options.add_argument("--weight_only_precision", default="int8", choices=["int8", "int4", "int4_gptq"])
    options.add_argument("--calib_dataset", default="ccdv/cnn_dailymail")
    options.add_argument("--smoothquant", "-sq", type=float, default=None)
    options.add_argument("--group_size", type=int, default=128)
    options.add_argument("--embedding_sharding_dim", type=int, default=0, choices=[0, 1])
    for name, number in (("tp", 1), ("pp", 1), ("moe_tp", -1), ("moe_ep", -1)):
        options.add_argument(f"--{name}_size", type=int, default=number)
    options.add_argument("--workers", type=int, default=1)
    for switch in (
        "use_weight_only", "disable_weight_only_quant_plugin", "per_channel", "per_token", "int8_kv_cache",
        "per_group", "load_model_on_cpu", "use_parallel_embedding",
    ):  # fmt: skip
        options.add_argument(f"--{switch}", action="store_true")
    return options


def convert(options: argparse.Namespace) -> None:
    """Write a checkpoint of nearly empty files."""
    print(tensorrt_llm.__version__)
    began = time.monotonic()
    faults.strike("load")
    source = json.loads((Path(options.model_dir) / "config.json").read_text())
    heads = source["num_attention_heads"]
    key_value_heads = source.get("num_key_value_heads", heads)
    tp, pp = options.tp_size, options.pp_size
    if options.moe_tp_size * options.moe_ep_size not in (1, tp):
        raise ValueError("moe_tp_size * moe_ep_size must equal to tp_size")
    if heads % tp or (key_value_heads % tp and tp % key_value_heads):
        raise AssertionError(f"{heads} attention heads cannot be spread over {tp} ranks")
    output = Path(options.output_dir)
    output.mkdir(parents=True, exist_ok=True)
    config = {
        "architecture": source["architectures"][0],
        "dtype": _dtype(options.dtype, source),
        "num_attention_heads": heads,
        "num_key_value_heads": key_value_heads,
        "num_hidden_layers": source["num_hidden_layers"],
        "hidden_size": source["hidden_size"],
        "vocab_size": source["vocab_size"],
        "max_position_embeddings": source.get("max_position_embeddings", 32768),
        "mapping": {"world_size": tp * pp, "tp_size": tp, "pp_size": pp},
        "quantization": {
            "quant_algo": _algorithm(options),
            "kv_cache_quant_algo": "INT8" if options.int8_kv_cache else None,
        },
    }
    (output / "config.json").write_text(json.dumps(config, indent=4))
    for rank in range(tp * pp):
        print(f"Loading checkpoint shards: 100%|##########| {rank + 1}/{tp * pp}", flush=True)
        faults.strike("work")
        (output / f"rank{rank}.safetensors").write_bytes(b"weights of rank %d\n" % rank * 64)
    stamp = time.strftime("%H:%M:%S", time.gmtime(time.monotonic() - began))
    print(f"Total time of converting checkpoints: {stamp}")


def _dtype(wanted: str, source: dict[str, Any]) -> str:
    return str(source.get("torch_dtype", "float16")) if wanted == "auto" else wanted


def _algorithm(options: argparse.Namespace) -> str | None:
    if options.use_weight_only:
        return "W8A16" if options.weight_only_precision == "int8" else "W4A16"
    return None
