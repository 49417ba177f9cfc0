"""Runs in order, in groups, and from run to run."""

from __future__ import annotations

import pytest

from runner.history.ordering import SORTS, find_sort, group_by_profile, sort_entries
from runner.history.run_entry import RunEntry
from runner.history.trend import BARS, find_trends, fold_trend, last_change, main_trend, sparkline
from runner.plan.plan import SweepMembership
from runner.util.errors import UserError
from tests.support.histories import DAY, entry, figure

FAST = entry("0001", "b", ago=10, seconds=30, figures=[figure(900, 90)], flags=1, disk=10)
SLOW = entry("0002", "a", ago=20, seconds=90, figures=[figure(100, 10)], disk=99)
NONE = entry("0003", "C", "failed", ago=30, seconds=60, flags=5)
FOREIGN = entry("0004", "zz", "lost", engine="", started=0.0)
RUNS = [FAST, SLOW, NONE, FOREIGN]


def ids(runs: list[RunEntry]) -> str:
    return " ".join(run.run[-1] for run in runs)


@pytest.mark.parametrize(
    ("name", "forward", "backward"),
    [
        ("when", "1 2 3 4", "3 2 1 4"),
        ("tokens", "1 2 3 4", "2 1 3 4"),
        ("latency", "2 1 3 4", "1 2 3 4"),
        ("took", "2 3 1 4", "1 3 2 4"),
        ("profile", "2 1 3 4", "3 1 2 4"),
        ("warnings", "3 1 2 4", "2 1 3 4"),
        ("disk", "2 1 3 4", "1 2 3 4"),
    ],
)
def test_orders_and_unknown_values_last_both_ways(name: str, forward: str, backward: str) -> None:
    assert ids(sort_entries(RUNS, find_sort(name))) == forward
    assert ids(sort_entries(RUNS, find_sort(name), reverse=True)) == backward


def test_part_of_a_failed_run_is_not_ranked() -> None:
    part = entry("0005", "b", "failed", ago=5, figures=[figure(5000, 1)])
    assert ids(sort_entries([part, *RUNS], find_sort("tokens"))) == "1 2 5 3 4"
    assert ids(sort_entries([part, *RUNS], find_sort("latency"))) == "2 1 5 3 4"


def test_every_order_is_named() -> None:
    assert [find_sort(sort.name) for sort in SORTS] == list(SORTS)
    with pytest.raises(UserError, match="runs cannot be sorted by 'speed'; allowed: when, tokens, latency"):
        find_sort("speed")


def test_groups_keep_the_order() -> None:
    other = entry("0005", "b", ago=90)
    groups = group_by_profile([FAST, SLOW, other, FOREIGN])
    assert {profile: ids(runs) for profile, runs in groups.items()} == {"b": "1 5", "a": "2", "": "4"}


def test_a_trend_has_equal_configurations_of_finished_runs() -> None:
    small, large = figure(100, 10), figure(800, 40, batch_size=16)
    runs = [
        entry("0004", figures=[figure(110, 9), figure(880, 36, batch_size=16)], ago=1 * DAY),
        entry("0003", "quickstart", "stopped", figures=[figure(1, 1)], ago=2 * DAY),
        entry("0002", figures=[small], ago=3 * DAY),
        entry("0001", figures=[small, large], ago=4 * DAY),
        entry("0009", "another", figures=[figure(5, 5)], ago=5 * DAY),
    ]
    first, second = find_trends(runs, "quickstart")
    assert first.title == "batch 16 128→64", "what stands for the newest run comes first"
    assert first.tokens_per_sec == [800, 880]
    assert (second.title, second.tokens_per_sec) == ("batch 1 128→64", [100, 100, 110])
    assert second.latency_ms == [10, 10, 9]
    assert [point.entry.run[-1] for point in second.points] == ["1", "2", "4"]
    assert main_trend([run for run in runs if run.profile == "quickstart"]) == first
    assert last_change(first.tokens_per_sec) == pytest.approx(0.1)


def test_a_changed_field_begins_a_line_of_its_own() -> None:
    one, two = (
        entry(f"{tp}{tp}{tp}{tp}", ago=10 - tp, figures=[figure(100 * tp, 10)], summary=f"40 M, tp {tp}")
        for tp in (1, 2)
    )
    assert [trend.title for trend in find_trends([one, two], one.profile)] == [
        f"{two.figures[0].title} · 40 M, tp 2",
        f"{one.figures[0].title} · 40 M, tp 1",
    ]
    newest = main_trend([one, two])
    assert newest is not None
    assert [point.entry for point in newest.points] == [two]


def test_a_sweep_is_one_point_of_a_trend() -> None:
    def member(cell: int, repeat: int, rate: float) -> RunEntry:
        place = SweepMembership(
            sweep="s", cell=cell, repeat=repeat, values=(("build.max_batch_size", str(8 << cell)),)
        )
        letters = f"s{cell}{repeat}0"
        return entry(letters, ago=50 - cell - 2 * repeat, figures=[figure(rate, 1000 / rate)], sweep=place)

    alone = [entry("0001", ago=90, figures=[figure(100, 10)]), entry("0002", ago=9, figures=[figure(120, 8)])]
    runs = [*alone, member(0, 0, 130), member(0, 1, 90), member(1, 0, 100), member(1, 1, 140)]
    (single,) = find_trends(runs, "quickstart")
    assert len(single.points) == 6
    folded = fold_trend(single)
    assert folded == main_trend(runs)
    assert folded.tokens_per_sec == [100, 120, 120], "the mean of a cell, not its best run"
    assert [point.origin for point in folded.points] == [
        "",
        "best of 2 cells: max_batch_size 16, mean of 2 runs",
        "",
    ]
    assert len(folded.runs) == 6


def test_no_finished_run_has_no_trend() -> None:
    assert find_trends([NONE, FOREIGN], "C") == []
    assert main_trend([NONE, FOREIGN]) is None
    assert last_change([1.0]) is None
    assert last_change([0.0, 1.0]) is None


def test_runs_on_different_machines_are_told_apart() -> None:
    here = entry("0001", figures=[figure()], gpus=("NVIDIA H200",), ago=2)
    there = entry("0002", figures=[figure()], gpus=("NVIDIA A10",), ago=1)
    (trend,) = find_trends([here, there], "quickstart")
    assert trend.platforms == [("torch", ("NVIDIA H200",)), ("torch", ("NVIDIA A10",))]


def test_a_sparkline_shows_large_changes_and_no_noise() -> None:
    assert sparkline([1, 2, 3, None, 8], 10) == "▁▂▃ ▇"
    assert sparkline([1, 2, 3], 2) == "▁▇"
    assert sparkline([], 5) == sparkline([None], 5) == sparkline([1.0], 0) == ""
    assert len(set(sparkline([100.0, 100.2, 99.9, 100.1], 9))) == 1, "0.3 % is noise"
    fallen = sparkline([100.0, 100.0, 90.0], 9)
    assert fallen == f"{BARS[-1]}{BARS[-1]}{BARS[0]}"
    assert len(set(sparkline([0.0, 0.0], 9))) == 1
