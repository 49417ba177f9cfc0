"""The board: states, numbers of repeats folded, the matrix, the best points, and how it reads as text."""

from __future__ import annotations

import dataclasses
import math
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from runner.cli.sweep_narration import sweep_exit_code
from runner.compare import compare, load_sides
from runner.history.lookup import find_run
from runner.plan.plan import Configuration
from runner.run import layout
from runner.stats.intervals import Interval
from runner.stats.student import t_quantile
from runner.sweep import board_text
from runner.sweep.board import Board, BoardPoint, MetricSummary
from runner.sweep.directory import LogWriter, SweepBegun, SweepEnded, SweepRunRefused
from runner.sweep.intervals import measured_spread
from runner.sweep.matrix import first_view, held_text, make_matrix, next_view, slices
from runner.sweep.pareto import Ranges, equal, trades, unbeaten
from runner.sweep.spec import Slot, SweepAxis, SweepCell, SweepSpec, expand_axes
from runner.sweep.sweep_feed import SweepFeed
from tests.support.sweeps import LARGE, SMALL, recorded, settled, started, sweep_of, tiny, written

BEGUN = SweepBegun(wall=1e9)
RANK = "tokens_per_sec_per_rank"
RUNS = [f"20260101T00000{n}Z_tiny_000{n}" for n in range(9)]


def board_of(path: Path) -> Board:
    feed = SweepFeed(path)
    feed.drain()
    return feed.board()


def point(board: Board, *at: int) -> BoardPoint:
    return next(point for point in board.points if point.at == at)


def two_repeats() -> Path:
    """Cell 0 measured twice, cell 1 out of memory at the large batch, nothing more."""
    path = written(
        sweep_of(2, repeat=2),
        BEGUN,
        started(Slot(0, 0), RUNS[0], SMALL, LARGE),
        settled(Slot(0, 0), RUNS[0], small="done", large="done"),
        started(Slot(1, 0), RUNS[1], SMALL, LARGE),
        settled(Slot(1, 0), RUNS[1], small="done", large="memory"),
        started(Slot(0, 1), RUNS[2], SMALL, LARGE),
        settled(Slot(0, 1), RUNS[2], small="done", large="done"),
    )
    recorded(RUNS[0], {SMALL: [10.0] * 4, LARGE: [16.0] * 4})
    recorded(RUNS[1], {SMALL: [8.0] * 4})
    recorded(RUNS[2], {SMALL: [12.0] * 4, LARGE: [16.0] * 4})
    return path


def test_entries_read_for_the_status_are_still_returned() -> None:
    path = written(sweep_of(1), BEGUN)
    feed = SweepFeed(path)
    assert feed.drain() == [BEGUN]
    ended = SweepEnded(wall=2e9, status="finished")
    LogWriter(path).write(ended)
    assert feed.status == "finished"
    assert feed.drain() == [ended]


class TestNumbers:
    def test_repeats_are_folded_to_mean_spread_and_n(self) -> None:
        latency = point(board_of(two_repeats()), 0, 0).numbers["latency_ms"]
        assert latency.mean == pytest.approx(120**0.5)
        assert latency.n == 2
        assert latency.deviation == pytest.approx(2**0.5, rel=0.01)

    def test_a_single_run_has_no_spread(self) -> None:
        latency = point(board_of(two_repeats()), 1, 0).numbers["latency_ms"]
        assert (latency.mean, latency.deviation, latency.n) == (8.0, None, 1)

    def test_tokens_per_second_are_what_the_latency_beside_them_says(self) -> None:
        numbers = point(board_of(two_repeats()), 0, 0).numbers
        assert numbers["tokens_per_sec"].mean == pytest.approx(8000 / numbers["latency_ms"].mean)

    def test_a_comparison_of_cells_shows_the_numbers_of_the_board(self) -> None:
        board = board_of(two_repeats())
        (pair,) = compare(load_sides([f"{RUNS[0]},{RUNS[2]}", RUNS[1]])).pairs
        (small,) = pair.configurations
        assert small.shape.batch_size == 1
        for change in small.changes:
            first, second = (point(board, cell, 0).numbers[change.metric] for cell in (0, 1))
            assert (change.first, change.second) == (first.mean, second.mean)


class TestStates:
    def test_of_a_sweep_under_way(self) -> None:
        board = board_of(two_repeats())
        assert [point.state for point in board.points] == ["done", "done", "part", "memory"]
        assert board.status == "interrupted"
        assert (board.completed, board.total) == (7, 8), "the second repeat of what ran out is settled, too"
        assert point(board, 1, 1).why == "why memory"

    def test_a_run_under_way_says_what_it_does_and_shows_its_numbers(self) -> None:
        path = written(sweep_of(1), BEGUN, started(Slot(0, 0), RUNS[0], SMALL, LARGE))
        recorded(RUNS[0], {SMALL: [10.0] * 4, LARGE: [16.0] * 2}, status=None)
        run_lock = layout.try_lock(find_run(RUNS[0]))
        sweep_lock = layout.try_lock(path)
        assert run_lock is not None
        assert sweep_lock is not None
        try:
            board = board_of(path)
        finally:
            os.close(run_lock)
            os.close(sweep_lock)
        small, large = board.points
        assert board.status == "running"
        assert (small.state, large.state) == ("done", "running")
        assert large.activity == "iteration 2/2"
        assert large.numbers["latency_ms"].mean == 16.0
        assert [ref.live for ref in large.runs] == [True]

    def test_a_deleted_run_leaves_its_reason(self) -> None:
        path = written(
            sweep_of(1),
            BEGUN,
            started(Slot(0, 0), RUNS[0], SMALL),
            settled(Slot(0, 0), RUNS[0], small="done"),
        )
        small = board_of(path).points[0]
        assert (small.state, small.why, dict(small.numbers)) == ("done", "repeat 1: its run was deleted", {})

    @pytest.mark.usefixtures("mpirun_that_only_plans")
    def test_the_board_lists_impossible_combinations(self) -> None:
        axes, cells = expand_axes(
            tiny(), {"parallel.tp": [1, 2], "model.shape.intermediate_size": [128, 129]}
        )
        path = written(SweepSpec(name="tiny", engine="torch", created=1e9, axes=axes, cells=cells))
        impossible = [point for point in board_of(path).points if point.state == "refused"]
        assert [point.at for point in impossible] == [(1, 1, 0), (1, 1, 1)]
        assert "tp 2 does not fit" in impossible[0].why

    def test_the_board_lists_refused_batch_sizes(self) -> None:
        sweep = sweep_of(2)
        narrow = replace(sweep.cells[0], configurations=[SMALL], left_out="max_batch_size 1 is less than 2")
        board = board_of(written(replace(sweep, cells=[narrow, sweep.cells[1]]), BEGUN))
        assert (point(board, 0, 1).state, point(board, 0, 1).why) == (
            "refused",
            "max_batch_size 1 is less than 2",
        )
        assert board.total == 3

    def test_a_cell_that_could_not_be_started(self) -> None:
        refused = SweepRunRefused(
            wall=1e9, cell=0, repeat=0, why="no such model", configurations=[SMALL, LARGE]
        )
        board = board_of(written(sweep_of(1), BEGUN, refused, SweepEnded(wall=1e9, status="finished")))
        assert {(point.state, point.why) for point in board.points} == {("failed", "no such model")}
        assert sweep_exit_code(board) == 1


class TestExitCodes:
    def test_a_cell_whose_run_was_lost_is_not_what_was_asked_for(self) -> None:
        lost = settled(Slot(0, 0), RUNS[0], small="done", large="lost")
        assert (
            sweep_exit_code(
                board_of(written(sweep_of(1), BEGUN, lost, SweepEnded(wall=1e9, status="finished")))
            )
            == 4
        )

    @pytest.mark.parametrize(
        ("end", "code"),
        [
            (SweepEnded(wall=1e9, status="finished"), 0),
            (SweepEnded(wall=1e9, status="stopped", why="somebody"), 3),
            (SweepEnded(wall=1e9, status="stopped", why="a cell failed (--stop-on-failure)"), 1),
            (SweepEnded(wall=1e9, status="failed"), 1),
            (None, 4),
        ],
    )
    def test_codes(self, end: SweepEnded | None, code: int) -> None:
        outcome = settled(Slot(0, 0), RUNS[0], small="done", large="memory")
        path = written(sweep_of(1), BEGUN, outcome, *([end] if end else []))
        assert sweep_exit_code(board_of(path)) == code


class TestMatrix:
    def three_axes(self) -> Board:
        cells = [
            SweepCell(number=n, values=(("model.seed", str(n)),), configurations=[
                Configuration(batch, length, 8) for length in (8, 16) for batch in (1, 2)
            ])
            for n in range(3)
        ]  # fmt: skip
        axis = SweepAxis("model.seed", ["0", "1", "2"])
        return board_of(written(SweepSpec(name="s", engine="torch", created=1e9, axes=[axis], cells=cells)))

    def test_the_sweeps_own_axis_runs_down_and_batch_sizes_across(self) -> None:
        board = self.three_axes()
        view = first_view(board)
        assert board.axes[view.rows].title == "seed"
        assert view.columns is not None
        assert board.axes[view.columns].title == "batch"
        assert held_text(board, view) == "in/out 8/8"

    def test_turning_shows_every_pair_of_axes_and_comes_back(self) -> None:
        board = self.three_axes()
        view = first_view(board)
        seen = {(view.rows, view.columns)}
        for _ in range(5):
            view = next_view(board, view)
            seen.add((view.rows, view.columns))
        assert len(seen) == 6
        assert next_view(board, view) == first_view(board)

    def test_slices_together_show_every_point_once(self) -> None:
        board = self.three_axes()
        shown = [
            point.at for view in slices(board, first_view(board))
            for line in make_matrix(board, view).points for point in line if point is not None
        ]  # fmt: skip
        assert sorted(shown) == sorted(point.at for point in board.points)


def _half(value: MetricSummary) -> MetricSummary:
    return dataclasses.replace(value, mean=value.mean / 2, low=None, high=None)


class TestBest:
    ends = st.tuples(st.integers(1, 30), st.integers(0, 6))
    pairs = st.lists(st.tuples(ends, ends), max_size=30)

    @settings(max_examples=100, deadline=None)
    @given(pairs)
    def test_best_are_all_points_that_none_beats_beyond_noise(
        self, points: list[tuple[tuple[int, int], tuple[int, int]]]
    ) -> None:
        ranges = [Ranges(*(Interval(low, low + width) for low, width in point)) for point in points]

        def beats(a: Ranges, b: Ranges) -> bool:
            faster, slower = a.latency.high < b.latency.low, a.latency.low > b.latency.high
            more, less = a.throughput.low > b.throughput.high, a.throughput.high < b.throughput.low
            return (faster and not less) or (more and not slower)

        best = unbeaten(ranges)
        assert best == [n for n, one in enumerate(ranges) if not any(beats(other, one) for other in ranges)]
        assert bool(best) == bool(points)

    def test_equal_within_noise_is_overlap_in_both_numbers(self) -> None:
        one = Ranges(Interval(10, 12), Interval(5, 6))
        assert equal(one, Ranges(Interval(12, 14), Interval(6, 7)))
        assert not equal(one, Ranges(Interval(12, 14), Interval(6.1, 7)))

    @pytest.mark.parametrize(("latency", "tied"), [(10.2, True), (13.0, False)], ids=["noise", "clear"])
    def test_throughput_counts_per_gpu_and_noise_makes_ties(self, latency: float, tied: bool) -> None:
        """The second point is slightly or clearly faster, and needs two GPUs for it."""
        path = written(
            sweep_of(2),
            BEGUN,
            started(Slot(0, 0), RUNS[0], SMALL),
            settled(Slot(0, 0), RUNS[0], small="done"),
            started(Slot(1, 0), RUNS[1], SMALL),
            settled(Slot(1, 0), RUNS[1], small="done"),
            SweepEnded(wall=1e9, status="finished"),
        )
        recorded(RUNS[0], {SMALL: [latency] * 4})
        recorded(RUNS[1], {SMALL: [10.0] * 4})
        board = board_of(path)
        system = {trade.point.cell: trade for trade in trades(board, "system")}
        assert system[1].best
        assert (system[0].best, bool(system[1].ties)) == (tied, tied)
        assert ("~" in board_text.render(board, 100, per="system")) is tied
        plain = board_text.as_json(board, "system")
        assert [one["ties"] for one in plain["points"]] == ([[2], [], [0], []] if tied else [[]] * 4)
        assert plain["best_per"] == "system"
        slower = [
            dataclasses.replace(point, numbers={**point.numbers, RANK: _half(point.numbers[RANK])})
            if point.cell == 1 and RANK in point.numbers
            else point
            for point in board.points
        ]
        of_two_gpus = dataclasses.replace(board, points=tuple(slower))
        assert [trade.best for trade in trades(of_two_gpus)] == [True, not tied]

    def test_points_of_other_lengths_are_no_competition(self) -> None:
        long = Configuration(1, 16, 16)
        sweep = sweep_of(1)
        cell = SweepCell(number=0, values=sweep.cells[0].values, configurations=[SMALL, long])
        path = written(
            SweepSpec(name="s", engine="torch", created=1e9, axes=sweep.axes, cells=[cell]),
            BEGUN,
            started(Slot(0, 0), RUNS[0], SMALL, long),
            SweepEnded(wall=1e9, status="finished"),
        )
        recorded(RUNS[0], {SMALL: [10.0] * 2, long: [100.0] * 2})
        assert {trade.point.lengths: trade.best for trade in trades(board_of(path))} == {
            "8/8": True,
            "16/16": True,
        }


def test_the_table_says_everything() -> None:
    lines = board_text.render(board_of(two_repeats()), 100).splitlines()
    assert lines[0] == "tiny · torch · 2 max_batch_size x 2 batch · 2 repeats, interleaved"
    assert lines[2] == "7 of 8 measurements done"
    at = lines.index("tokens per second, tokens/s")
    assert " ".join(lines[at + 1].split()) == "batch 1 batch 2"
    assert " ".join(lines[at + 2].split()) == "max_batch_size 1 730.30 ±233.42 (2) ~ 1 000.00 ±319.63 (2)"
    assert " ".join(lines[at + 3].split()) == "max_batch_size 2 1 000.00 ±480.28 … ~ out of memory"
    assert lines[at + 3].index(" ~") == lines[at + 2].index("(2)") + 3, "the mark stands behind its column"
    assert "  out of memory: why memory" in lines
    assert board_text.FOLDED in lines


def test_a_narrow_table_is_folded_and_loses_nothing() -> None:
    board = board_of(two_repeats())
    wide = set(board_text.render(board, 200).split())
    narrow = board_text.render(board, 40)
    assert wide == set(narrow.split())


def test_json_has_what_the_table_has() -> None:
    board = board_of(two_repeats())
    plain = board_text.as_json(board)
    assert (plain["kind"], plain["status"], plain["settled"]) == ("sweep", "interrupted", 7)
    first = plain["points"][0]
    assert first["values"] == {"build.max_batch_size": "1", "benchmark.batch_size": "1"}
    latency = first["metrics"]["latency_ms"]
    assert latency["mean"] == pytest.approx(120**0.5)
    assert latency["deviation"] == pytest.approx(2**0.5, rel=0.01)
    assert latency["n"] == 2
    spread = measured_spread(board, "latency_ms")
    assert spread is not None
    assert (spread.df, spread.runs) == (2.0, 4), "the repeats of both cells show how much runs vary"
    half = t_quantile(0.975, 2.0) * spread.deviation / 2**0.5
    assert (latency["low"], latency["high"]) == pytest.approx(
        (latency["mean"] * math.exp(-half), latency["mean"] * math.exp(half))
    )
    assert first["runs"] == [RUNS[0], RUNS[2]]
