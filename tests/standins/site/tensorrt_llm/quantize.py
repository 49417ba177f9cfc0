"""Quantisation of a model into a checkpoint: files and messages of quantize_by_modelopt."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import tensorrt_llm
from tensorrt_llm import convert, faults

QFORMATS = {
    "fp8": "FP8", "int8_sq": "W8A8_SQ_PER_CHANNEL", "int4_awq": "W4A16_AWQ", "w4a8_awq": "W4A8_AWQ",
    "int8_wo": "W8A16", "int4_wo": "W4A16", "full_prec": None,
}  # fmt: skip


def quantize(options: argparse.Namespace) -> None:
    """Write the checkpoint of a conversion, with another `quantization`."""
    print(tensorrt_llm.__version__)
    began = time.monotonic()
    faults.strike("load")
    print(f"Initializing model from {options.model_dir}", flush=True)
    print("Loading calibration dataset", flush=True)
    faults.strike("work")
    if "awq" in options.qformat and options.calib_size > 32:
        print(
            f"AWQ calibration could take longer with calib_size = {options.calib_size}, Using calib_size=32"
        )
    output, dtype = Path(options.output_dir), ["--dtype", options.dtype]
    sizes = [f"--tp_size={options.tp_size}", f"--pp_size={options.pp_size}"]
    folders = ["--model_dir", options.model_dir, "--output_dir", options.output_dir]
    convert.convert(convert.parser().parse_args([*folders, *dtype, *sizes]))
    config = json.loads((output / "config.json").read_text())
    cache = options.kv_cache_dtype
    config["quantization"] = {
        "quant_algo": QFORMATS[options.qformat],
        "kv_cache_quant_algo": cache.upper() if cache else None,
    }
    (output / "config.json").write_text(json.dumps(config, indent=4))
    print(f"Quantized model exported to {output} \nTotal time used {time.monotonic() - began:.2f} s.")
