"""The steps of a tuning: the runs that `search` chooses, then the winner alternately with the baseline."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner import metrics, preflight
from runner.engines.registry import make_plan
from runner.history.run_feed import RunFeed, open_feed
from runner.profile.yaml_file import load_text
from runner.stats.intervals import LEVEL
from runner.stats.student import t_quantile
from runner.sweep.directory import SweepCellAdded, SweepConfirming
from runner.sweep.known_failures import reject
from runner.sweep.out_of_memory import describe, needs_as_much
from runner.sweep.progress import SweepProgress
from runner.sweep.spec import Slot, SweepCell, SweepSpec
from runner.sweep.tune.definition import base_data, cell_at
from runner.sweep.tune.measured import NumbersOf, Question, RunNumbers, question_of, read_known
from runner.sweep.tune.search import Finished, NextRun, Search
from runner.sweep.tune.study import TuneStudy, open_study
from runner.sweep.tune.winner import save_winner
from runner.sweep.tune_terms import COMPARED, allowed_trials
from runner.util.errors import UserError

logger = logging.getLogger(__name__)

RACE_S = 5.0
"""how often the interval of a running measurement is looked at"""
_BUDGET_S = 0.2
_FEWEST = 8
"""iterations or requests before a measurement may be ended early"""


def make_search(
    question: Question, progress: SweepProgress, numbers_of: NumbersOf, now: float | None = None
) -> Search:
    """Return the decisions of a tuning at one moment.

    Args:
        question: of the tuning.
        progress: of its sweep.
        numbers_of: its runs.
        now: seconds since 1970, for a tuning with a budget of time; None: when its last entry was written.
    """
    import numpy as np

    coordinates = np.array(question.space.coordinates(question.points))
    known = read_known(question, progress, numbers_of)
    baseline = question.point_of(progress.sweep.cells[0])
    trials = allowed_trials(question.terms, progress, now)
    return Search(coordinates, baseline, trials, known, question.terms.seed)


@dataclass
class TuneStrategy:
    """The decisions of a tuning, made from its log and the reports of its runs alone."""

    directory: Path
    sweep: SweepSpec
    question: Question = field(init=False)
    numbers_of: NumbersOf = field(default_factory=RunNumbers)
    """numbers of ended runs"""
    _base: dict[str, Any] = field(init=False)
    _study: TuneStudy | None = None
    _feed: RunFeed | None = None
    _looked: float = 0.0
    _racing: tuple[Path, Search] | None = None
    """decisions while a run is under way, when nothing else changes"""

    def __post_init__(self) -> None:
        self.question = question_of(self.sweep.tune)
        self._base = base_data(load_text(self.sweep.cells[0].profile, "the baseline"))

    def next_step(self, progress: SweepProgress) -> Slot | SweepCellAdded | SweepConfirming | None:
        """Return the next step; an interrupted run is measured again first."""
        if progress.confirming is not None:
            left = [slot for slot in progress.comparison_slots() if progress.remaining(slot)]
            if not left:
                self._save(progress)
            return left[0] if left else None
        for slot in (*progress.slots(), *(Slot(cell.number, 0) for cell in progress.sweep.cells)):
            if not progress.sweep.cells[slot.cell].refused and progress.remaining(slot):
                return slot
        search = self._search(progress)
        step = self._ask(progress, search)
        if isinstance(step, Finished):
            return self._finish(progress, search, step)
        return self._step_to(progress, step)

    def _ask(self, progress: SweepProgress, search: Search) -> NextRun | Finished:
        """Return the decision of the search, as a trial of the study unless the disk is full."""
        try:
            if self._study is None:
                self._study = open_study(self.directory, self.question)
            self._study.sync(progress, self.numbers_of)
            return self._study.ask(search)
        except OSError:
            self._study = None
            return search.decision

    def _search(self, progress: SweepProgress) -> Search:
        return make_search(self.question, progress, self.numbers_of, time.time())

    def _save(self, progress: SweepProgress) -> None:
        try:
            save_winner(self.directory.name, progress, self.question, self.numbers_of)
        except UserError as error:
            logger.error("the winning profile is not saved: %s", error)

    def _step_to(self, progress: SweepProgress, step: NextRun) -> Slot | SweepCellAdded:
        cell = self._cell(progress, step.point)
        if cell is None:
            values = self.question.space.values_at(self.question.points[step.point])
            made = cell_at(len(progress.sweep.cells), self.sweep.engine, self._base, values)
            why = made.refused or self._refusal(progress, made)
            if why:
                made = SweepCell(number=made.number, values=made.values, refused=why)
            return SweepCellAdded(wall=time.time(), added=made, purpose=step.purpose)
        measured = [slot.repeat for slot in progress.slots() if slot.cell == cell.number]
        return Slot(cell.number, max(measured, default=-1) + 1)

    def _cell(self, progress: SweepProgress, point: int) -> SweepCell | None:
        return next((cell for cell in progress.sweep.cells if self.question.point_of(cell) == point), None)

    def _refusal(self, progress: SweepProgress, cell: SweepCell) -> str:
        """Return why a point is not worth a run: too large, made from what failed, or failing preflight."""
        one = cell.configurations[0]
        for number, other in progress.out_of_memory:
            limit = progress.sweep.cells[number]
            if needs_as_much(cell, one, limit, other):
                return f"{describe(limit, other)} ran out of memory"
        profile = load_text(cell.profile, "cell")
        try:
            if progress.failed_artifacts:
                reject(make_plan(profile), progress.failed_artifacts)
        except UserError as error:
            return str(error)
        assert self.sweep.tune is not None
        if not self.sweep.tune.preflight:
            return ""
        failing = [check for check in preflight.check(profile) if check.verdict == "fail"]
        return "; ".join(f"{check.name}: {check.text}" for check in failing)

    def _finish(self, progress: SweepProgress, search: Search, end: Finished) -> SweepConfirming | None:
        winner = self._cell(progress, search.best) if search.best is not None else None
        if winner is None or winner.number == 0:
            return None
        repeats = (progress.repeats(0), progress.repeats(winner.number))
        return SweepConfirming(
            wall=time.time(), baseline=0, winner=winner.number, repeats=COMPARED, before=repeats, why=end.why
        )

    # --- ending a measurement early ------------------------------------------------------------------------

    def is_decided(self, progress: SweepProgress, slot: Slot, run_dir: Path) -> str:
        """Return why the first run of a point can end: its interval is surely below the best point.

        Only the objective decides, and only if it is the only one: a worse point may be on a Pareto front.
        """
        if len(self.question.goal.objectives) > 1 or slot.repeat or slot.cell == 0 or progress.confirming:
            return ""
        if time.monotonic() - self._looked < RACE_S:
            return ""
        self._looked = time.monotonic()
        optimist = self._most(run_dir)
        if optimist is None:
            return ""
        if self._racing is None or self._racing[0] != run_dir:
            self._racing = run_dir, self._search(progress)
        search = self._racing[1]
        if search.best is None:
            return ""
        levels = search.levels
        spread = levels.spread
        slack = t_quantile((1 + LEVEL) / 2, spread.df) * spread.deviation * math.sqrt(2)
        to_beat = levels.level(search.best)
        if optimist + slack + levels.blocks.deviation >= to_beat:
            return ""
        share = 1 - math.exp(optimist - to_beat)
        return f"already more than {share:.0%} worse than the best point"

    def _most(self, run_dir: Path) -> float | None:
        """Return the best value that the interval of the running measurement allows, as a logarithm."""
        if self._feed is None or self._feed.run_dir != run_dir:
            try:
                self._feed = open_feed(run_dir)
            except UserError:
                return None
        self._feed.drain(_BUDGET_S)
        state = self._feed.state.configuration
        if state is None or state.done:
            return None
        metric = self.question.goal.objectives[0]
        for one in metrics.values(state, self._feed.state.world):
            if one.metric.name == metric.name and one.n >= _FEWEST:
                bound = one.high if metric.better == "higher" else one.low
                if bound is None or bound <= 0:
                    return None
                return math.log(bound) if metric.better == "higher" else -math.log(bound)
        return None
