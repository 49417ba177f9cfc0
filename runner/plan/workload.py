"""What a run measures, in the terms of published tables: model, precision and split."""

import re

import msgspec

from runner.util.bounds import Ranks, Reading


class Workload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The properties of a profile that a published number must share, and those that explain a difference."""

    model: str
    """name as its authors spell it, without organisation: `Llama-3.1-8B-Instruct`"""
    precision: str
    """of the weights: `16-bit`, `float32`, `fp8`, `int8`, ...; empty: unknown"""
    tp: Ranks = 1
    pp: Ranks = 1
    backend: str = ""
    """`engine` or `pytorch` for programs that have both"""
    kv_fraction: Reading | None = None
    """share of the free GPU memory for the KV cache; None: the default of the program"""
    limits: tuple[str, ...] = ()
    """settings that bound a batch or a request, as in the profile: `build.max_batch_size 64`"""


SIXTEEN_BITS = "16-bit"
_SUFFIX = re.compile(r"[-_](hf|chat|instruct|it|v0\.\d|fp8|bf16|fp16|awq|gptq)$")
_PREFIX = re.compile(r"^meta-(?=llama)")


def precision_of(dtype: str) -> str:
    """Return the precision of weights in the words of published tables: float16 and bfloat16 are `16-bit`."""
    lower = dtype.lower()
    return SIXTEEN_BITS if lower in ("float16", "bfloat16", "half") else lower


def same_shape_name(model: str) -> str:
    """Return the name of a model without what does not change its shape: organisation, tuning, format."""
    name = _PREFIX.sub("", model.rstrip("/").rpartition("/")[2].lower())
    while (shorter := _SUFFIX.sub("", name)) != name:
        name = shorter
    return name
