"""Comparing runs: what differs, whether that is fair, by how much numbers changed, and what can be concluded.

- `sides(names)`: the runs that a person names, as sides A, B, C ...
- `compare(sides)`: a `Comparison`, typed and ready to draw; also the JSON of the command.
- `as_text(comparison)`: how the command prints it.
- `judge(...)` in `verdict`: the statistics behind every verdict, and why they are as they are.
"""

from runner.compare.comparison import (
    COMPARED,
    HEADLINE,
    SERVING_HEADLINE,
    Change,
    Comparison,
    ConfigurationComparison,
    Pair,
    SideSummary,
    compare,
    undecided,
    worse,
)
from runner.compare.comparison_text import as_text
from runner.compare.differences import Difference
from runner.compare.sides import Run, Side, sides
from runner.compare.verdict import THRESHOLD, Verdict

__all__ = [
    "COMPARED",
    "HEADLINE",
    "SERVING_HEADLINE",
    "THRESHOLD",
    "Change",
    "Comparison",
    "ConfigurationComparison",
    "Difference",
    "Pair",
    "Run",
    "Side",
    "SideSummary",
    "Verdict",
    "as_text",
    "compare",
    "sides",
    "undecided",
    "worse",
]
