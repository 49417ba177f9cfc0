"""How much a number varies from run to run, from earlier repeats of the same on the same machine."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from pathlib import Path

from runner.compare.sides import Run
from runner.compare.verdict import ASSUMED_SPREAD, Spread
from runner.errors import UserError
from runner.history.reader import read_entries
from runner.history.run_entry import Entry
from runner.metrics import VARIATION
from runner.plan.plan import Configuration

MOST_RUNS = 40
"""Earlier runs of a profile that are read at most, newest first."""
LEAST_DF = 3
"""With fewer degrees of freedom an estimate of variation is worth less than a cautious assumption."""


class Earlier:
    """Finished runs of the history; each is read once, however many comparisons ask for it."""

    def __init__(self) -> None:
        self._runs: dict[Path, Run | None] = {}

    @cached_property
    def _finished(self) -> list[Entry]:
        return [entry for entry in read_entries() if entry.status == "finished"]

    def runs(self, profiles: Collection[str], without: Collection[Path]) -> Iterator[Run]:
        """The newest runs of these profiles, `MOST_RUNS` of each at most, but for some directories."""
        taken: dict[str, int] = defaultdict(int)
        for entry in self._finished:
            name = entry.profile
            if name not in profiles or taken[name] >= MOST_RUNS or entry.run_dir.resolve() in without:
                continue
            taken[name] += 1
            if (run := self._read(entry.run_dir)) is not None:
                yield run

    def _read(self, run_dir: Path) -> Run | None:
        if run_dir not in self._runs:
            try:
                self._runs[run_dir] = Run(run_dir)
            except UserError:
                self._runs[run_dir] = None
        return self._runs[run_dir]


class Repeats:
    """Finished runs, other than those that are compared, that measured the same profile on the same machine.

    The same means: a profile that is the same to the letter, on the same host. What else changed in between
    (a driver, a version) makes the variation larger, which errs on the side of INCONCLUSIVE.
    """

    def __init__(self, compared: Iterable[Run], earlier: Earlier | None = None) -> None:
        """Of the two sides that are judged; what else stands beside them is to change nothing."""
        compared = self._compared = list(compared)
        groups: dict[tuple[str, str], list[Run]] = {
            (run.profile_text, run.report.host): [] for run in compared if run.profile_text
        }
        known = {run.run_dir.resolve() for run in compared}
        for run in (earlier or Earlier()).runs({run.report.profile for run in compared}, known):
            group = groups.get((run.profile_text, run.report.host))
            if group is not None:
                group.append(run)
        self._groups = list(groups.values())
        self._known: dict[tuple[Configuration, str], Spread] = {}

    def spread(self, shape: Configuration, metric: str) -> Spread:
        """Variation of one number; an assumed one when there are too few repeats.

        That one is as large as single iterations vary in the compared runs, and at least 2 %: where those
        scatter by a third, runs do not repeat to 2 %.
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
