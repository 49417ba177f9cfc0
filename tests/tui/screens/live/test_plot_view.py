"""The data of the plots on the live screen."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from runner import events as ev
from tests.support import recorded_runs, recorder
from tests.support.recorder import Recorder
from tests.tui.screens.live.support import drained, view_of
from tui.plots.histogram import HistogramData
from tui.plots.latency import LatencyPlotData
from tui.plots.prefill_generation import SplitData
from tui.screens.live.plot_view import PlotMode
from tui.screens.live.view import LiveView, make_live_view


def over_time(view: LiveView) -> LatencyPlotData:
    assert isinstance(view.plot, LatencyPlotData)
    return view.plot


def test_the_time_axis_is_at_least_a_quarter_filled(tmp_path: Path) -> None:
    assert over_time(view_of(recorded_runs.under_way(), tmp_path / "a")).end == 75  # 10 iterations of 6.4 s
    run = recorded_runs.under_way()
    run.duration = 600
    run.begin_configuration(2)
    run.iterate(2, "warmup", 2, 1000)
    run.iterate(5, "timed", 2, 1000)
    plot = over_time(view_of(run, tmp_path / "b"))
    assert plot.end == 600 / 64, "the expected duration, divided by four until five seconds fill a quarter"
    assert plot.begin == pytest.approx(-2.4, abs=0.1)


def test_a_long_warm_up_takes_at_most_half_of_the_axis(tmp_path: Path) -> None:
    run = recorded_runs.under_way()
    run.begin_configuration(2)
    run.t += 100 * recorder.SECOND  # preparation
    run.iterate(20, "warmup", 2, 1000)
    run.iterate(3, "timed", 2, 1000)
    plot = over_time(view_of(run, tmp_path))
    assert plot.begin == -plot.end
    assert 1 <= len(plot.warmup) < 20
    assert all(at >= plot.begin for at, _ in plot.warmup)


def test_the_time_axis_of_an_ended_run_is_filled(tmp_path: Path) -> None:
    for make in (recorded_runs.finished, recorded_runs.stopped):
        plot = over_time(view_of(make(), tmp_path / make.__name__))
        assert plot.end == pytest.approx((plot.points[-1].t - plot.origin) / 1e9)


def test_iterations_are_drawn_at_their_end_times(tmp_path: Path) -> None:
    plot = over_time(view_of(recorded_runs.under_way(), tmp_path))
    ends = [(bucket.t - plot.origin) / 1e9 for bucket in plot.points]
    assert ends[0] == pytest.approx(6.2, abs=0.1)
    assert ends[-1] == pytest.approx(7 * 6.42, abs=0.1)


def test_an_outlier_is_marked_and_counted_with_its_cause(tmp_path: Path) -> None:
    view = view_of(recorded_runs.under_way(iterations=40), tmp_path)
    [mark] = over_time(view).marks
    assert mark.letter == "?"
    assert mark.at == pytest.approx(5 * 6.4, abs=1)
    assert view.plot_title == ("latency over time, ms · ▴ max 7 245 · 1 outlier: ? unknown 1")
    assert over_time(view).most == pytest.approx((6237, 6363), abs=1)
    feed = drained(recorded_runs.under_way(iterations=40), tmp_path / "other")
    titles = [make_live_view(feed, axis=axis).plot_title for axis in ("log", "full")]
    assert [title.split(" · ")[1] for title in titles] == ["log axis", "full range"]


def test_histogram_and_split_plots_have_data(tmp_path: Path) -> None:
    feed = drained(recorded_runs.under_way(), tmp_path)
    histogram = make_live_view(feed, mode="histogram").plot
    assert isinstance(histogram, HistogramData)
    assert (histogram.n, [name for name, _ in histogram.lines]) == (7, ["p50", "mean"])
    split = make_live_view(feed, mode="split").plot
    assert isinstance(split, SplitData)
    assert split.prefill / (split.prefill + split.generation) == pytest.approx(0.22)
    assert len(split.points) == 7


def test_empty_plots_give_the_reason(tmp_path: Path) -> None:
    modes: tuple[PlotMode, ...] = ("time", "histogram", "split")
    waiting = drained(recorded_runs.queued(), tmp_path / "a")
    assert {make_live_view(waiting, mode=mode).plot.empty for mode in modes} == {
        "waiting for the first iteration"
    }
    run = Recorder()
    run.begin()
    run.begin_stage()
    run.end_stage(status="failed", code=1)
    run.end("failed")
    ended = drained(run, tmp_path / "b")
    assert {make_live_view(ended, mode=mode).plot.empty for mode in modes} == {"no iteration was recorded"}
    whole = recorded_runs.under_way()
    whole.events = [
        msgspec.structs.replace(event, generation_ms=None) if isinstance(event, ev.Iteration) else event
        for event in whole.events
    ]
    split = make_live_view(drained(whole, tmp_path / "c"), mode="split").plot
    assert split.empty == "this engine does not report generation time"


def test_gpu_lanes_share_the_axis_of_the_latencies(tmp_path: Path) -> None:
    lanes = over_time(view_of(recorded_runs.recorded_on_an_h200(), tmp_path / "a")).lanes
    assert [lane.name for lane in lanes] == ["busy %", "SM MHz"]
    assert any(value is not None and value > 90 for value in lanes[0].slots)
    assert lanes[1].top == 1980
    names = [lane.name for lane in over_time(view_of(recorded_runs.on_gpus(8, 2), tmp_path / "b")).lanes]
    assert names == ["busy %", "SM MHz", "GPU 0", "GPU 1"], "those of the ranks"
    assert over_time(view_of(recorded_runs.under_way(), tmp_path / "c")).lanes == ()
