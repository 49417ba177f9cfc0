"""The end of a tuning: the final comparison, and the profile that is saved."""

from __future__ import annotations

import msgspec

from runner.compare.run_difference import RunValue
from runner.compare.verdict import Judgement, judge
from runner.profile.store import save_as
from runner.profile.yaml_file import load_text
from runner.sweep.progress import SweepProgress
from runner.sweep.spec import SweepSpec
from runner.sweep.tune.measured import NumbersOf, Question
from runner.util import paths

_LONGEST_NAME = 64


def winner_name(sweep_id: str, sweep: SweepSpec) -> str:
    """Return the name of the profile that a tuning saves: that of its profile and the end of its id."""
    end = f"-tuned-{sweep_id.rpartition('_')[2]}"
    return sweep.name[: _LONGEST_NAME - len(end)] + end


def compared_runs(progress: SweepProgress, cell: int) -> list[str]:
    """Return the ended runs of one side of the final comparison, in the order of measuring."""
    slots = [slot for slot in progress.comparison_slots() if slot.cell == cell]
    runs = {note.slot: note.run for note in progress.runs.values() if note.ended is not None}
    return [runs[slot] for slot in slots if slot in runs]


def judge_winner(question: Question, progress: SweepProgress, numbers_of: NumbersOf) -> Judgement | None:
    """Return the verdict of the final comparison on the first objective; None: a side has no numbers yet."""
    if progress.confirming is None:
        return None
    metric = question.goal.objectives[0]
    order = {note.run: number for number, note in enumerate(progress.runs.values())}
    sides = []
    for cell in (progress.confirming.baseline, progress.confirming.winner):
        side = [
            RunValue(value, None, 0, order[run])
            for run in compared_runs(progress, cell)
            if (value := (numbers_of(run) or {}).get(metric.name)) is not None
        ]
        sides.append(side)
    if not all(sides):
        return None
    return judge(metric, *sides)


def save_winner(sweep_id: str, progress: SweepProgress, question: Question, numbers_of: NumbersOf) -> bool:
    """Save the profile of the winner in the user's folder; return whether there is one.

    A winner that the final comparison found slower than the baseline is not saved.

    Raises:
        UserError: the file cannot be written.
    """
    verdict = judge_winner(question, progress, numbers_of)
    if progress.confirming is None or verdict is None or verdict.verdict in ("SLOWER", "WORSE"):
        return False
    profile = load_text(progress.sweep.cells[progress.confirming.winner].profile, "the winner")
    name = winner_name(sweep_id, progress.sweep)
    if (paths.user_profiles_dir() / f"{name}.yaml").exists():
        return True
    named = msgspec.structs.replace(profile, name=name, description=f"chosen by the tuning {sweep_id}")
    save_as(named)
    return True
