"""Lines of benchmark.py that a user should see besides its results; the torch engine prints some, too."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SKIPPED = re.compile(r"\[WARNING\] check (?P<why>.+) failed, skipping\.")
_NO_MEMORY = re.compile(
    r"Exception (?P<why>.*?) ?caught while allocating memory; skipping \((?P<config>[^()]*)\)"
)
_DONE = re.compile(r"Benchmarking done\. Iteration: (?P<n>\d+), duration: (?P<s>[\d.]+) sec")

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


@dataclass(frozen=True)
class Skip:
    """Upstream left configurations out and went on."""

    why: str
    configuration: str = ""
    """as upstream names it; empty when it only names the limit that was exceeded"""

    @property
    def text(self) -> str:
        """As a sentence."""
        what = f"configuration ({self.configuration})" if self.configuration else "a configuration"
        return f"the benchmark skipped {what}: {self.why}"


@dataclass(frozen=True)
class Done:
    """The timed loop of a configuration has ended."""

    iterations: int
    seconds: float


def skip_of(line: str) -> Skip | None:
    """The configuration that a line says was skipped, and why; None for any other line."""
    if found := _SKIPPED.search(line):
        return Skip(f"it exceeds a limit of the engine: {found['why']} does not hold")
    if found := _NO_MEMORY.search(line):
        said = found["why"].split(". ")[0].strip()
        return Skip("not enough GPU memory for it" + (f": {said}" if said else ""), found["config"])
    return None


def notice_of(line: str) -> str | None:
    """A line that a user should see although the program goes on, in our words; None for any other line."""
    skip = skip_of(line)
    if skip is not None:
        return skip.text
    return next((said for text, said in _WARNINGS if text in line), None)


def done_of(line: str) -> Done | None:
    """How many timed iterations there were and how long they took; None for any other line."""
    found = _DONE.search(line)
    return Done(int(found["n"]), float(found["s"])) if found else None
