"""Two modes of latencies as text, for flags and screens."""

from __future__ import annotations

from runner.stats.modes import Mode, Modes
from runner.util.formatting import format_number


def describe_mode(mode: Mode) -> str:
    """Return `100 ms (80 %)`: the median of a mode and its share of the iterations."""
    digits = 1 if mode.median >= 100 else 3
    return f"{format_number(mode.median, digits)} ms ({mode.share:.0%})".replace("%", " %")


def two_modes(modes: Modes) -> str:
    """Return the sentence of a flag: both modes, their distance, and what it does to the mean."""
    apart = modes.high.median / modes.low.median - 1
    return (
        f"the latency has two modes, {describe_mode(modes.low)} and {describe_mode(modes.high)},"
        f" {apart:.1%} apart: the mean lies between them"
    )
