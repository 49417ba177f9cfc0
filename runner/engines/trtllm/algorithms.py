"""The names of quantisations in the config.json of a checkpoint, by the options that choose them."""

ALGORITHMS = {
    "fp8": "FP8", "fp8_pc_pt": "FP8_PER_CHANNEL_PER_TOKEN", "int8_sq": "W8A8_SQ_PER_CHANNEL",
    "int8_wo": "W8A16", "int4_wo": "W4A16", "int4_awq": "W4A16_AWQ", "w4a8_awq": "W4A8_AWQ",
    "nvfp4": "NVFP4", "full_prec": "",
}  # fmt: skip
"""qformat -> quant_algo in the config.json of the checkpoint"""
WEIGHT_ONLY = {
    "int8": "W8A16",
    "int4": "W4A16",
    "int4_gptq": "W4A16_GPTQ",
    "int4_awq": "W4A16_AWQ",
    "int8_gptq": "W8A16_GPTQ",
}
"""weight_only_precision -> `quant_algo` as TensorRT-LLM names it"""
