"""Variation of a number between runs and sessions, estimated from earlier runs on the same machine."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from pathlib import Path

from runner.compare.measuring_sessions import find_sessions
from runner.compare.sides import ComparedRun
from runner.history.reader import read_entries
from runner.history.run_entry import RunEntry
from runner.plan.plan import Configuration
from runner.stats.variation import Variation, estimate_variation
from runner.util.errors import UserError

MOST_RUNS = 40
"""Maximum number of earlier runs of a profile on a machine that are read, newest first."""


class EarlierRuns:
    """Finished runs of the history; each is read once for all comparisons."""

    def __init__(self) -> None:
        self._runs: dict[Path, ComparedRun | None] = {}

    @cached_property
    def _finished(self) -> list[RunEntry]:
        return [entry for entry in read_entries() if entry.status == "finished"]

    def runs(self, of: Collection[tuple[str, str]], without: Collection[Path]) -> Iterator[ComparedRun]:
        """Yield the newest runs of profiles on machines, at most `MOST_RUNS` each.

        Args:
            of: names of profiles and hosts; machines may share a home folder.
            without: directories that are left out.
        """
        taken: dict[tuple[str, str], int] = defaultdict(int)
        for entry in self._finished:
            where = entry.profile, entry.host
            if where not in of or taken[where] >= MOST_RUNS or entry.run_dir.resolve() in without:
                continue
            taken[where] += 1
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
    """Finished runs of the same profile on the same machine, other than the compared ones, by session.

    The text of the profile and the host must be equal. Other changes in between (driver, version) are steps
    of the level, which hardly add to the variation.
    """

    def __init__(self, compared: Iterable[ComparedRun], earlier: EarlierRuns | None = None) -> None:
        """Use the runs of the two judged sides; other sides of the comparison must have no effect."""
        compared = list(compared)
        groups: dict[tuple[str, str], list[ComparedRun]] = {
            _group(run): [] for run in compared if run.profile_text
        }
        known = {run.run_dir.resolve() for run in compared}
        of = {(run.report.profile, run.report.host) for run in compared}
        for run in (earlier or EarlierRuns()).runs(of, known):
            if _group(run) in groups:
                groups[_group(run)].append(run)
        self._groups = groups
        self._sessions = find_sessions([*compared, *(run for group in groups.values() for run in group)])
        by_time = sorted(compared, key=lambda run: (run.report.started, run.name))
        self._order = {run.run_dir: index for index, run in enumerate(by_time)}
        self._known: dict[tuple[Configuration, str], Variation] = {}

    def session(self, run: ComparedRun) -> int:
        """Return the number of the session of a run; runs with an equal number were measured together."""
        return self._sessions[run.run_dir]

    def order(self, run: ComparedRun) -> int:
        """Return the place of a compared run in the order of measuring."""
        return self._order[run.run_dir]

    def has_history(self, run: ComparedRun) -> bool:
        """Whether earlier runs have the profile and the machine of a run."""
        return len(self._groups.get(_group(run), ())) > 1

    def variation(self, shape: Configuration, metric: str) -> Variation:
        """Return the variation of one number, as far as earlier runs show it."""
        found = self._known.get((shape, metric))
        if found is None:
            found = self._known[shape, metric] = estimate_variation(
                self._by_session(group, shape, metric) for group in self._groups.values()
            )
        return found

    def _by_session(self, group: list[ComparedRun], shape: Configuration, metric: str) -> list[list[float]]:
        """Return logarithms of the numbers of runs, grouped by session, oldest first."""
        sessions: dict[int, list[float]] = {}
        for run in sorted(group, key=lambda run: self._sessions[run.run_dir]):
            value = run.value(shape, metric)
            if value is not None and value > 0:
                sessions.setdefault(self._sessions[run.run_dir], []).append(math.log(value))
        return list(sessions.values())


def _group(run: ComparedRun) -> tuple[str, str]:
    return run.profile_text, run.report.host
