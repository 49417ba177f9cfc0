"""Stand-in for examples/llama/convert_checkpoint.py: qwen's options and more."""

from tensorrt_llm.convert import convert, parser


def llama_parser():
    options = parser()
    for name in ("meta_ckpt_dir", "quant_ckpt_path", "hidden_act", "rotary_base"):
        options.add_argument(f"--{name}")
    for name in ("vocab_size", "n_positions", "n_layer", "n_head", "n_kv_head", "n_embd", "inter_size"):
        options.add_argument(f"--{name}", type=int)
    options.add_argument("--calib_size", type=int, default=512)
    options.add_argument("--calib_max_seq_length", type=int, default=512)
    options.add_argument("--log_level", default="info")
    for switch in ("fp8_kv_cache", "use_fp8", "use_fp8_rowwise", "load_by_shard", "save_config_only"):
        options.add_argument(f"--{switch}", action="store_true")
    return options


if __name__ == "__main__":
    convert(llama_parser().parse_args())
