"""The sides of a comparison: parse their names, and read what a comparison needs of each run."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from runner.compare.conditions import conditions_of
from runner.history.lookup import find_run
from runner.history.reports import load_report
from runner.metrics.compute import Estimates, estimates
from runner.metrics.flag import Effect
from runner.plan import redaction
from runner.plan.plan import Configuration, Plan, configuration_of
from runner.profile.fields import default_at
from runner.profile.yaml_file import MOST_BYTES, Data, ProfileError, parse_yaml
from runner.report.environment import Environment, read_environment
from runner.report.files import read_state
from runner.report.model import ConfigurationReport, Report
from runner.report.result_table import rank_flags
from runner.run import layout
from runner.state.run import RunState
from runner.stats.intervals import Interval
from runner.util.errors import UserError
from runner.util.files import read_file

if TYPE_CHECKING:
    from runner.history.run_entry import RunEntry


@dataclass
class ComparedRun:
    """One run of a comparison; everything but its report is read lazily.

    Raises:
        UserError: the directory is not a run that this version can read.
    """

    run_dir: Path
    report: Report = field(init=False)

    def __post_init__(self) -> None:
        self.report = load_report(self.run_dir)

    @property
    def name(self) -> str:
        return self.run_dir.name

    @cached_property
    def plan(self) -> Plan:
        return layout.load_plan(self.run_dir)

    @cached_property
    def state(self) -> RunState:
        return read_state(self.run_dir)

    @cached_property
    def environment(self) -> Environment:
        return read_environment(self.run_dir, self.plan, self.state)

    @cached_property
    def profile_text(self) -> str:
        """The profile of the run as YAML; empty if there is none, for example for an imported result."""
        try:
            return read_file(self.run_dir / layout.PROFILE, MOST_BYTES + 1).decode()
        except (OSError, UnicodeDecodeError):
            return ""

    @cached_property
    def profile(self) -> Data:
        try:
            data = parse_yaml(self.profile_text, layout.PROFILE)[0] if self.profile_text else {}
        except ProfileError:
            return {}
        public: Data = redaction.redact_profile(data)
        return public

    @cached_property
    def conditions(self) -> dict[str, str]:
        """What its numbers depend on, by name, as far as known or set in its profile."""
        found = conditions_of(self.environment, self.report.engine, str(self.report.ranks), self.profile)
        weights = self.report.weights
        if weights is not None and weights.fingerprint:
            found["fingerprint of the weights"] = weights.fingerprint
        return self.plan.stated | found

    def default(self, name: str) -> str | None:
        """Return the default of a field that the profile does not set; None: there is no such field."""
        return default_at(self.profile, name)

    @cached_property
    def configurations(self) -> dict[Configuration, ConfigurationReport]:
        return {configuration_of(found): found for found in self.report.configurations}

    @cached_property
    def estimates(self) -> dict[Configuration, Estimates]:
        """The standard errors of the metrics within this run, by configuration."""
        return {
            configuration_of(row): estimates(configuration, self.report.ranks)
            for row, configuration in zip(self.report.configurations, self.state.configurations, strict=False)
        }

    def value(self, shape: Configuration, metric: str) -> float | None:
        """A number of the final table; None when this run has none."""
        configuration = self.configurations.get(shape)
        rows = configuration.rows if configuration else []
        return next((row.value for row in rows if row.metric == metric), None)

    def interval(self, shape: Configuration, metric: str) -> Interval:
        """The interval of a number in the final table; without one the number itself.

        Raises:
            StopIteration: this run has no such number.
        """
        rows = self.configurations[shape].rows
        row = next(row for row in rows if row.metric == metric and row.value is not None)
        assert row.value is not None
        if row.low is None and row.high is None:
            return Interval(row.value, row.value)
        return Interval(-math.inf if row.low is None else row.low, math.inf if row.high is None else row.high)


@dataclass(frozen=True)
class Side:
    """One side of a comparison: one run, or repeats."""

    label: str
    """A, B, C ..."""
    runs: tuple[ComparedRun, ...]

    @property
    def shapes(self) -> list[Configuration]:
        """Configurations that every run of the side measured, in the order of measuring."""
        first, *others = self.runs
        return [shape for shape in first.configurations if all(shape in run.configurations for run in others)]

    @property
    def serious_warnings(self) -> list[str]:
        """Warnings of its runs that say that numbers are distorted or wrong, the largest effect first."""
        ranked = [found for run in self.runs for found in rank_flags(run.report)]
        serious = [(effect, text) for effect, text in ranked if effect >= Effect.DISTORTED]
        return [text for _, text in sorted(serious, key=lambda found: -found[0])]


def load_sides(names: Sequence[str]) -> list[Side]:
    """Read the sides that a user names, in this order.

    Each name is a run (id, suffix of the id, directory, `last`), several runs separated by commas, or a
    filter of the list of runs (`tag:before`, `sweep:20261122T...`) for all finished runs that match. A single
    name is a sweep: each of its cells, or each profile of `ab`, is a side.

    Raises:
        UserError: there are fewer than two sides, a run does not exist, a filter matches no run, a run is on
            two sides, or it has no measured configuration.
    """
    each = [runs_of_side(name) for name in names] if len(names) > 1 else _cells(names)
    found = [
        Side(side_label(index), tuple(ComparedRun(run_dir) for run_dir in run_dirs))
        for index, run_dirs in enumerate(each)
    ]
    seen: dict[Path, str] = {}
    for side in found:
        for run in side.runs:
            if run.run_dir in seen:
                both = " and ".join(sorted({seen[run.run_dir], side.label}))
                raise UserError(f"{run.name} is named twice (side {both}); name each run once")
            seen[run.run_dir] = side.label
            if not run.configurations:
                raise UserError(f"{run.name} has no measured configuration to compare")
    return found


def side_label(index: int) -> str:
    """Return the label of a side: A to Z, then AA, AB ... like spreadsheet columns."""
    before, last = divmod(index, 26)
    return (side_label(before - 1) if before else "") + chr(ord("A") + last)


def _cells(names: Sequence[str]) -> list[list[Path]]:
    """Return the runs of each cell of a sweep that is named alone."""
    from runner.history import sweep_lookup

    try:
        sweep = sweep_lookup.find_sweep(names[0]).name if names else ""
    except UserError:
        sweep = ""
    cells = sides_of_sweep(sweep, sweep_lookup.runs_of_sweep(sweep) if sweep else ())
    return [[entry.run_dir for entry in cell] for cell in cells]


def sides_of_sweep(sweep: str, runs: Iterable[RunEntry]) -> list[list[RunEntry]]:
    """Return the finished runs of each cell, in the order of cells and repeats: each cell is a side.

    Args:
        sweep: its id; empty: what is compared is no sweep.
        runs: the runs of the sweep.

    Raises:
        UserError: fewer than two cells have a finished run.
    """
    finished = [(run.sweep, run) for run in runs if run.sweep is not None and run.status == "finished"]
    cells: dict[int, list[RunEntry]] = {}
    for place, run in sorted(finished, key=lambda one: (one[0].cell, one[0].repeat, one[1].run)):
        cells.setdefault(place.cell, []).append(run)
    if len(cells) < 2:
        few = f"; sweep {sweep} has {len(cells)} with finished runs" if sweep else ""
        raise UserError(
            f"a comparison needs two sides{few}",
            hint="`trtbench-tui compare A B`: each side is one run or several; or name one sweep with several"
            " cells",
        )
    return list(cells.values())


def runs_of_side(name: str) -> list[Path]:
    """Return the directories of the runs of one side, as `sides` takes it.

    Raises:
        UserError: a run does not exist, or a filter matches no run.
    """
    if is_filter(name):
        return _filtered(name)
    parts = [part.strip() for part in name.split(",")]
    if not all(parts):
        raise UserError(f"{name!r} names no run", hint="separate several runs by commas: 7f3a,19bc")
    return [find_run(part) for part in parts]


def is_filter(name: str) -> bool:
    """Check whether a side is a filter of the list of runs, and not the names or directories of runs."""
    return ":" in name and not os.path.exists(name)


def _filtered(text: str) -> list[Path]:
    from runner.history.reader import read_entries

    found = finished_runs(read_entries(), text)
    if not found:
        raise UserError(
            f"no finished run matches {text!r}",
            hint=f"`trtbench-tui ls --filter {text!r}` shows the matching runs",
        )
    return [entry.run_dir for entry in found]


def finished_runs(entries: Iterable[RunEntry], text: str) -> list[RunEntry]:
    """Return the finished ones of the runs that match a filter, in reverse order: the oldest first.

    Raises:
        UserError: the filter is invalid.
    """
    from runner.history.query import filter_entries

    return [entry for entry in filter_entries(entries, text) if entry.status == "finished"][::-1]
