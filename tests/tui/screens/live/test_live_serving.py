"""The live view of an engine with in-flight batching, from the events of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from runner import events as ev
from runner.cli.places import LivePlace, ResultPlace
from runner.plan.plan import Configuration, Plan, Stage
from tests.support import recorder
from tests.support.recorder import Recorder
from tests.support.runs import record
from tui.app import TrtbenchApp
from tui.framework.rows import row_text
from tui.plots.histogram import HistogramData
from tui.plots.latency import LatencyPlotData
from tui.plots.prefill_generation import SplitData
from tui.screens.live.health_view import health_sections
from tui.screens.live.in_flight_panel import draw_in_flight
from tui.screens.live.latency_numbers import draw_numbers
from tui.screens.live.progress_lines import draw_progress
from tui.screens.live.serving_view import NO_LOG
from tui.screens.live.view import LiveView, make_live_view
from tui.screens.live.view_cache import LiveViewCache

WANTED = Configuration(0, 128, 64, requests=100, concurrency=8)


def recorded(*, logs: bool = True) -> tuple[Recorder, Plan]:
    run = Recorder(configurations=[WANTED], ranks=2)
    run.begin()
    files = {"iterations": "/x/iterations.log"} if logs else {}
    stage = Stage(name="benchmark", argv=["trtllm-bench"], cwd="/", ranks=2, files=files, measures=0)
    plan = Plan(engine="trtllm-bench", profile="bench", summary="s", stages=[stage], configurations=[WANTED])
    run.add(ev.StageStarted(t=0, stage=0, name="benchmark", pid=1, ranks=2))
    run.add(
        ev.ConfigurationStarted(
            t=0,
            stage=0,
            index=0,
            batch_size=0,
            input_len=128,
            output_len=64,
            num_runs=0,
            duration=0,
            warm_up=0,
            requests=100,
            concurrency=8,
        )
    )
    return run, plan


def serving(run: Recorder, phase: ev.ServingPhase, text: str, after_s: float = 1) -> None:
    run.add(ev.Serving(t=0, stage=0, phase=phase, text=text), after_s)


def iterations(run: Recorder, count: int, prefill: int = 0) -> None:
    """Add steps of about 21 ms; every `prefill`-th also starts new requests."""
    for i in range(count):
        new = bool(prefill) and i % prefill == 0
        run.add(
            ev.EngineIteration(
                t=0,
                stage=0,
                i=i,
                latency_ms=20.0 + i % 3 + 9 * new,
                active=8,
                queued=max(0, 92 - i),
                context=int(new),
                generating=8,
                tokens=8 + 128 * new,
                kv_used=100 + i,
                kv_total=1000,
            )
        )


def view_of(run: Recorder, plan: Plan, root: Path, mode: str = "time") -> LiveView:
    feed = run.feed(root)
    feed.plan = msgspec.structs.replace(plan)
    feed.drain(1.0)
    return make_live_view(feed, mode=mode)  # type: ignore[arg-type]


def text_of(view: LiveView) -> str:
    rows = draw_progress(view.progress, 100, 2) + draw_numbers(view.numbers, 100)
    assert view.flight is not None
    return "\n".join(row_text(drawn) for drawn in rows + draw_in_flight(view.flight, 44, 9))


def test_loading_is_shown_as_activity(tmp_path: Path) -> None:
    run, plan = recorded()
    serving(run, "loading", "loads the model")
    text = text_of(view_of(run, plan, tmp_path))
    assert "config 1/1  concurrency 8  in 128  out 64" in text
    assert "loads the model" in text
    assert "have reported" not in text


def test_requests_and_iterations_are_counted(tmp_path: Path) -> None:
    run, plan = recorded()
    serving(run, "warmup", "warms up")
    run.add(ev.RequestsDone(t=0, stage=0, done=2, total=2))
    serving(run, "timed", "measures")
    iterations(run, 90)
    run.add(ev.RequestsDone(t=0, stage=0, done=25, total=100), 5)
    view = view_of(run, plan, tmp_path)
    text = text_of(view)
    assert "requests " in text
    assert "25/100" in text
    assert "about 0:15 left" in text
    assert "25 of 100" in text
    assert "queued" in text
    assert "peak 19 %" in text
    assert "tokens/iteration" in text
    assert isinstance(view.plot, LatencyPlotData)
    assert view.plot.n == 90
    # On the axis of engine time: 90 iterations of 21 ms on average.
    assert 1.8 <= view.plot.points[-1].t / recorder.SECOND <= 1.9
    assert isinstance(view_of(run, plan, tmp_path / "b", "histogram").plot, HistogramData)
    assert isinstance(view_of(run, plan, tmp_path / "c", "split").plot, SplitData)


def test_without_iteration_log_the_plot_gives_the_reason(tmp_path: Path) -> None:
    run, plan = recorded(logs=False)
    serving(run, "timed", "measures")
    view = view_of(run, plan, tmp_path)
    assert isinstance(view.plot, LatencyPlotData)
    assert view.plot.empty == NO_LOG
    assert "measures" in text_of(view)


def test_the_health_overlay_shows_the_engine_instead_of_ranks(tmp_path: Path) -> None:
    run, plan = measuring()
    feed = run.feed(tmp_path)
    feed.plan = plan
    feed.drain(1.0)
    sections = dict(health_sections(feed, LiveViewCache()))
    assert "ranks" not in sections
    text = dict(sections["the engine"])
    assert text["now"] == "measures: 62/100 requests"
    assert text["KV cache"] == "40 % in use, at most 40 % so far"


def test_idle_iterations_do_not_count(tmp_path: Path) -> None:
    run, plan = recorded()
    serving(run, "timed", "measures")
    run.add(ev.EngineIteration(t=0, stage=0, i=0, latency_ms=900.0, active=0, context=0, generating=0))
    iterations(run, 5)
    view = view_of(run, plan, tmp_path)
    assert isinstance(view.plot, LatencyPlotData)
    assert view.plot.n == 5


# --- pictures ---------------------------------------------------------------------------------------------


def measuring() -> tuple[Recorder, Plan]:
    run, plan = recorded()
    serving(run, "timed", "measures", 20)
    iterations(run, 300, prefill=24)
    run.add(ev.RequestsDone(t=0, stage=0, done=62, total=100), 40)
    return run, plan


def measured(root: Path) -> Path:
    """Write a finished run and return its directory."""
    run, plan = measuring()
    serving(run, "reporting", "stops and reports", 30)
    latencies = [1300.0 + 7 * (i % 13) for i in range(100)]
    run.add(
        ev.Requests(
            t=0,
            stage=0,
            start_ms=[1345.0 * (i // 8) for i in range(100)],
            latency_ms=latencies,
            ttft_ms=[40.0 + i % 5 for i in range(100)],
            per_token_ms=[20.0 + (i % 7) / 10 for i in range(100)],
            input_tokens=[128] * 100,
            output_tokens=[64] * 100,
        )
    )
    run.add(ev.Result(t=0, stage=0, values={"Number of requests": "100"}))
    run.add(ev.StageEnded(t=0, stage=0, name="benchmark", status="ok", exit_code=0))
    run.add(ev.RunEnded(t=0, status="finished", wall=recorder.WALL + 100))
    return record(root / "20260101T000000Z_bench_7f3a", plan, run.events)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_live_picture(size: tuple[int, int], snap_compare: Callable[..., bool], tmp_path: Path) -> None:
    run, plan = measuring()
    feed = run.feed(tmp_path, 1.0)
    feed.plan = plan
    assert snap_compare(TrtbenchApp(LivePlace(feed)), terminal_size=size)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_result_picture(size: tuple[int, int], snap_compare: Callable[..., bool], tmp_path: Path) -> None:
    assert snap_compare(TrtbenchApp(ResultPlace(measured(tmp_path))), terminal_size=size)
