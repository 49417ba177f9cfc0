"""What was asked of a program of TensorRT-LLM, and what it says that it applied."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence

# The KV cache has less room than the longest sequence: by the C++ runtime, and by PyTorch.
_REDUCED = re.compile(
    r"maxSequenceLen are too large for at least one sequence to fit in kvCache\. they are reduced to"
    r" (?P<cpp>\d{1,15})|Adjusted max_seq_len to (?P<torch>\d{1,15})"
)
_CACHE = re.compile(
    r"paged kv cache: total: [\d.]{1,12} GiB, available: (?P<available>\d{1,8}\.\d{1,4}) GiB"
    r"|Allocated (?P<size>\d{1,8}\.\d{1,4}) GiB for max tokens in paged KV cache"
)
ROUNDING = 0.02
"""The log has two decimals, and blocks of the cache are whole: its share of the free memory is this exact."""


def asked(argv: Sequence[str], option: str) -> str:
    """Return the last value of an option of a command; empty when it is not given, or has no value."""
    name, found = f"--{option}", ""
    for before, word in zip(["", *argv], argv, strict=False):
        if before == name and not word.startswith("--"):
            found = word
        elif word.startswith(f"{name}="):
            found = word.removeprefix(f"{name}=")
    return found


def is_asked(argv: Sequence[str], option: str) -> bool:
    """Check whether a command has an option."""
    return any(word.partition("=")[0] == f"--{option}" for word in argv)


def plain(text: str) -> str | float:
    """Return a value for comparison: 90.00% as 0.9, `Guaranteed No Evict` as `guaranteed_no_evict`."""
    found = number(text.removesuffix("%"))
    if found is None:
        return text.strip().lower().replace(" ", "_")
    return round(found / 100, 6) if text.endswith("%") else found


def number(text: str) -> float | None:
    with contextlib.suppress(ValueError):
        return float(text)
    return None


def difference(option: str, wanted: str, applied: str, who: str = "the engine used") -> Iterator[str]:
    """Yield a sentence if both values are known and differ."""
    if wanted and applied and plain(wanted) != plain(applied):
        yield f"asked for {option} {wanted}, {who} {applied}"


def reduced_length(log: str) -> Iterator[str]:
    """Yield that the engine reduced the longest sequence, because the KV cache has no room for it."""
    found = list(_REDUCED.finditer(log))
    if found:
        length = found[-1]["cpp"] or found[-1]["torch"]
        yield f"the KV cache has no room for the longest sequence: the engine reduced max_seq_len to {length}"


def cache_fraction(argv: Sequence[str], option: str, log: str) -> Iterator[str]:
    """Yield that the KV cache got another share of the free memory than was asked for."""
    wanted = number(asked(argv, option))
    available = size = 0.0
    for found in _CACHE.finditer(log):
        if found["available"]:
            available = float(found["available"])
        elif available:
            size = float(found["size"])
    if wanted is None or not available or not size:
        return
    if abs(size / available - wanted) > ROUNDING:
        yield (
            f"asked for {option} {wanted:g}, the engine allocated {size:g} of the {available:g} GiB that were"
            f" free: {size / available:.2f}"
        )
