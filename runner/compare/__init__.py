"""Comparing runs: what differs, whether they are comparable, how much each number changed, the verdict.

- Input: `sides` names and reads the runs, `conditions` lists what their numbers depend on, `differences`
  finds what differs and what makes sides not comparable, `measuring_sessions` finds the runs of one session,
  `run_variation` estimates how much runs and sessions vary.
- Result: `comparison` builds a `Comparison` (also the JSON of the command), `run_difference` has the
  statistics, `verdict` the conclusion, `method` a sentence about both, `across_engines` compares unlike
  engines, `against_baseline` compares a report with its baseline, `live_baseline` a run under way,
  `report_context` adds published numbers, `run_changes` what changed since the previous run.
- Output: `answer` (one sentence and bars), `comparison_text` and `comparison_markdown`.
- Assertions (`trtbench-tui check`): `assertion_grammar`, `assertions`, `run_level`, `assertion_reports`.
"""

from runner.compare.answer import undecided_changes, worse_changes
from runner.compare.comparison import (
    HEADLINE,
    SERVING_HEADLINE,
    Comparison,
    ConfigurationComparison,
    MetricChange,
    Pair,
    SideSummary,
    compare,
)
from runner.compare.comparison_text import as_text
from runner.compare.differences import Difference
from runner.compare.sides import ComparedRun, Side, load_sides
from runner.compare.verdict import THRESHOLD, Verdict

__all__ = [
    "HEADLINE",
    "SERVING_HEADLINE",
    "THRESHOLD",
    "ComparedRun",
    "Comparison",
    "ConfigurationComparison",
    "Difference",
    "MetricChange",
    "Pair",
    "Side",
    "SideSummary",
    "Verdict",
    "as_text",
    "compare",
    "load_sides",
    "undecided_changes",
    "worse_changes",
]
