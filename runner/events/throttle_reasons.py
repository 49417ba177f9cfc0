"""Why the clocks of a GPU are held down: NVML's clocks event reasons."""

from __future__ import annotations

BITS = {
    0x4: "power cap", 0x8: "hw slowdown", 0x10: "sync boost", 0x20: "thermal", 0x40: "hw thermal",
    0x80: "power brake",
}  # fmt: skip
HARMLESS = ("power cap", "sync boost")
"""Usual at full load."""


def throttle_names(bits: float) -> list[str]:
    """Return the names of the throttling reasons in a set of clocks event reasons."""
    return [name for bit, name in BITS.items() if int(bits) & bit]
