"""The trials of a tuning as an Optuna study, for Optuna's own tools.

The search is a sampler of Optuna: `ask` gives its next point, `tell` its result. The study is kept in a file
of the sweep's directory, and is written again from the log at every start, so it is never ahead of the log.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.sweep.progress import MEASURED, SweepProgress, SweepRun
from runner.sweep.spec import value_text
from runner.sweep.tune.measured import NumbersOf, Question
from runner.sweep.tune.search import Finished, NextRun, Search
from runner.util.errors import UserError, install_extra

if TYPE_CHECKING:
    import optuna

STUDY = "optuna.log"
"""journal file of the study; `optuna-dashboard` reads it"""


def require_optuna() -> None:
    """Check that the extra `tune` is installed.

    Raises:
        UserError: it is not.
    """
    try:
        import numpy  # noqa: F401
        import optuna  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"tuning needs Optuna, which cannot be imported: {error}",
            hint=f"install the extra: {install_extra('tune')}",
        ) from None


def open_study(directory: Path, question: Question) -> TuneStudy:
    """Return the study of a tuning without trials; an older file is replaced."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = directory / STUDY
    for old in (path, path.with_name(f"{STUDY}.lock")):  # a killed process leaves its lock
        with contextlib.suppress(OSError):
            old.unlink()
    goal = question.goal
    names = [one.name for one in goal.objectives]
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(path))),
        study_name=directory.name,
        directions=["maximize" if one.better == "higher" else "minimize" for one in goal.objectives],
        sampler=_make_sampler(),
    )
    study.set_user_attr("objectives", names)
    return TuneStudy(question, study)


def _make_sampler() -> Any:
    """Return a sampler that takes the values of the point that was chosen."""
    import optuna

    class ChosenPoint(optuna.samplers.BaseSampler):  # type: ignore[misc]
        """Takes values from `chosen`, by path."""

        chosen: dict[str, Any] = {}  # noqa: RUF012 - replaced as a whole before each trial

        def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
            return {}

        def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
            return {}

        def sample_independent(self, study: Any, trial: Any, name: str, distribution: Any) -> Any:
            return self.chosen[name]

    return ChosenPoint()


@dataclass
class TuneStudy:
    """A study with the trials of the search."""

    question: Question
    study: optuna.Study
    _told: set[str] = field(default_factory=set)
    _asked: tuple[int, optuna.Trial] | None = None

    def ask(self, search: Search) -> NextRun | Finished:
        """Return the next run as a trial of the study."""
        step = search.decision
        if isinstance(step, Finished):
            return step
        if self._asked is None or self._asked[0] != step.point:
            self._drop_asked()
            self._asked = step.point, self._new_trial(step.point)
        return step

    def sync(self, progress: SweepProgress, numbers_of: NumbersOf) -> None:
        """Tell the study the runs that have ended since the last call."""
        for note in progress.search_runs():
            if note.run not in self._told:
                self._told.add(note.run)
                self._tell(progress, note, numbers_of)

    def _tell(self, progress: SweepProgress, note: SweepRun, numbers_of: NumbersOf) -> None:
        from optuna.trial import TrialState

        point = self.question.point_of(progress.sweep.cells[note.slot.cell])
        if self._asked is not None and self._asked[0] == point:
            trial, self._asked = self._asked[1], None
        else:
            trial = self._new_trial(point)
        trial.set_user_attr("run", note.run)
        assert note.ended is not None
        one = next(iter(note.ended.measured), None)
        numbers = numbers_of(note.run) if one is not None and one.outcome in MEASURED else None
        names = [metric.name for metric in self.question.goal.objectives]
        if numbers is None or any(name not in numbers for name in names):
            trial.set_user_attr("why", one.why if one is not None else "the run ended without measuring it")
            self.study.tell(trial, state=TrialState.FAIL)
            return
        for constraint in self.question.goal.constraints:
            margin = constraint.margin(numbers)
            if margin is not None:
                trial.set_constraint(constraint.text, -margin)  # Optuna's are met at 0 or below
        self.study.tell(trial, [numbers[name] for name in names])

    def _new_trial(self, point: int) -> optuna.Trial:
        values = self.question.space.values_at(self.question.points[point])
        sampler: Any = self.study.sampler
        sampler.chosen = {path: _choice(value) for path, value in values.items()}
        trial = self.study.ask()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for axis in self.question.space.axes:
                if axis.path in values:
                    trial.suggest_categorical(axis.path, _choices(axis.values))
        return trial

    def _drop_asked(self) -> None:
        """Close a trial whose point was refused before a run of it was started."""
        from optuna.trial import TrialState

        if self._asked is not None:
            self._asked[1].set_user_attr("why", "refused before it was measured")
            self.study.tell(self._asked[1], state=TrialState.FAIL)
            self._asked = None


def _choice(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else value_text(value)


def _choices(values: Sequence[Any]) -> list[Any]:
    return [_choice(value) for value in values]
