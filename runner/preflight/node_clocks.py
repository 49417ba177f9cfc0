"""Compare the clocks of the nodes of a run."""

from __future__ import annotations

from collections.abc import Sequence

from runner.engines.check import Check
from runner.preflight.node_collector import NodeHeard
from runner.preflight.node_differences import describe

CLOCK_S = 1.0
"""seconds between two clocks that make logs of several nodes hard to compare"""


def check_clocks(nodes: Sequence[NodeHeard]) -> Check:
    """Compare the clocks: every difference is stated with what the measurement can be wrong by."""
    measured = {one.answer.node: one.clock for one in nodes if one.clock is not None}
    if not measured:
        return Check("nodes: clocks", "warn", "not measured", "date, on every node")
    wrong = {
        node: f"{clock.offset_s:+.1f} s (± {_time(clock.error_s)})"
        for node, clock in measured.items()
        if abs(clock.offset_s) - clock.error_s > CLOCK_S
    }
    if wrong:
        return Check("nodes: clocks", "warn", describe(wrong), "timedatectl set-ntp true, or start chronyd")
    farthest = max(abs(clock.offset_s) for clock in measured.values())
    error = max(clock.error_s for clock in measured.values())
    return Check("nodes: clocks", "pass", f"within {_time(farthest)} (measured to ± {_time(error)})")


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1e3:.1f} ms"
