"""The tuning screen: its panels as text, and its keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from textual.pilot import Pilot

from runner.cli.places import SweepPlace, TunePlace, sweep_place
from runner.compare.verdict import Judgement
from runner.metrics import LATENCY, TOKENS_PER_SEC
from runner.stats.intervals import Interval
from runner.sweep.directory import Outcome
from runner.sweep.sweep_feed import SweepFeed
from runner.sweep.tune.importance import AxisEffect
from runner.sweep.tune.measured import RunNumbers
from runner.sweep.tune.tune_text import as_json, render
from runner.sweep.tune.view import TuneFeed, TunePoint, TuneView
from tests.support.sweeps import sweep_of, written
from tests.support.tunings import fake
from tests.support.world import RecordingApp, wait_until_idle, widget_text
from tui.app import TrtbenchApp
from tui.framework.rows import Row, row_text
from tui.screens.tune.screen import TuneScreen, Tuning
from tui.screens.tune.tune_lines import (
    Points,
    draw_answer,
    draw_effects,
    draw_points,
    draw_pruned,
    trade_data,
)


def point(cell: int, value: float, **changes: object) -> TunePoint:
    fields: dict[str, object] = {
        "cell": cell, "label": f"batch {cell}", "runs": 1, "values": (value,), "change": value / 100 - 1,
        "interval": Interval(value / 100 - 1.02, value / 100 - 0.98), "feasible": True, "front": False,
        "trade": (10.0 * (cell + 1), value), "short": (str(cell),),
    }  # fmt: skip
    return TunePoint(**(fields | changes))  # type: ignore[arg-type]


def view(**changes: object) -> TuneView:
    best, other, start = point(8, 150.0), point(4, 149.0), point(0, 100.0)
    fields: dict[str, object] = {
        "id": "20260101T000000Z_tiny_7f3a", "profile": "tiny", "engine": "torch", "status": "running",
        "why": "", "objectives": (TOKENS_PER_SEC,), "constraints": ("latency_ms < 100",), "runs": 6,
        "trials": 40, "comparing": False, "elapsed_s": 60.0, "remaining_s": 600.0, "space": 10,
        "points": (best, other, start, point(9, 160.0, feasible=False, why_not="latency_ms < 100 is broken")),
        "best": best, "ties": (other,), "axis_titles": "batch",
        "effects": (AxisEffect("benchmark.batch_size", 1, 0.5, 0.4, 0.6, "yes"),), "effect_values": ("8",),
        "pruned": (("batch 16", "out of memory"), ("batch 32", "out of memory")),
    }  # fmt: skip
    return TuneView(**(fields | changes))  # type: ignore[arg-type]


def text(rows: list[Row]) -> str:
    return "\n".join(map(row_text, rows))


def test_the_table_marks_best_and_ties_and_says_why_not() -> None:
    lines = text(draw_points(Points(view(), 1), 120, 10)).splitlines()
    assert "★" in lines[1]
    assert "+50.0 % (+48.0 to +52.0)" in lines[1]
    assert lines[2].startswith("▸☆")
    assert "baseline" in lines[3]
    assert "latency_ms < 100 is broken" in lines[4]


def test_the_table_scrolls_to_the_cursor() -> None:
    assert "▸" in text(draw_points(Points(view(), 3), 60, 3))


def test_options_that_matter_have_an_interval() -> None:
    assert text(draw_effects(view(), 38, 5)) == "batch  yes  50 % (40 to 60)  best 8"


def test_equal_reasons_are_one() -> None:
    assert text(draw_pruned(view(), 60, 5)).splitlines() == ["batch 16 and 1 more", "  out of memory"]


def test_texts_are_wrapped_on_a_narrow_terminal() -> None:
    pruned = (("batch 16", "a GPU ran out of memory while the engine was built"),)
    drawn = [row_text(row) for row in draw_answer(view(pruned=pruned), 60, 0)]
    assert drawn[-2:] == [
        "1 point without a number; batch 16: a GPU ran out of memory",
        "while the engine was built",
    ]
    assert len(draw_effects((), 38, 5)) == 2


def test_nothing_is_called_faster_before_the_comparison() -> None:
    shown = text(draw_answer(view(), 200, 0))
    assert "cannot be told apart from batch 4" in shown
    assert "no verdict yet: it takes runs alternating with the baseline" in shown
    assert "FASTER" not in shown


def test_the_verdict_comes_with_what_bounds_it() -> None:
    verdict = Judgement(0.5, 0.48, 0.52, "FASTER")
    shown = text(draw_answer(view(comparing=True, verdict=verdict, bound="decode reaches 80 %"), 200, 0))
    assert "FASTER, +50.0 % (+48.0 to +52.0)" in shown
    assert "decode reaches 80 %" in shown


def test_the_plot_has_the_front_of_several_objectives() -> None:
    one = point(8, 150.0, front=True, values=(150.0, 9.0))
    data = trade_data(view(objectives=(TOKENS_PER_SEC, LATENCY), points=(one,), best=one), 0)
    assert data.points[0].best
    assert data.points[0].chosen


def test_the_text_of_the_command_has_the_same() -> None:
    shown = render(view())
    assert "6 of at most 40 runs of the search, 10 points; at most about 10:00 left" in shown
    assert "~ batch 4" in shown
    assert as_json(view())["ties"] == [4]


class Recorded(RunNumbers):
    """Numbers of runs that are a formula."""

    def __init__(self, numbers: Mapping[str, Mapping[str, float]]) -> None:
        super().__init__()
        self._numbers = numbers

    def __call__(self, run: str) -> Mapping[str, float] | None:
        return self._numbers.get(run)


def memory_at_16(batch: int, dtype: str) -> Outcome:
    return "memory" if batch == 16 else "done"


def test_a_view_is_made_from_the_log(home: Path) -> None:
    pytest.importorskip("optuna")
    tuning = fake(outcome_of=memory_at_16)
    tuning.run()
    tuning.write()
    feed = TuneFeed(SweepFeed(tuning.path), Recorded(tuning.numbers))
    feed.sweep.drain()
    made = feed.view()
    assert made.status == "finished"
    assert made.best is not None
    assert made.best.label == "batch 8 · dtype bfloat16"
    assert made.best.trade is not None
    assert made.verdict is not None
    assert made.verdict.verdict == "FASTER"
    assert made.saved is not None
    assert all("batch 16" in label for label, _ in made.pruned)


def test_a_sweep_opens_the_screen_of_its_kind(home: Path) -> None:
    assert isinstance(sweep_place(written(sweep_of(1))), SweepPlace)
    assert isinstance(sweep_place(fake().path), TunePlace)


async def show(pilot: Pilot[int]) -> None:
    """Show a view in place of what the log has."""
    await wait_until_idle(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, TuneScreen)
    screen._broken = True
    assert screen.shown is not None
    screen.shown = Tuning(screen.shown.board, view())
    screen._show()
    await pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_a_tuning_under_way(
    home: Path, monkeypatch: pytest.MonkeyPatch, snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    pytest.importorskip("optuna")
    monkeypatch.setattr("runner.run.layout.four_letters", lambda: "7f3a")
    monkeypatch.setattr("runner.sweep.control.is_running", lambda directory: True)
    assert snap_compare(TrtbenchApp(TunePlace(fake().path)), terminal_size=size, run_before=show)


async def test_the_cursor_moves_and_the_plot_is_maximised(home: Path) -> None:
    pytest.importorskip("optuna")
    app = RecordingApp(TunePlace(fake().path))
    async with app.run_test(size=(120, 40)) as pilot:
        await show(pilot)
        screen = pilot.app.screen
        await pilot.press("down")
        await pilot.pause()
        assert "▸☆" in widget_text(screen, "#points")
        await pilot.press("p")
        assert screen.has_class("-plot")
        await pilot.press("escape")
        assert not screen.has_class("-plot")
