"""When to read next: absolute deadlines; missed ones are skipped; slower when reading is expensive."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

SHARE = 0.2
"""Largest share of the period that reading may take; above it, the period grows."""
SLOWEST_S = 5.0
RECOVERY_TICKS = 40
"""After this many cheap readings in a row, the requested rate is tried again."""


@dataclass
class Pace:
    """Deadlines on one clock, in seconds; `start` is the first one."""

    wanted: float
    start: float
    period: float = field(init=False)
    missed: int = 0
    _next: float = field(init=False)
    _cheap: int = 0

    def __post_init__(self) -> None:
        self.period = self.wanted
        self._next = self.start

    @property
    def deadline(self) -> float:
        return self._next

    def after(self, began: float, ended: float) -> bool:
        """Take one reading into account and set the next deadline; return whether the period changed."""
        before = self.period
        self._adapt(ended - began)
        if self.period != before:
            self._next = ended + self.period
            return True
        behind = max(0, math.floor((ended - self._next) / self.period))
        self.missed += behind
        self._next += (behind + 1) * self.period
        return False

    def _adapt(self, took: float) -> None:
        if took > SHARE * self.period:
            self._cheap = 0
            # A third more than needed, so that an equally long reading does not slow it down again.
            self.period = max(self.period, min(SLOWEST_S, took / SHARE * 4 / 3))
        elif self.period > self.wanted:
            self._cheap = self._cheap + 1 if took <= SHARE * self.wanted else 0
            if self._cheap >= RECOVERY_TICKS:
                self.period = self.wanted
