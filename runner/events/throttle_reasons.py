"""What holds the clocks of a GPU down, as NVML's clocks event reasons have it."""

from __future__ import annotations

BITS = {
    0x4: "power cap", 0x8: "hw slowdown", 0x10: "sync boost", 0x20: "thermal", 0x40: "hw thermal",
    0x80: "power brake",
}  # fmt: skip
HARMLESS = ("power cap", "sync boost")
"""Usual at full load."""


def reason_words(bits: float) -> list[str]:
    """What a set of clocks event reasons says about throttling."""
    return [name for bit, name in BITS.items() if int(bits) & bit]
