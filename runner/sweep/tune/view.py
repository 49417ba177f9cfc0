"""A tuning at one moment: what a screen and the commands show of it. Plain data."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from runner.compare.verdict import Judgement
from runner.metrics import Metric
from runner.schema.axes import cell_label, short_path
from runner.stats.intervals import Interval
from runner.sweep.pareto import TRADED
from runner.sweep.progress import ENDED, SweepProgress, SweepStatus
from runner.sweep.spec import SweepCell
from runner.sweep.sweep_feed import SweepFeed
from runner.sweep.tune.importance import AxisEffect, axis_effects
from runner.sweep.tune.measured import (
    Question,
    RunNumbers,
    question_of,
    refusal_of,
    refused_cells,
)
from runner.sweep.tune.search import Search
from runner.sweep.tune.strategy import make_search
from runner.sweep.tune.winner import compared_runs, judge_winner, winner_name
from runner.sweep.tune_terms import COMPARED, allowed_trials
from runner.util import paths

FEWEST_FOR_EFFECTS = 4
"""runs before the view has effects of axes"""


@dataclass(frozen=True)
class TunePoint:
    """A measured point."""

    cell: int
    label: str
    runs: int
    values: tuple[float, ...]
    """of each objective in its unit, adjusted for blocks"""
    change: float
    """of the first objective against the baseline, share"""
    interval: Interval
    """of the change, 95 %, shares; open: not known"""
    feasible: bool
    """meets every constraint with confidence"""
    front: bool
    """no other feasible point beats it beyond noise"""
    trade: tuple[float, float] | None = None
    """latency and throughput of its newest run, for a plot; None: it has not both"""
    short: tuple[str, ...] = ()
    """its values"""
    why_not: str = ""
    """the constraint that it does not meet, or does not meet with confidence"""


@dataclass(frozen=True)
class TuneView:
    """A tuning at one moment; lists are empty before the baseline is measured."""

    id: str
    profile: str
    engine: str
    status: SweepStatus
    why: str
    objectives: tuple[Metric, ...]
    constraints: tuple[str, ...]
    runs: int
    trials: int
    comparing: bool
    """the search is over, and the winner is measured alternately with the baseline"""
    elapsed_s: float
    remaining_s: float | None
    space: int
    """number of points of the search space"""
    activity: str = ""
    axis_titles: str = ""
    """titles of the axes in the order of `TunePoint.short`: `batch/tp`"""
    points: tuple[TunePoint, ...] = ()
    """the best first"""
    best: TunePoint | None = None
    ties: tuple[TunePoint, ...] = ()
    """other feasible points that cannot be told apart from the best one"""
    effects: tuple[AxisEffect, ...] = ()
    effect_values: tuple[str, ...] = ()
    """the best value of each axis of `effects`, as text"""
    pruned: tuple[tuple[str, str], ...] = ()
    """label and reason of every point that was refused, failed, or was not measured to its end"""
    verdict: Judgement | None = None
    bound: str = ""
    """what limits the winner, by its ceiling"""
    saved: Path | None = None
    spread: str = ""
    """where the run-to-run variation is known from"""


@dataclass(frozen=True)
class _Analysis:
    """What a number of ended runs says."""

    key: tuple[int, int, int]
    """runs, cells and starts that it is made from"""
    search: Search
    points: tuple[TunePoint, ...]
    effects: tuple[AxisEffect, ...]


@dataclass
class TuneFeed:
    """Follow a tuning."""

    sweep: SweepFeed
    question: Question = field(init=False)
    given: RunNumbers | None = None
    """the numbers of ended runs; None: from their reports"""
    numbers_of: RunNumbers = field(init=False)
    _analysis: _Analysis | None = None

    def __post_init__(self) -> None:
        self.numbers_of = self.given or RunNumbers(self.sweep.files.report)
        self.question = question_of(self.sweep.sweep.tune)

    def view(self) -> TuneView:
        """Return the tuning as it is now; the caller has drained the feed of the sweep."""
        progress, status = self.sweep.progress, self.sweep.status
        goal = self.question.goal
        moment = None if status in ENDED else self.sweep.now()
        analysis = self._analyse(progress)
        search, points, effects = analysis.search, analysis.points, analysis.effects
        runs = search.known.runs
        trials = allowed_trials(self.question.terms, progress, moment)
        best = next((one for one in points if one.cell == _best_cell(progress, self.question, search)), None)
        leaders = {self.question.values_label(point) for point in search.leaders()}
        axes = {axis.path: axis.values for axis in progress.sweep.axes}
        name = winner_name(self.sweep.directory.name, progress.sweep)
        saved = paths.user_profiles_dir() / f"{name}.yaml"
        return TuneView(
            id=self.sweep.directory.name,
            profile=progress.sweep.name,
            engine=progress.sweep.engine,
            status=status,
            why=progress.why or self.sweep.wait_reason,
            objectives=goal.objectives,
            constraints=tuple(one.text for one in goal.constraints),
            runs=runs,
            trials=trials,
            comparing=progress.confirming is not None,
            elapsed_s=progress.elapsed_s(moment),
            remaining_s=None if status in ENDED else self._remaining(progress, runs, trials),
            space=len(self.question.points),
            activity=self.sweep.activity,
            axis_titles="/".join(short_path(axis.path) for axis in progress.sweep.axes),
            points=points,
            best=best,
            ties=tuple(one for one in points if one.label in leaders and one is not best),
            effects=effects,
            effect_values=tuple(axes[one.path][one.best] for one in effects),
            pruned=tuple(self._pruned(progress)),
            verdict=judge_winner(self.question, progress, self.numbers_of),
            bound=self._bound(progress),
            saved=saved if saved.exists() and not self.sweep.files.is_copy else None,
            spread=_spread_text(search) if search.complete else "",
        )

    def _analyse(self, progress: SweepProgress) -> _Analysis:
        """Return what the ended runs say; it is computed again only after the log has more of them."""
        ended = sum(note.ended is not None for note in progress.runs.values())
        key = (ended, len(progress.sweep.cells), progress.begins)
        if self._analysis is None or self._analysis.key != key:
            search = make_search(self.question, progress, self.numbers_of)
            points = tuple(self._points(progress, search)) if search.complete else ()
            effects: tuple[AxisEffect, ...] = ()
            if len(search.complete) >= FEWEST_FOR_EFFECTS:
                effects = tuple(axis_effects(self.question.space, self.question.points, search.prediction))
            self._analysis = _Analysis(key, search, points, effects)
        return self._analysis

    def _points(self, progress: SweepProgress, search: Search) -> list[TunePoint]:
        cells = {self.question.point_of(cell): cell for cell in progress.sweep.cells}
        levels = search.objective_levels
        front = set(search.front())
        found = []
        for point in levels[0].points:
            change, interval = levels[0].difference(point, search.baseline)
            better = 1.0 if self.question.goal.objectives[0].better == "higher" else -1.0
            ends = sorted(math.expm1(min(700.0, better * one)) for one in (interval.low, interval.high))
            found.append(
                TunePoint(
                    cell=cells[point].number,
                    label=cell_label(cells[point].values),
                    runs=levels[0].runs(point),
                    values=tuple(self._value(number, one.level(point)) for number, one in enumerate(levels)),
                    change=math.expm1(better * change),
                    interval=Interval(*ends),
                    feasible=search.is_feasible(point),
                    front=point in front,
                    trade=self._trade(progress, cells[point].number),
                    short=tuple(value for _, value in cells[point].values),
                    why_not=self._why_not(search, point),
                )
            )
        order = {point: number for number, point in enumerate(search.feasible)}
        return sorted(
            found,
            key=lambda one: order.get(self.question.point_of(progress.sweep.cells[one.cell]), len(order)),
        )

    def _trade(self, progress: SweepProgress, cell: int) -> tuple[float, float] | None:
        """Return latency and throughput of the newest measured run of a cell."""
        for note in reversed(progress.runs.values()):
            numbers = self.numbers_of(note.run) if note.slot.cell == cell and note.ended else None
            for latency, throughput in TRADED["system"] if numbers else ():
                if numbers and latency.name in numbers and throughput.name in numbers:
                    return numbers[latency.name], numbers[throughput.name]
        return None

    def _value(self, number: int, level: float) -> float:
        return math.exp(level if self.question.goal.objectives[number].better == "higher" else -level)

    def _why_not(self, search: Search, point: int) -> str:
        for constraint, limit in zip(self.question.goal.constraints, search.limits, strict=True):
            if limit.level(point) <= 0:
                return f"{constraint.text} is not met"
            if limit.bound(point) <= 0:
                return f"{constraint.text} is met, but not with confidence"
        return ""

    def _pruned(self, progress: SweepProgress) -> list[tuple[str, str]]:
        found = [(_label(cell), refusal_of(progress, cell)) for cell in refused_cells(progress)]
        for note in progress.search_runs():
            assert note.ended is not None
            cell = progress.sweep.cells[note.slot.cell]
            for one in note.ended.measured:
                if one.outcome not in ("done", "stopped", "lost"):
                    found.append((_label(cell), one.why or one.outcome))
                elif one.outcome == "done" and (why := self._why_no_number(note.run)):
                    found.append((_label(cell), why))
        return found

    def _why_no_number(self, run: str) -> str:
        numbers = self.numbers_of(run)
        if numbers is None:
            return "the report of its run was deleted"
        missing = ", ".join(self.question.goal.missing(numbers))
        return f"its run has no number for {missing}" if missing else ""

    def _remaining(self, progress: SweepProgress, runs: int, trials: int) -> float | None:
        ended = [note.ended.seconds for note in progress.runs.values() if note.ended is not None]
        if not ended:
            return None
        compared = sum(not progress.remaining(slot) for slot in progress.comparison_slots())
        search = 0 if progress.confirming is not None else max(0, trials - runs)
        return (search + 2 * COMPARED - compared) * fmean(ended)

    def _bound(self, progress: SweepProgress) -> str:
        if progress.confirming is None:
            return ""
        for run in reversed(compared_runs(progress, progress.confirming.winner)):
            report = self.numbers_of.report(run)
            if report is not None and report.ceiling is not None:
                return report.ceiling.sentence or f"the ceiling is not known: {report.ceiling.why_not}"
        return ""


def _best_cell(progress: SweepProgress, question: Question, search: Search) -> int | None:
    wanted = search.best
    if progress.confirming is not None:
        return progress.confirming.winner
    return next((cell.number for cell in progress.sweep.cells if question.point_of(cell) == wanted), None)


def _label(cell: SweepCell) -> str:
    return cell_label(cell.values)


def _spread_text(search: Search) -> str:
    spread = search.levels.spread
    if not spread.runs:
        return f"runs are assumed to vary by {100 * spread.deviation:.2g} %; repeats measure it"
    return f"runs vary by {100 * spread.deviation:.2g} %, from repeats with {spread.df:g} degrees of freedom"


def pruned_reasons(view: TuneView) -> list[tuple[str, int, str]]:
    """Return every reason for a missing number with the number of its points and one of them."""
    counts = Counter(why for _, why in view.pruned)
    first = {why: label for label, why in reversed(view.pruned)}
    return [(why, count, first[why]) for why, count in counts.most_common()]
