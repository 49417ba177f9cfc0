"""Stand-in for examples/quantization/quantize.py: its options, and a checkpoint of nearly empty files."""

import argparse

from tensorrt_llm.quantize import QFORMATS, quantize


def parser():
    options = argparse.ArgumentParser()
    options.add_argument("--model_dir", default=None)
    options.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    options.add_argument("--calib_dataset", default="cnn_dailymail")
    options.add_argument("--dtype", default="auto", choices=["auto", "float16", "bfloat16", "float32"])
    options.add_argument("--qformat", default="full_prec", choices=list(QFORMATS))
    options.add_argument("--kv_cache_dtype", default=None, choices=["int8", "fp8"])
    options.add_argument("--output_dir", default="exported_model")
    for name, number in (
        ("seed", 1234), ("tokenizer_max_seq_length", 2048), ("batch_size", 1), ("calib_size", 512),
        ("calib_max_seq_length", 512), ("tp_size", 1), ("pp_size", 1), ("cp_size", 1),
        ("awq_block_size", 128), ("num_medusa_heads", 4), ("max_draft_len", 63),
    ):  # fmt: skip
        options.add_argument(f"--{name}", type=int, default=number)
    options.add_argument("--medusa_model_dir", default=None)
    options.add_argument("--autoq_format", default=None)
    options.add_argument("--auto_quantize_bits", type=float, default=None)
    return options


if __name__ == "__main__":
    quantize(parser().parse_args())
