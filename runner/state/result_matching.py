"""Which configuration a printed result belongs to: results name its shape, not its number."""

from __future__ import annotations

import math

from runner import events as ev


def result_matches(values: dict[str, str], start: ev.ConfigurationStarted) -> bool:
    """Check whether a printed result has the shape of a configuration."""
    requested = (start.batch_size, start.input_len, start.output_len, start.gpu_weights_percent)
    return result_shape(values) == requested


def result_shape(values: dict[str, str]) -> tuple[int, int, int, float] | None:
    """Return batch size, lengths and weights percent of a printed result; None: it has none.

    The output length of an encoder is `n/a`.
    """
    output = values.get("output_length", "n/a")
    try:
        return (
            int(values["batch_size"]),
            int(values["input_length"]),
            0 if output == "n/a" else int(output),
            float(values.get("gpu_weights_percent", "1.0")),
        )
    except (KeyError, ValueError):
        return None


def result_ranks(values: dict[str, str]) -> int:
    """Return how many ranks measured a printed result; 1 if it does not state it."""
    for names in _WORLD:
        sizes = [values[name] for name in names if values.get(name, "").isdecimal()]
        if len(sizes) == len(names):
            return math.prod(map(int, sizes))
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
