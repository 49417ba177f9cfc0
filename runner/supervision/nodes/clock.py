"""The clock of another node, measured by messages there and back.

With the times t0 (sent, here), t1 (received, there), t2 (answered, there) and t3 (received, here), the clock
there is ahead by ((t1 - t0) + (t2 - t3)) / 2, wrong by at most half of the round trip (t3 - t0) - (t2 - t1):
the way there and the way back may take different times (RFC 5905, section 8). Of the last messages the one
with the smallest round trip counts.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

KEPT = 12
"""Messages of which the best one counts; at one a second, clocks that differ by 50 ppm move 0.6 ms apart."""


class ClockReading(NamedTuple):
    """How far a clock is ahead, by one message."""

    error_ns: int
    """half of the round trip"""
    offset_ns: int
    """CLOCK_MONOTONIC there minus here"""
    wall_offset_s: float
    """time of day there minus here"""


@dataclass(slots=True)
class NodeClockEstimate:
    """The last measurements of one node."""

    _readings: deque[ClockReading] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, times: tuple[int, int, int, int], walls: tuple[float, float]) -> None:
        """Add a measurement.

        Args:
            times: t0 to t3 as above, nanoseconds.
            walls: the time of day, there at t2 and here at t3, seconds since 1970.
        """
        t0, t1, t2, t3 = times
        error = ((t3 - t0) - (t2 - t1)) // 2
        if error < 0:
            return  # no clock does that; the message is not an answer to this question
        there, here = walls
        self._readings.append(ClockReading(error, ((t1 - t0) + (t2 - t3)) // 2, there - here + error / 1e9))

    @property
    def best(self) -> ClockReading | None:
        """The reading with the smallest error; None: there is none."""
        return min(self._readings, default=None)

    @property
    def count(self) -> int:
        return len(self._readings)

    def clear(self) -> None:
        """Forget all readings: the clock restarted."""
        self._readings.clear()
