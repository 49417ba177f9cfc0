"""trtllm-build 0.16: its options with their defaults, its progress lines, and an engine of a few bytes."""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import tensorrt_llm
from tensorrt_llm import faults
from tensorrt_llm.logger import logger

_DTYPES = ["auto", "float16", "float32", "bfloat16", "int32", "disable"]
_ON_OFF = ["enable", "disable"]
_TEXTS = {
    "checkpoint_dir": None, "model_config": None, "build_config": None, "model_cls_file": None,
    "model_cls_name": None, "output_dir": "engine_outputs", "input_timing_cache": None,
    "output_timing_cache": "model.cache", "cluster_key": None,
}  # fmt: skip
_NUMBERS = {
    "max_batch_size": 2048, "max_input_len": 1024, "max_beam_width": 1, "max_num_tokens": 8192,
    "opt_num_tokens": None, "max_encoder_input_len": 1024, "workers": 1, "max_lora_rank": 64,
    "max_draft_len": 0, "auto_parallel": 1, "gpus_per_node": 8, "tokens_per_block": 64,
}  # fmt: skip
_SWITCHES = (
    "strip_plan", "weight_sparsity", "weight_streaming", "fast_build", "enable_debug_output",
    "visualize_network", "dry_run", "monitor_memory", "gather_context_logits", "gather_generation_logits",
    "gather_all_token_logits",
)  # fmt: skip
_DTYPE_PLUGINS = {
    "bert_attention_plugin": "auto", "gpt_attention_plugin": "auto", "gemm_plugin": "disable",
    "lora_plugin": "disable", "moe_plugin": "auto", "mamba_conv1d_plugin": "auto", "nccl_plugin": "auto",
}  # fmt: skip
_FEATURES = {
    "context_fmha": "enable", "bert_context_fmha_fp32_acc": "disable", "remove_input_padding": "enable",
    "use_paged_context_fmha": "disable", "use_fp8_context_fmha": "disable", "multiple_profiles": "disable",
    "paged_state": "enable", "streamingllm": "disable", "reduce_fusion": "disable", "use_fused_mlp": "enable",
    "pp_reduce_scatter": "disable", "user_buffer": "disable",
}  # fmt: skip
_CHOICES = {
    "kv_cache_type": (None, ["continuous", "paged", "disabled"]),
    "profiling_verbosity": ("layer_names_only", ["layer_names_only", "detailed", "none"]),
    "logits_dtype": (None, ["float16", "float32"]),
    "log_level": ("info", ["internal_error", "error", "warning", "info", "verbose", "debug"]),
    "lora_ckpt_source": ("hf", ["hf", "nemo"]),
    "gemm_swiglu_plugin": ("disable", ["fp8", "disable"]),
    "fp8_rowwise_gemm_plugin": ("disable", _DTYPES),
    "low_latency_gemm_plugin": ("disable", ["fp8", "disable"]),
    "low_latency_gemm_swiglu_plugin": ("disable", ["fp8", "disable"]),
    "speculative_decoding_mode": (
        None,
        ["draft_tokens_external", "lookahead_decoding", "medusa", "explicit_draft_tokens", "eagle"],
    ),
}


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="trtllm-build")
    for name, text in _TEXTS.items():
        options.add_argument(f"--{name}", default=text)
    for name, number in _NUMBERS.items():
        options.add_argument(f"--{name}", type=int, default=number)
    options.add_argument("--max_seq_len", "--max_decoder_seq_len", type=int, dest="max_seq_len")
    options.add_argument(
        "--max_prompt_embedding_table_size", "--max_multimodal_len", type=int, default=0, dest="max_table"
    )
    options.add_argument("--paged_kv_cache", choices=_ON_OFF)
    options.add_argument("--lora_dir", nargs="+")
    options.add_argument("--lora_target_modules", nargs="+")
    for name in _SWITCHES:
        options.add_argument(f"--{name}", action="store_true")
    for name, default in _DTYPE_PLUGINS.items():
        choices = [*_DTYPES, "fp8"] if name == "gemm_plugin" else _DTYPES
        options.add_argument(f"--{name}", default=default, choices=choices)
    for name, default in _FEATURES.items():
        options.add_argument(f"--{name}", default=default, choices=_ON_OFF)
    for name, (chosen, choices) in _CHOICES.items():
        options.add_argument(f"--{name}", default=chosen, choices=choices)
    return options


def build(options: argparse.Namespace) -> None:
    logger.set_level(options.log_level)
    began = time.monotonic()
    faults.strike("load")
    model = _checkpoint(options)
    _refuse(options, model)
    _announce(options, model)
    output = Path(options.output_dir)
    output.mkdir(parents=True, exist_ok=True)
    for rank in range(model["mapping"]["world_size"]):
        config = _engine_config(options, model) if rank == 0 else None
        _build_rank(rank, output, config)
    print(f"[{_now()}] [TRT-LLM] [I] Total time of building all engines: {_duration(began)}", flush=True)


def _checkpoint(options: argparse.Namespace) -> dict[str, Any]:
    if options.checkpoint_dir is None and options.model_config is None:
        options.model_config.lower()  # as upstream, which looks at the name's ending before there is a name
    path = options.model_config or os.path.join(options.checkpoint_dir, "config.json")
    model: dict[str, Any] = json.loads(Path(path).read_text())
    return model


def _refuse(options: argparse.Namespace, model: dict[str, Any]) -> None:
    if options.multiple_profiles == "enable" and options.opt_num_tokens is not None:
        raise ValueError("multiple_profiles is enabled, while opt_num_tokens is set. Please turn off one.")
    if options.auto_parallel > 1 and model["mapping"]["world_size"] > 1:
        raise RuntimeError("manually TP and PP are not supported in auto parallel mode.")


def _announce(options: argparse.Namespace, model: dict[str, Any]) -> None:
    for name in _DTYPE_PLUGINS:
        chosen = getattr(options, name)
        value = model["dtype"] if chosen == "auto" else None if chosen == "disable" else chosen
        logger.info(f"Set {name} to {value}.")
    for name in _FEATURES:
        logger.info(f"Set {name} to {getattr(options, name) == 'enable'}.")
    if options.max_seq_len is None:
        options.max_seq_len = model.get("max_position_embeddings", 32768)
        logger.info(f"max_seq_len is not specified, using deduced value {options.max_seq_len}")
    logger.warning(
        "padding removal and fMHA are both enabled, max_input_len is not required and will be ignored"
    )


def _engine_config(options: argparse.Namespace, model: dict[str, Any]) -> dict[str, Any]:
    chosen = ((name, getattr(options, name)) for name in _DTYPE_PLUGINS)
    plugins: dict[str, Any] = {name: None if value == "disable" else value for name, value in chosen}
    plugins |= {name: getattr(options, name) == "enable" for name in _FEATURES}
    limits = {name: getattr(options, name) for name in _NUMBERS if name.startswith(("max_", "opt_"))}
    return {
        "version": tensorrt_llm.__version__,
        "pretrained_config": model,
        "build_config": limits
        | {
            "max_seq_len": options.max_seq_len,
            "kv_cache_type": (options.kv_cache_type or "paged").upper(),
            "weight_streaming": options.weight_streaming,
            "plugin_config": plugins | {"tokens_per_block": options.tokens_per_block},
        },
    }


def _build_rank(rank: int, output: Path, config: dict[str, Any] | None) -> None:
    began = time.monotonic()
    logger.info("Total time of constructing network from module object 0.02 seconds")
    logger.info("Total optimization profiles added: 1")
    logger.info("Total time to initialize the weights in network Unnamed Network 0: 00:00:00")
    logger.info("Build TensorRT engine Unnamed Network 0")
    faults.strike("work")
    # TensorRT says nothing while it builds.
    time.sleep(float(os.environ.get("TRTLLM_STANDIN_BUILD_S", "0")))
    print(f"[{_now()}] [TRT] [I] Engine generation completed in {time.monotonic() - began:.4f} seconds.")
    logger.info(f"Total time of building Unnamed Network 0: {_duration(began)}")
    if config is not None:
        logger.info("Timing cache serialized to model.cache")
        (output / "config.json").write_text(json.dumps(config, indent=4))
    logger.info("Build phase peak memory: 512.00 MB, children: 16.00 MB")
    path = output / f"rank{rank}.engine"
    logger.info(f"Serializing engine to {path}...")
    path.write_bytes(b"engine of rank %d\n" % rank * 256)
    logger.info(f"Engine serialized. Total time: {_duration(began)}")


def _duration(began: float) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(time.monotonic() - began))


def _now() -> str:
    return time.strftime("%m/%d/%Y-%H:%M:%S")
