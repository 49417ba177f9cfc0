"""The runs of a sweep as one entry of the list."""

from __future__ import annotations

from typing import Any

import pytest

from runner.history.ordering import find_sort
from runner.history.run_entry import RunEntry
from runner.history.sweep_fold import SweepFold, axes_text, fold_runs, place_in_sweep, sweep_totals
from runner.plan.plan import SweepMembership
from runner.state.run import LiveStatus
from tests.support.histories import entry, figure

SWEEP = "20260101T000000Z_tiny_5eee"


def cell(number: int, rate: float, status: LiveStatus = "finished", **more: Any) -> RunEntry:
    place = SweepMembership(sweep=SWEEP, cell=number, values=(("parallel.tp", str(2**number)),))
    return entry(
        f"c{number:03d}", ago=500.0 - number, figures=[figure(rate)], status=status, sweep=place, **more
    )


RUNS = [
    entry("aaaa", ago=10, figures=[figure(150.0)]),
    cell(2, 400.0, "failed", cause="out of memory", flags=1),
    cell(1, 300.0, flags=2, disk=10),
    cell(0, 100.0, seconds=8.0, disk=5),
    entry("bbbb", ago=900, figures=[figure(200.0)]),
]


def shown(runs: list[RunEntry], sort: str = "when", **options: object) -> list[str]:
    found = fold_runs(runs, sweep_totals(RUNS), find_sort(sort), **options)  # type: ignore[arg-type]
    return [one.run[-4:] for one in found]


def test_a_fold_has_the_sums_and_the_best_of_its_runs() -> None:
    fold = fold_runs(RUNS, sweep_totals(RUNS), find_sort("when"))[1]
    assert isinstance(fold, SweepFold)
    assert (fold.run, fold.run_dir.name, fold.profile, fold.total) == (SWEEP, SWEEP, "quickstart", 3)
    assert (fold.status, fold.cause, fold.flags, fold.disk) == ("failed", "out of memory", 3, None)
    assert fold.seconds == 62.0 + 62.0 + 8.0
    assert fold.best == figure(300.0), "what a failed run measured is a part"
    assert fold.axes == [("parallel.tp", ["1", "2", "4"])]
    assert fold.counts == {"failed": 1, "finished": 2}


@pytest.mark.parametrize(
    ("sort", "order"),
    [("when", "aaaa 5eee bbbb"), ("tokens", "5eee bbbb aaaa"), ("took", "5eee aaaa bbbb")],
)
def test_a_fold_is_sorted_by_its_own_numbers(sort: str, order: str) -> None:
    assert shown(RUNS, sort) == order.split()
    if sort == "tokens":
        unfolded = shown(RUNS, sort, unfolded={SWEEP})
        assert unfolded[:4] == ["5eee", "c001", "c000", "c002"], "its runs follow in the same order"


def test_a_filtered_fold_counts_all_runs_of_its_sweep() -> None:
    found = fold_runs(RUNS[:3], sweep_totals(RUNS), find_sort("when"))
    fold = next(one for one in found if isinstance(one, SweepFold))
    assert (len(fold.runs), fold.total) == (2, 3)
    assert shown(RUNS[:2]) == ["aaaa", "c002"], "a single run is shown as it is"
    running = fold_runs([*RUNS[:3], cell(3, 1.0, "running")], {}, find_sort("when"))
    assert next(one for one in running if isinstance(one, SweepFold)).status == "running"


def test_a_run_of_a_sweep_names_its_cell_or_repeat() -> None:
    values = (("parallel.tp", "2"), ("model.dtype", "fp8"))
    member = SweepMembership(sweep="s", cell=1, values=values)
    assert place_in_sweep(entry(sweep=member)) == "tp 2 · dtype fp8"
    assert place_in_sweep(entry(sweep=SweepMembership(sweep="s", cell=0, repeat=1))) == "repeat 2"
    assert place_in_sweep(entry()) == ""
    axes = [("parallel.tp", ["1", "2"]), ("model.dtype", ["fp8"])]
    assert axes_text(axes, 4, 4) == "4 runs: tp 1, 2 · dtype fp8"
    assert axes_text(axes, 4, 4, "listed run").startswith("4 listed runs: tp")
    assert axes_text(axes, 1, 4) == "1 of 4 runs: tp 1, 2 · dtype fp8"
