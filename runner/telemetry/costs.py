"""The duration of calls into the driver's library, by name."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class CallCosts:
    """Durations of calls since the last report; one report a minute keeps the list short."""

    _durations: dict[str, list[int]] = field(default_factory=dict)

    def timed(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function and return its result; the duration is recorded even if it raises."""
        start = time.perf_counter_ns()
        try:
            return function(*arguments)
        finally:
            self._durations.setdefault(name, []).append(time.perf_counter_ns() - start)

    def report(self) -> dict[str, tuple[int, float, float]]:
        """Return name -> number of calls, median and maximum in microseconds; then reset."""
        table = {
            name: (len(took), round(statistics.median(took) / 1000, 1), round(max(took) / 1000, 1))
            for name, took in self._durations.items()
        }
        self._durations = {}
        return table
