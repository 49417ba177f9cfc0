"""Quantisation as an IntFlag: printed as `QuantMode.0` by Python 3.10 and as `0` from 3.11 on."""

from __future__ import annotations

from enum import IntFlag
from typing import Any


class QuantMode(IntFlag):
    INT8_KV_CACHE = 1
    FP8_KV_CACHE = 2
    FP8_QDQ = 4
    INT8_WEIGHTS = 8
    INT4_WEIGHTS = 16


_ALGORITHMS = {
    "FP8": QuantMode.FP8_QDQ,
    "W8A16": QuantMode.INT8_WEIGHTS,
    "W4A16": QuantMode.INT4_WEIGHTS,
    "INT8": QuantMode.INT8_KV_CACHE,
}


def quant_mode(quantization: dict[str, Any]) -> QuantMode:
    """The flags that an engine's `quantization` entry means."""
    mode = _ALGORITHMS.get(quantization.get("quant_algo") or "", QuantMode(0))
    cache = quantization.get("kv_cache_quant_algo")
    return mode | (QuantMode.FP8_KV_CACHE if cache == "FP8" else QuantMode(0))
