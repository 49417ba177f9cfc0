"""Parser of the latencies that benchmark.py prints."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LATENCIES = re.compile(r"Latencies: \[(?P<values>[^\]]*)\]")


@dataclass(frozen=True)
class Latencies:
    """Milliseconds in order; of more than 20, upstream prints the first and the last ten."""

    first: tuple[float, ...]
    last: tuple[float, ...] = ()

    @property
    def complete(self) -> bool:
        return not self.last


def latencies_of(line: str) -> Latencies | None:
    """Return the latencies that a line lists; None for any other line."""
    found = _LATENCIES.search(line)
    if found is None:
        return None
    # The two halves are joined without a comma: "1.25...2.5"; a number never has two dots in a row.
    first, _, last = found["values"].partition("...")
    try:
        return Latencies(_numbers(first), _numbers(last))
    except ValueError:
        return None


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(",") if part.strip())
