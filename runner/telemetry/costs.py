"""What each call into the driver's library costs, by name."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Costs:
    """Durations of calls since the last report; a report a minute keeps them few."""

    _took: dict[str, list[int]] = field(default_factory=dict)

    def timed(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """The function's result; its duration is kept also when it raises."""
        start = time.perf_counter_ns()
        try:
            return function(*arguments)
        finally:
            self._took.setdefault(name, []).append(time.perf_counter_ns() - start)

    def report(self) -> dict[str, tuple[int, float, float]]:
        """Name -> number of calls, median and maximum in microseconds; starts anew."""
        table = {
            name: (len(took), round(statistics.median(took) / 1000, 1), round(max(took) / 1000, 1))
            for name, took in self._took.items()
        }
        self._took = {}
        return table
