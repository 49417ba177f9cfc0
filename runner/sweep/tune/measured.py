"""Read what the runs of a tuning measured: from its log and the reports of its runs to `Known`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from runner.history.reports import load_report
from runner.report.model import ConfigurationReport, Report
from runner.schema.axes import cell_label
from runner.sweep.progress import MEASURED, SweepProgress
from runner.sweep.spec import SweepCell
from runner.sweep.tune.constraints import Goal, Numbers, goal_of
from runner.sweep.tune.definition import Values, space_of, values_text
from runner.sweep.tune.observations import BLOCK, Known, Observation
from runner.sweep.tune.space import Point, Space
from runner.sweep.tune_terms import TuneTerms
from runner.util import paths
from runner.util.errors import UserError

NumbersOf = Callable[[str], Numbers | None]
"""numbers of a run by its id; None: it has none"""


def own_report(run: str) -> Report:
    """Return the report of an ended run of this machine.

    Raises:
        UserError: it was deleted, or cannot be read.
    """
    return load_report(paths.runs_dir() / run)


@dataclass
class RunNumbers:
    """The numbers of ended runs; each report is read once."""

    report_of: Callable[[str], Report] = own_report
    """returns the report of a run, or raises UserError"""
    _known: dict[str, ConfigurationReport | None] = field(default_factory=dict)

    def __call__(self, run: str) -> Numbers | None:
        found = self.report(run)
        if found is None:
            return None
        return {row.metric: row.value for row in found.rows if row.value is not None}

    def report(self, run: str) -> ConfigurationReport | None:
        """Return the report of the one configuration of an ended run; None: it has none."""
        if run not in self._known:
            try:
                configurations = self.report_of(run).configurations
            except UserError:
                configurations = []
            self._known[run] = configurations[0] if configurations else None
        return self._known[run]


@dataclass(frozen=True)
class Question:
    """What a tuning searches, from its frozen terms."""

    terms: TuneTerms

    @cached_property
    def space(self) -> Space:
        return space_of(self.terms)

    @cached_property
    def points(self) -> list[Point]:
        return self.space.points()

    @cached_property
    def goal(self) -> Goal:
        return goal_of(self.terms)

    @cached_property
    def _index(self) -> dict[Values, int]:
        return {values_text(self.space.values_at(point)): index for index, point in enumerate(self.points)}

    def values_label(self, point: int) -> str:
        """Return the label of a point: `batch 8 · tp 2`."""
        return cell_label(values_text(self.space.values_at(self.points[point])))

    def point_of(self, cell: SweepCell) -> int:
        """Return the index of the point of a cell.

        Raises:
            UserError: it is outside of the search space.
        """
        try:
            return self._index[cell.values]
        except KeyError:
            raise UserError(f"cell {cell.number} of this tuning is outside of its search space") from None


def question_of(terms: TuneTerms | None) -> Question:
    """Return the question of a sweep.

    Raises:
        UserError: the sweep is not a tuning.
    """
    if terms is None:
        raise UserError("this sweep is not a tuning", hint="`trtbench-tui sweeps show` prints its matrix")
    return Question(terms)


def read_known(question: Question, progress: SweepProgress, numbers_of: NumbersOf) -> Known:
    """Return everything that the next decision depends on."""
    observations, failed = [], set()
    blocks = _Blocks()
    runs = 0
    for note in progress.search_runs():
        assert note.ended is not None
        outcome = next((one.outcome for one in note.ended.measured), "lost")
        if outcome in ("stopped", "lost"):
            continue
        runs += 1
        block = blocks.next(note.begin)
        point = question.point_of(progress.sweep.cells[note.slot.cell])
        numbers = numbers_of(note.run) if outcome in MEASURED else None
        values = question.goal.values(numbers) if numbers is not None else None
        margins = question.goal.margins(numbers) if numbers is not None else None
        if values is None or margins is None:
            failed.add(point)
        else:
            observations.append(Observation(point, block, values, margins, outcome == "decided"))
    refused = {question.point_of(cell) for cell in refused_cells(progress)}
    measured = {one.point for one in observations}
    return Known(
        observations=tuple(observations),
        failed=frozenset(failed - measured),
        refused=frozenset(refused - measured),
        runs=runs,
        block=blocks.current(progress.begins),
        in_block=blocks.in_block(progress.begins),
    )


def refused_cells(progress: SweepProgress) -> Iterator[SweepCell]:
    """Yield the cells that were never measured: refused when they were chosen, or when a run was to start."""
    started = {note.slot.cell for note in progress.runs.values()}
    for cell in progress.sweep.cells:
        if cell.number not in started and (cell.refused or refusal_of(progress, cell)):
            yield cell


def refusal_of(progress: SweepProgress, cell: SweepCell) -> str:
    """Return why a cell that no run was started for is not measured; empty: it may be."""
    if cell.refused:
        return cell.refused
    slot_results = [one.why for (slot, _), one in progress.results.items() if slot.cell == cell.number]
    pruned = [
        progress.pruned[cell.number, one]
        for one in cell.configurations
        if (cell.number, one) in progress.pruned
    ]
    return next((why for why in (*slot_results, *pruned) if why), "")


@dataclass
class _Blocks:
    """Number runs by blocks: at most `BLOCK` runs of one start of the sweep runner."""

    _block: int = 0
    _count: int = 0
    _begin: int = 0

    def next(self, begin: int) -> int:
        """Return the block of the next run."""
        self._block = self.current(begin)
        self._count = self.in_block(begin) + 1
        self._begin = begin
        return self._block

    def current(self, begin: int) -> int:
        return self._block + (1 if self._is_new(begin) else 0)

    def in_block(self, begin: int) -> int:
        return 0 if self._is_new(begin) else self._count

    def _is_new(self, begin: int) -> bool:
        return self._count >= BLOCK or (self._count > 0 and begin != self._begin)
