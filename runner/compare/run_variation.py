"""Run-to-run variation of a number, estimated from earlier repeats on the same machine."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from pathlib import Path

from runner.compare.sides import ComparedRun
from runner.compare.verdict import ASSUMED_SPREAD, Spread
from runner.errors import UserError
from runner.history.reader import read_entries
from runner.history.run_entry import RunEntry
from runner.metrics import VARIATION
from runner.plan.plan import Configuration

MOST_RUNS = 40
"""Maximum number of earlier runs of a profile that are read, newest first."""
LEAST_DF = 3
"""With fewer degrees of freedom a cautious assumption is better than an estimate."""


class EarlierRuns:
    """Finished runs of the history; each is read once for all comparisons."""

    def __init__(self) -> None:
        self._runs: dict[Path, ComparedRun | None] = {}

    @cached_property
    def _finished(self) -> list[RunEntry]:
        return [entry for entry in read_entries() if entry.status == "finished"]

    def runs(self, profiles: Collection[str], without: Collection[Path]) -> Iterator[ComparedRun]:
        """Yield the newest runs of these profiles, at most `MOST_RUNS` each, except for some directories."""
        taken: dict[str, int] = defaultdict(int)
        for entry in self._finished:
            name = entry.profile
            if name not in profiles or taken[name] >= MOST_RUNS or entry.run_dir.resolve() in without:
                continue
            taken[name] += 1
            if (run := self._read(entry.run_dir)) is not None:
                yield run

    def _read(self, run_dir: Path) -> ComparedRun | None:
        if run_dir not in self._runs:
            try:
                self._runs[run_dir] = ComparedRun(run_dir)
            except UserError:
                self._runs[run_dir] = None
        return self._runs[run_dir]


class Repeats:
    """Finished runs of the same profile on the same machine, other than the compared ones.

    The text of the profile and the host must be equal. Other changes in between (driver, version) increase
    the variation, which makes INCONCLUSIVE more likely.
    """

    def __init__(self, compared: Iterable[ComparedRun], earlier: EarlierRuns | None = None) -> None:
        """Use the runs of the two judged sides; other sides of the comparison must have no effect."""
        compared = self._compared = list(compared)
        groups: dict[tuple[str, str], list[ComparedRun]] = {
            (run.profile_text, run.report.host): [] for run in compared if run.profile_text
        }
        known = {run.run_dir.resolve() for run in compared}
        for run in (earlier or EarlierRuns()).runs({run.report.profile for run in compared}, known):
            group = groups.get((run.profile_text, run.report.host))
            if group is not None:
                group.append(run)
        self._groups = list(groups.values())
        self._known: dict[tuple[Configuration, str], Spread] = {}

    def spread(self, shape: Configuration, metric: str) -> Spread:
        """Return the variation of one number; an assumed one if there are too few repeats.

        The assumed variation is that of single iterations in the compared runs, and at least 2 %: if
        iterations vary by a third, runs do not repeat within 2 %.
        """
        found = self._known.get((shape, metric))
        if found is None:
            found = self._known[shape, metric] = self._estimate(shape, metric)
        return found

    def _estimate(self, shape: Configuration, metric: str) -> Spread:
        squares, df, runs = 0.0, 0, 0
        for group in self._groups:
            values = [value for run in group if (value := run.value(shape, metric)) is not None and value > 0]
            if len(values) < 2:
                continue
            logarithms = [math.log(value) for value in values]
            mean = sum(logarithms) / len(logarithms)
            squares += sum((one - mean) ** 2 for one in logarithms)
            df += len(values) - 1
            runs += len(values)
        return Spread(math.sqrt(squares / df), df, runs) if df >= LEAST_DF else self._assumed(shape)

    def _assumed(self, shape: Configuration) -> Spread:
        scatter = [run.value(shape, VARIATION.name) or 0.0 for run in self._compared]
        return Spread(max(ASSUMED_SPREAD, max(scatter, default=0.0) / 100), math.inf, 0)
