"""Lines of benchmark.py other than results: skipped configurations, warnings, ends of the timed loop.

The torch engine prints the lines about skipped configurations, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from runner.engines.output import OutputNotice

_SKIPPED = re.compile(r"\[WARNING\] check (?P<why>.+) failed, skipping\.")
_NO_MEMORY = re.compile(
    r"Exception (?P<why>.*?) ?caught while allocating memory; skipping \((?P<config>[^()]*)\)"
)
_LOOP_END = re.compile(
    r"Benchmarking done\. Iteration: (?P<n>\d{1,15}), duration: (?P<s>\d{1,15}(?:\.\d+)?) sec"
)

_WARNINGS = (
    (
        "Using an engine plan file across different models of devices",
        "the engine was built on another model of GPU: it may be slower than one built here",
    ),
    (
        "peak_mem_queue was empty",
        "upstream's memory monitor did not answer: its gpu_peak_mem is 0.0 because it was not measured",
    ),
)
"""Text in a line, and the notice for the user."""


@dataclass(frozen=True)
class SkippedConfiguration:
    """A configuration that benchmark.py left out before it continued."""

    why: str
    configuration: str = ""
    """as upstream prints it when memory ran out; empty if a limit of the engine was exceeded"""

    @property
    def text(self) -> str:
        """The notice for the user."""
        what = f"configuration ({self.configuration})" if self.configuration else "a configuration"
        return f"the benchmark skipped {what}: {self.why}"


@dataclass(frozen=True)
class LoopEnd:
    """The end of the timed loop of a configuration."""

    iterations: int
    seconds: float


def skip_of(line: str) -> SkippedConfiguration | None:
    """Return the configuration that a line reports as skipped; None for any other line."""
    if found := _SKIPPED.search(line):
        return SkippedConfiguration(f"it exceeds a limit of the engine: {found['why']} does not hold")
    if found := _NO_MEMORY.search(line):
        error = found["why"].split(". ")[0].strip()
        why = "not enough GPU memory for it" + (f": {error}" if error else "")
        return SkippedConfiguration(why, found["config"])
    return None


def parse_notice(line: str) -> OutputNotice | None:
    """Return what a user should know of a line; None for any other line."""
    skip = skip_of(line)
    if skip is not None:
        return OutputNotice(skip.text, explains_missing_result=True, out_of_memory=skip.configuration)
    return next((OutputNotice(notice) for text, notice in _WARNINGS if text in line), None)


def loop_end_of(line: str) -> LoopEnd | None:
    """Return how many timed iterations ran and how long they took; None for any other line."""
    found = _LOOP_END.search(line)
    return LoopEnd(int(found["n"]), float(found["s"])) if found else None
