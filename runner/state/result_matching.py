"""Which configuration a printed result belongs to: results name its shape, not its number."""

from __future__ import annotations

import math

from runner.util.bounds import MOST_RANKS, MOST_SHARE, parse_count, parse_number

ResultShape = tuple[int, int, int, float]
"""Batch size, input length, output length and weights percent."""


def result_shape(values: dict[str, str]) -> ResultShape | None:
    """Return batch size, lengths and weights percent of a printed result; None: it has none, or an odd one.

    The output length of an encoder is `n/a`.
    """
    output = values.get("output_length", "n/a")
    batch_size, input_len = (parse_count(values.get(name, "")) for name in ("batch_size", "input_length"))
    output_len = 0 if output == "n/a" else parse_count(output)
    percent = parse_number(values.get("gpu_weights_percent", "1.0"))
    if not batch_size or input_len is None or output_len is None:
        return None
    if percent is None or not 0 <= percent <= MOST_SHARE:
        return None
    return batch_size, input_len, output_len, percent


def result_ranks(values: dict[str, str]) -> int:
    """Return how many ranks measured a printed result; 1 if it does not state it."""
    for names in _WORLD:
        sizes = [size for name in names if (size := parse_count(values.get(name, ""))) is not None]
        if len(sizes) == len(names):
            return min(math.prod(sizes), MOST_RANKS)
    return 1


_WORLD = (
    ("world_size",),
    ("world_info.world_size",),
    ("TP Size", "PP Size"),
    ("world_info.tp_size", "world_info.pp_size"),
    ("TP Size",),
    ("world_info.tp_size",),
)
"""Keys whose product is the number of ranks: of benchmark.py, then of trtllm-bench's reports."""
