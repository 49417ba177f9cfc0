"""The runs that are compared: naming them, and reading what a comparison needs of each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from runner.compare.conditions import facts_of
from runner.errors import UserError
from runner.history.lookup import find_run
from runner.history.reports import load_report
from runner.metrics.estimates import Estimates, estimates
from runner.plan import redaction
from runner.plan.plan import Configuration, Plan, configuration_of
from runner.profile.fields import default_at
from runner.profile.file import Data, ProfileError, parse_yaml
from runner.report.environment import Environment, environment_of
from runner.report.files import read_state
from runner.report.model import ConfigurationReport, Report
from runner.run import layout
from runner.state.run import RunState
from runner.util.files import read


@dataclass
class Run:
    """One measured run; everything but its report is read when it is asked for.

    Raises:
        UserError: the directory holds no run that this version can read.
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
        return environment_of(self.run_dir, self.plan, self.state)

    @cached_property
    def profile_text(self) -> str:
        """The frozen profile; empty when there is none, as of an imported result."""
        try:
            return read(self.run_dir / layout.PROFILE).decode()
        except (OSError, UnicodeDecodeError):
            return ""

    @cached_property
    def profile(self) -> Data:
        try:
            data = parse_yaml(self.profile_text, layout.PROFILE)[0] if self.profile_text else {}
        except ProfileError:
            return {}
        shared: Data = redaction.of_profile(data)
        return shared

    @cached_property
    def facts(self) -> dict[str, str]:
        """What is known, and said by its profile, of that which numbers depend on, by name."""
        return facts_of(self.environment, self.report, self.profile)

    def default(self, name: str) -> str | None:
        """What holds for a field that its profile does not speak of; None: it has no such field."""
        return default_at(self.profile, name)

    @cached_property
    def configurations(self) -> dict[Configuration, ConfigurationReport]:
        return {configuration_of(found): found for found in self.report.configurations}

    @cached_property
    def estimates(self) -> dict[Configuration, Estimates]:
        """What the iterations say about how well numbers are known, by configuration."""
        return {
            configuration_of(row): estimates(configuration, self.report.ranks)
            for row, configuration in zip(self.report.configurations, self.state.configurations, strict=False)
        }

    def value(self, shape: Configuration, metric: str) -> float | None:
        """A number of the final table; None when this run has none."""
        configuration = self.configurations.get(shape)
        rows = configuration.rows if configuration else []
        return next((row.value for row in rows if row.metric == metric), None)


@dataclass(frozen=True)
class Side:
    """What is compared: one run, or repeats of the same."""

    label: str
    """A, B, C ..."""
    runs: tuple[Run, ...]

    @property
    def shapes(self) -> list[Configuration]:
        """Configurations that every run of it measured, in the order of measuring."""
        first, *others = self.runs
        return [shape for shape in first.configurations if all(shape in run.configurations for run in others)]


def sides(names: Sequence[str]) -> list[Side]:
    """The sides that a person names, in that order.

    Each name is a run as every command takes it (id, last letters, directory, `last`), several of them with
    commas between, or a filter as the list of runs takes it (`tag:before`, `sweep:20261122T...`), which
    stands for all finished runs that it lets through. One name alone is a sweep: each of its cells is a side,
    the profiles of `ab` among them.

    Raises:
        UserError: fewer than two sides, a run that there is not, a filter that fits none, one run on two
            sides, or a run without any measured configuration.
    """
    each = [named(name) for name in names] if len(names) > 1 else _cells(names)
    found = [
        Side(letters(index), tuple(Run(run_dir) for run_dir in run_dirs))
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
                raise UserError(f"{run.name} has measured nothing that could be compared")
    return found


def letters(index: int) -> str:
    """What a side is called: A to Z, then AA, AB ... as columns of a spreadsheet."""
    before, last = divmod(index, 26)
    return (letters(before - 1) if before else "") + chr(ord("A") + last)


def _cells(names: Sequence[str]) -> list[list[Path]]:
    """The finished runs of each cell of a sweep, in the order of cells and repeats."""
    from runner.sweep import directory

    hint = "`trtbench-tui compare A B`: each a run or several; or one sweep of several cells"
    try:
        sweep = directory.find(names[0]).name if names else ""
    except UserError:
        sweep = ""
    cells: dict[int, list[tuple[int, Path]]] = {}
    for entry in directory.runs_of(sweep) if sweep else ():
        if entry.sweep is not None and entry.status == "finished":
            cells.setdefault(entry.sweep.cell, []).append((entry.sweep.repeat, entry.run_dir))
    if len(cells) < 2:
        few = f"; of the sweep {sweep}, {len(cells)} of its cells have finished runs" if sweep else ""
        raise UserError(f"a comparison needs two sides{few}", hint=hint)
    return [[run_dir for _, run_dir in sorted(cells[cell])] for cell in sorted(cells)]


def named(name: str) -> list[Path]:
    """The directories of the runs of one side, as `sides` takes it.

    Raises:
        UserError: a run that there is not, or a filter that fits none.
    """
    if ":" in name and not os.path.exists(name):
        return _filtered(name)
    parts = [part.strip() for part in name.split(",")]
    if not all(parts):
        raise UserError(f"{name!r} names no run", hint="several runs have a comma between: 7f3a,19bc")
    return [find_run(part) for part in parts]


def _filtered(text: str) -> list[Path]:
    from runner.history.query import matching
    from runner.history.reader import read_entries

    found = [entry for entry in matching(read_entries(), text) if entry.status == "finished"]
    if not found:
        raise UserError(
            f"no finished run fits {text!r}", hint=f"`trtbench-tui ls --filter {text!r}` shows what fits"
        )
    return [entry.run_dir for entry in reversed(found)]
