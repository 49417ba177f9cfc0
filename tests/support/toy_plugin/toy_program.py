"""The program that the toy engine measures: prints a [BENCHMARK] line for each batch size."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Print the lines, and the import path that the program was given."""
    for size in sys.argv[1:]:
        values = {
            "engine_dir": "toy", "world_size": 1, "num_heads": 2, "num_kv_heads": 2, "num_layers": 1,
            "hidden_size": 8, "vocab_size": 16, "precision": "float32", "batch_size": size,
            "gpu_weights_percent": 1.0, "input_length": 8, "output_length": 4, "gpu_peak_mem(gb)": 0.0,
            "build_time(s)": 0, "tokens_per_sec": 4000.0, "percentile95(ms)": 1.5, "percentile99(ms)": 1.75,
            "latency(ms)": 1.25, "compute_cap": "none",
        }  # fmt: skip
        print("[BENCHMARK]", *(f"{key} {value}" for key, value in values.items()), flush=True)
    print(f"PYTHONPATH={os.environ.get('PYTHONPATH')}")


if __name__ == "__main__":
    main()
