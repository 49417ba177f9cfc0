"""Printed results name what they are about by its shape, not by a number."""

from __future__ import annotations

import math

from runner import events as ev


def tells_of(values: dict[str, str], start: ev.ConfigurationStarted) -> bool:
    """Whether a printed result is about a configuration: results name it by its shape, not by a number."""
    asked = (start.batch_size, start.input_len, start.output_len, start.gpu_weights_percent)
    return shape(values) == asked


def shape(values: dict[str, str]) -> tuple[int, int, int, float] | None:
    """Batch size, lengths and weights percent of a printed result; an encoder's output length is `n/a`."""
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


def world(values: dict[str, str]) -> int:
    """How many ranks measured a printed result; 1 where it does not say."""
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
"""Names whose product is the number of ranks: of benchmark.py, then of trtllm-bench's reports."""
