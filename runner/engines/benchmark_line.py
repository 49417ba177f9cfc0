"""The `[BENCHMARK]` line of TensorRT-LLM's benchmarks/python/benchmark.py, which the torch engine prints too.

One line a configuration, `key value` pairs separated by spaces, values unquoted. A value may hold spaces
(an engine directory called "engine dir"), so the line is cut at the names of known keys.
"""

from __future__ import annotations

import re

KEYS = (
    "engine_dir",
    "model_name",
    "world_size",
    "num_heads",
    "num_kv_heads",
    "num_layers",
    "hidden_size",
    "vocab_size",
    "precision",
    "batch_size",
    "gpu_weights_percent",
    "input_length",
    "output_length",
    "gpu_peak_mem(gb)",
    "build_time(s)",
    "tokens_per_sec",
    "percentile95(ms)",
    "percentile99(ms)",
    "latency(ms)",
    "compute_cap",
    "quantization",
    "generation_time(ms)",
    "total_generated_tokens",
    "generation_tokens_per_second",
)
MARK = "[BENCHMARK]"

_KEY = re.compile(r"(?:^|(?<=\s))(" + "|".join(re.escape(key) for key in KEYS) + r")\s")


def parse(line: str) -> dict[str, str] | None:
    """Keys and values of a `[BENCHMARK]` line, as printed; None for any other line."""
    mark = line.find(MARK)
    if mark < 0:
        return None
    text = line[mark + len(MARK) :].strip() + " "
    found = list(_KEY.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    values: dict[str, str] = {}
    for match, end in zip(found, ends, strict=True):
        values.setdefault(match[1], text[match.end() : end].strip())
    return values if "latency(ms)" in values else None
