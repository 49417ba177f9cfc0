"""What a tuning measures next, with runs that are a formula; kills, failures and the end."""

from __future__ import annotations

import pytest

from runner.sweep.directory import Outcome, SweepRunStarted
from runner.sweep.progress import SweepProgress
from runner.sweep.spec import Slot
from runner.sweep.tune.measured import RunNumbers
from runner.sweep.tune.strategy import TuneStrategy
from runner.sweep.tune.study import STUDY
from runner.sweep.tune_terms import COMPARED, TuneTerms, allowed_trials
from runner.util import paths
from tests.support.sweeps import LARGE, SMALL, recorded
from tests.support.tunings import TRIALS, fake, tuning

pytest.importorskip("optuna")
pytestmark = pytest.mark.usefixtures("mpirun_that_only_plans")


def values(progress: SweepProgress, cell: int) -> dict[str, str]:
    return dict(progress.sweep.cells[cell].values)


def test_the_winner_is_compared_with_the_baseline_and_saved() -> None:
    found = fake()
    progress = found.run()
    assert progress.confirming is not None
    winner = progress.confirming.winner
    assert values(progress, winner) == {"benchmark.batch_size": "8", "model.dtype": "bfloat16"}
    compared = [slot.cell for slot in progress.comparison_slots()]
    assert compared == [0, winner, winner, 0, 0, winner]
    assert [note.slot.cell for note in list(progress.runs.values())[-2 * COMPARED :]] == compared
    (saved,) = paths.user_profiles_dir().glob("tiny-tuned-*.yaml")
    assert "bfloat16" in saved.read_text()


def test_a_point_that_breaks_the_constraint_does_not_win() -> None:
    progress = fake(tuning(10, constraints=("latency_ms < 45",))).run()
    assert progress.confirming is not None
    assert values(progress, progress.confirming.winner)["benchmark.batch_size"] == "4"


def test_without_a_number_of_the_baseline_it_ends() -> None:
    progress = fake(tuning(constraints=("gpu_memory_gib < 78",))).run()
    assert len(progress.runs) == 1
    assert progress.confirming is None


def fails_from_eight(batch: int, dtype: str) -> Outcome:
    return "memory" if batch >= 8 else "done"


def test_more_memory_than_what_ran_out_is_not_tried() -> None:
    progress = fake(tuning(10), fails_from_eight).run()
    ran_out = [one for one in progress.results.values() if one.outcome == "memory"]
    refused = [cell for cell in progress.sweep.cells if "ran out of memory" in cell.refused]
    assert ran_out
    assert all(int(dict(cell.values)["benchmark.batch_size"]) >= 8 for cell in refused)
    assert progress.confirming is not None
    assert values(progress, progress.confirming.winner)["benchmark.batch_size"] == "4"


@pytest.mark.parametrize("step", [13, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_at_any_moment_loses_no_ended_run(step: int) -> None:
    entries = len_of_whole()
    for moment in range(2, entries, step):
        found = fake()
        found.run(kill_after=moment)
        before = list(found.numbers)
        progress = found.run()
        assert progress.status == "finished"
        starts = [Slot(one.cell, one.repeat) for one in found.entries if isinstance(one, SweepRunStarted)]
        assert len(starts) == len(set(starts)), "no slot is measured twice"
        assert list(found.numbers)[: len(before)] == before
        later = set(progress.comparison_slots())
        assert len(set(starts) - later) <= TRIALS
        assert progress.confirming is not None
        assert values(progress, progress.confirming.winner)["benchmark.batch_size"] == "8"


def len_of_whole() -> int:
    found = fake()
    found.run()
    return len(found.entries)


def test_the_study_of_optuna_has_every_run_of_the_search() -> None:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    found = fake()
    found.run(kill_after=5)
    progress = found.run()
    storage = JournalStorage(JournalFileBackend(str(found.path / STUDY)))
    study = optuna.load_study(study_name=found.path.name, storage=storage)
    searched = {note.slot for note in progress.runs.values()} - set(progress.comparison_slots())
    assert len(study.trials) == len(searched)
    assert study.best_trial.params == {"benchmark.batch_size": 8, "model.dtype": "bfloat16"}


def racing(latency_ms: float) -> str:
    """Why a running measurement of a new point with this latency may end; the best has about 11 ms."""
    found = fake()
    progress = found.run(kill_after=12)
    assert progress.confirming is None
    strategy = TuneStrategy(found.path, found.sweep, found.numbers.get)
    recorded("racing", {SMALL: [latency_ms + 0.001 * number for number in range(20)]}, status=None)
    return strategy.is_decided(progress, Slot(1, 0), paths.runs_dir() / "racing")


def test_a_measurement_ends_when_its_interval_decides() -> None:
    assert racing(1000.0).startswith("already more than 9")


def test_a_measurement_that_may_be_best_goes_to_its_end() -> None:
    assert racing(0.1) == ""


def test_a_run_that_was_ended_early_has_numbers() -> None:
    recorded("racing", {SMALL: [10.0] * 20, LARGE: [12.0] * 9}, status="stopped")
    numbers = RunNumbers()("racing")
    assert numbers is not None
    assert numbers["tokens_per_sec"] > 0


def test_a_budget_of_time_leaves_room_for_the_comparison() -> None:
    found = fake()
    progress = found.run(kill_after=9)
    assert len(progress.search_runs()) == 3  # of ten seconds each
    terms = TuneTerms(axes=[], objectives=["tokens_per_sec"], trials=400, budget_s=100.0)
    assert allowed_trials(terms, progress, None) == 3 + 4
    assert allowed_trials(terms, progress, 1e9 + 50) == 3
