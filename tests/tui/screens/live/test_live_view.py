from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from runner import events as ev
from tests.support import recorded_runs
from tests.support.recorded_runs import Recorder, StillFeed
from tui.plots.histogram import HistogramData
from tui.plots.latency import PlotData
from tui.plots.split import SplitData
from tui.screens.live.plot import Mode
from tui.screens.live.view import LiveView, live_view


def seen(run: Recorder, root: Path, after_s: float = 0.0) -> LiveView:
    return live_view(drained(run, root, after_s))


def drained(run: Recorder, root: Path, after_s: float = 0.0) -> StillFeed:
    feed = run.feed(root, after_s)
    feed.drain(1.0)
    return feed


def test_the_header_says_what_and_how(tmp_path: Path) -> None:
    header = seen(recorded_runs.under_way(), tmp_path, after_s=60).header
    assert (header.profile, header.run, header.status) == ("qwen2.5-32b-fp16-tp8", "7f3a", "running")
    assert header.elapsed_s == 159


def test_an_ended_run_has_a_clock_that_stands_still(tmp_path: Path) -> None:
    feed = drained(recorded_runs.finished(), tmp_path)
    before = live_view(feed)
    feed.at += 3600 * recorded_runs.SECOND
    assert live_view(feed) == before


def test_a_run_that_ended_waits_for_nothing(tmp_path: Path) -> None:
    run = Recorder()
    run.begin()
    run.begin_stage()
    run.begin_configuration()
    waiting = live_view(drained(run, tmp_path / "under-way"))
    assert isinstance(waiting.plot, PlotData)
    assert (waiting.plot.empty, waiting.numbers.empty) == (
        "waiting for the first iteration",
        "no timed iteration yet",
    )
    run.end("stopped")
    over = live_view(drained(run, tmp_path / "over"))
    assert isinstance(over.plot, PlotData)
    assert (over.plot.empty, over.numbers.empty) == (
        "no iteration was recorded",
        "no timed iteration was recorded",
    )


def test_within_a_second_nothing_changes(tmp_path: Path) -> None:
    feed = drained(recorded_runs.under_way(), tmp_path, after_s=1.1)
    before = live_view(feed)
    feed.at += recorded_runs.SECOND // 10
    assert live_view(feed) == before


def test_warm_up_is_a_phase_of_its_own(tmp_path: Path) -> None:
    view = seen(recorded_runs.warming_up(), tmp_path)
    assert (view.progress.phase, view.progress.warmed, view.progress.warm_up) == ("warm-up", 1, 2)
    assert view.numbers.n == 0
    assert isinstance(view.plot, PlotData)
    assert view.plot.n == 0
    assert len(view.plot.warmup) == 1
    assert view.plot.begin < view.plot.warmup[0][0] <= 0
    assert {rank.state for rank in view.ranks} == {"warm-up"}


def test_progress_counts_iterations_and_duration(tmp_path: Path) -> None:
    progress = seen(recorded_runs.under_way(), tmp_path, after_s=2).progress
    assert (progress.phase, progress.number, progress.total) == ("timed", 2, 4)
    assert progress.what == "batch 4  in 64  out 24"
    assert (progress.measured, progress.num_runs) == (7, 10)
    assert (progress.seconds, progress.duration) == (46, 60)
    assert progress.left_s == 20


def over_time(view: LiveView) -> PlotData:
    assert isinstance(view.plot, PlotData)
    return view.plot


def test_the_time_axis_spans_what_is_to_come_in_round_numbers(tmp_path: Path) -> None:
    assert over_time(seen(recorded_runs.under_way(), tmp_path / "a")).end == 75  # 10 iterations of 6.4 s
    run = recorded_runs.under_way()
    run.duration = 600
    run.begin_configuration(2)
    run.iterate(2, "warmup", 2, 1000)
    run.iterate(5, "timed", 2, 1000)
    plot = over_time(seen(run, tmp_path / "b"))
    assert plot.end == 600
    assert plot.begin == pytest.approx(-2.4, abs=0.1)


def test_iterations_stand_where_they_ended(tmp_path: Path) -> None:
    plot = over_time(seen(recorded_runs.under_way(), tmp_path))
    ends = [(bucket.t - plot.origin) / 1e9 for bucket in plot.points]
    assert ends[0] == pytest.approx(6.2, abs=0.1)
    assert ends[-1] == pytest.approx(7 * 6.42, abs=0.1)


def test_a_slow_iteration_is_marked_counted_and_explained(tmp_path: Path) -> None:
    view = seen(recorded_runs.under_way(iterations=40), tmp_path)
    [mark] = over_time(view).marks
    assert mark.letter == "?"
    assert mark.at == pytest.approx(5 * 6.4, abs=1)
    assert view.plot_title == "latency over time, ms · 1 outlier: ? unknown 1"


def test_the_plot_can_show_how_often_and_what_of(tmp_path: Path) -> None:
    feed = drained(recorded_runs.under_way(), tmp_path)
    histogram = live_view(feed, mode="histogram").plot
    assert isinstance(histogram, HistogramData)
    assert (histogram.n, [name for name, _ in histogram.lines]) == (7, ["p50", "mean"])
    split = live_view(feed, mode="split").plot
    assert isinstance(split, SplitData)
    assert split.prefill / (split.prefill + split.generation) == pytest.approx(0.22)
    assert len(split.points) == 7


def test_every_plot_says_why_it_is_empty(tmp_path: Path) -> None:
    modes: tuple[Mode, ...] = ("time", "histogram", "split")
    waiting = drained(recorded_runs.queued(), tmp_path / "a")
    assert {live_view(waiting, mode=mode).plot.empty for mode in modes} == {"waiting for the first iteration"}
    run = Recorder()
    run.begin()
    run.begin_stage()
    run.end_stage(status="failed", code=1)
    run.end("failed")
    ended = drained(run, tmp_path / "b")
    assert {live_view(ended, mode=mode).plot.empty for mode in modes} == {"no iteration was recorded"}
    whole = recorded_runs.under_way()
    whole.events = [
        msgspec.structs.replace(event, generation_ms=None) if isinstance(event, ev.Iteration) else event
        for event in whole.events
    ]
    split = live_view(drained(whole, tmp_path / "c"), mode="split").plot
    assert split.empty == "this engine does not tell generation time apart"


def test_what_the_gpus_do_is_on_the_axis_of_the_latencies(tmp_path: Path) -> None:
    lanes = over_time(seen(recorded_runs.recorded_on_an_h200(), tmp_path / "a")).lanes
    assert [lane.name for lane in lanes] == ["busy %", "SM MHz"]
    assert any(value is not None and value > 90 for value in lanes[0].slots)
    assert lanes[1].top == 1980
    names = [lane.name for lane in over_time(seen(recorded_runs.on_gpus(8, 2), tmp_path / "b")).lanes]
    assert names == ["busy %", "SM MHz", "GPU 0", "GPU 1"], "those of the ranks"
    assert over_time(seen(recorded_runs.under_way(), tmp_path / "c")).lanes == ()


def test_the_header_says_how_long_it_still_takes(tmp_path: Path) -> None:
    assert seen(recorded_runs.under_way(), tmp_path / "a", after_s=2).header.left == "≥ 2:20"
    assert seen(recorded_runs.on_gpus(1, 1), tmp_path / "b").header.left == "0:20"
    assert seen(recorded_runs.finished(), tmp_path / "c").header.left == ""


def test_whether_the_latencies_are_steady_stands_beside_how_it_goes(tmp_path: Path) -> None:
    few = seen(recorded_runs.under_way(), tmp_path / "a").health.badge
    assert few is not None
    assert (few.word, few.short) == ("WARMING", "7/8")
    many = seen(recorded_runs.under_way(iterations=60), tmp_path / "b").health.badge
    assert many is not None
    assert many.word == "STEADY"
    assert seen(recorded_runs.queued(), tmp_path / "c").health.badge is None


def test_first_iterations_that_differ_are_said_with_their_effect(tmp_path: Path) -> None:
    run = recorded_runs.under_way(iterations=0)
    run.iterate(3, "timed", 1, 9000)
    run.iterate(40, "timed", 1, 6300, first=3)
    badge = seen(run, tmp_path).health.badge
    assert badge is not None
    assert badge.word == "STEADY"
    assert badge.about.startswith("without the first 3 the mean would move by −")
    assert badge.short.startswith("first 3: −")


def test_what_is_wrong_is_said_worst_first_and_the_rest_counted(tmp_path: Path) -> None:
    run = recorded_runs.on_gpus(8, 8, hot=6)
    view = seen(run, tmp_path / "a")
    assert view.health.lines == ("GPU 6 is slowed down: hw thermal, 89 °C",)
    run.add(ev.Notice(t=0, level="warning", text="something else"))
    assert seen(run, tmp_path / "b").health.lines[0].endswith("(and 1 more: d)")
    stall = seen(run, tmp_path / "c", after_s=120).health
    assert stall.kind == "bad"
    assert stall.lines[0].startswith("no iteration for 120 s, median 6.3 s   d: why?")


def test_a_rank_whose_process_stands_is_named_before_it_is_a_stall(tmp_path: Path) -> None:
    run = recorded_runs.under_way()
    ranks = tuple(ev.RankProcess(rank=rank, state="RT"[rank], cpu_percent=0) for rank in range(2))
    run.add(ev.Heartbeat(t=0, stage=0, silent_s=6, cpu_percent=0, processes=2, ranks=ranks), 6)
    health = seen(run, tmp_path).health
    assert (health.kind, health.lines) == ("bad", ("rank 1 is stopped by a signal",))


def test_a_gpu_that_no_rank_uses_is_nobodys_trouble(tmp_path: Path) -> None:
    assert seen(recorded_runs.on_gpus(8, 2, hot=6), tmp_path).health.lines == ("all well",)


def test_a_rank_that_is_much_slower_is_named(tmp_path: Path) -> None:
    assert seen(recorded_runs.under_way(64), tmp_path).health.lines == (
        "rank 63 is 3.1 % slower than the fastest",
    )


def test_a_stage_to_come_one_under_way_and_one_that_failed(tmp_path: Path) -> None:
    run = Recorder(stage_names=("convert", "build", "benchmark"))
    run.begin()
    run.begin_stage("convert", 1)
    run.end_stage("convert", "skipped")
    run.begin_stage("build", 1)
    assert [stage.mark for stage in seen(run, tmp_path / "a").stages] == ["skipped", "running", "planned"]
    run.end_stage("build", "failed", -9)
    stages = seen(run, tmp_path / "b").stages
    assert [stage.mark for stage in stages] == ["skipped", "failed", "planned"]
    assert stages[1].exit_code == -9


def test_the_slowest_rank_is_named(tmp_path: Path) -> None:
    ranks = seen(recorded_runs.under_way(8), tmp_path).ranks
    assert [rank.rank for rank in ranks if rank.slower is not None] == [7]
    assert ranks[0].i == 7


def test_a_rank_that_lost_records_is_broken(tmp_path: Path) -> None:
    run = recorded_runs.under_way()
    run.add(ev.Bye(t=0, stage=0, rank=1, count=3))
    ranks = seen(run, tmp_path).ranks
    assert [(rank.state, rank.broken) for rank in ranks] == [("timing", False), ("gaps", True)]


def test_a_queued_run_says_for_what_and_for_whom_it_waits(tmp_path: Path) -> None:
    view = seen(recorded_runs.queued(), tmp_path)
    assert view.header.status == "queued"
    assert view.progress.what == "waits for cpu, which run 20251231T235900Z_other_12ab holds"
    assert view.log is None


def test_a_failure_is_said_with_cause_remedy_and_log(tmp_path: Path) -> None:
    health = seen(recorded_runs.failed(), tmp_path).health
    assert health.kind == "bad"
    assert health.lines == (recorded_runs.CAUSE, recorded_runs.REMEDY, "log: 0-benchmark.log   l shows it")


def test_a_failure_without_a_diagnosis_names_the_stage(tmp_path: Path) -> None:
    run = Recorder()
    run.begin()
    run.begin_stage()
    run.end_stage(status="failed", code=-11)
    run.end("failed")
    health = seen(run, tmp_path).health
    assert health.lines == ("stage benchmark failed: signal SIGSEGV", "l shows its log")


def test_how_a_run_does_is_said_in_every_state(tmp_path: Path) -> None:
    kinds = {
        name: seen(getattr(recorded_runs, name)(), tmp_path / name).health.kind
        for name in ("nothing_yet", "under_way", "finished", "failed", "stopped", "lost")
    }
    assert kinds == {
        "nothing_yet": "quiet",
        "under_way": "good",
        "finished": "good",
        "failed": "bad",
        "stopped": "warn",
        "lost": "bad",
    }


def test_a_deleted_directory_is_said_before_everything_else(tmp_path: Path) -> None:
    feed = drained(recorded_runs.under_way(), tmp_path)
    feed.gone = True
    view = live_view(feed)
    assert "deleted" in view.health.lines[0]
    assert not view.can_stop
    assert view.numbers.n == 7


def test_silence_is_mentioned_only_when_it_lasts(tmp_path: Path) -> None:
    assert seen(recorded_runs.under_way(), tmp_path / "a", after_s=1).note == ""
    assert seen(recorded_runs.under_way(), tmp_path / "b", after_s=75).note == "last event 1:15 ago"
    assert seen(recorded_runs.finished(), tmp_path / "c", after_s=75).note == ""


def test_only_a_live_run_under_way_can_be_stopped(tmp_path: Path) -> None:
    feed = drained(recorded_runs.under_way(), tmp_path)
    assert live_view(feed).can_stop
    feed.live = False
    assert not live_view(feed).can_stop
    assert not seen(recorded_runs.finished(), tmp_path / "ended").can_stop


def test_nothing_at_all_is_a_view_too(tmp_path: Path) -> None:
    view = seen(recorded_runs.nothing_yet(), tmp_path)
    assert view.header.status == "starting"
    assert view.progress.what == "waiting for the first stage to start"


def test_text_from_outside_is_neutralised(tmp_path: Path) -> None:
    run = Recorder(profile="evil\x1b[2Jname")
    run.begin()
    run.add(ev.Notice(t=0, level="warning", text="watch\x07 out"))
    view = seen(run, tmp_path)
    assert view.header.profile == "evilname"
    assert view.health.lines == ("watch· out",)


def test_a_silent_stage_shows_that_it_lives(tmp_path: Path) -> None:
    run = Recorder(stage_names=("build", "benchmark"))
    run.begin()
    run.begin_stage("build", 1)
    beat = ev.Heartbeat(t=0, stage=0, silent_s=130, cpu_percent=812, processes=12, output_bytes=14 << 30)
    run.add(beat, 130)
    what = seen(run, tmp_path).progress.what
    assert what == "stage build is under way; silent for 2:10, 12 processes at 812 % CPU, 14.0 GiB written"


def test_a_rank_under_the_profiler_says_so(tmp_path: Path) -> None:
    run = recorded_runs.under_way()
    run.iterate(1, "profile", 1)
    view = seen(run, tmp_path)
    assert {rank.state for rank in view.ranks} == {"profiling"}
    assert view.numbers.n == 7


def test_gpus_with_the_ranks_that_compute_on_them(tmp_path: Path) -> None:
    view = seen(recorded_runs.on_gpus(4, 2, hot=1), tmp_path)
    assert view.gpu_title == "GPUs, 2 Hz"
    assert [line.ranks for line in view.gpus] == ["0", "1", "", ""]
    first, hot = view.gpus[:2]
    assert (first.memory_used, first.baseline) == (71 << 30, int(0.1 * 2**30))
    assert first.throttled_by == ()
    assert hot.throttled_by == ("hw thermal",)
    assert len(first.busy_history) == 60


def test_a_run_on_a_mig_device_shows_its_memory_and_says_so(tmp_path: Path) -> None:
    run = recorded_runs.on_gpus(1, 1)
    (inventory,) = [event for event in run.events if isinstance(event, ev.GpuInventory)]
    (sample, *_) = [event for event in run.events[::-1] if isinstance(event, ev.GpuSamples)]
    parent = msgspec.structs.replace(inventory.gpus[0], mig=["MIG-1", "MIG-2"], slices={"MIG-2": 20 << 30})
    run.events += [
        msgspec.structs.replace(inventory, gpus=[parent]),
        ev.GpuMapping(t=run.t, order="PCI_BUS_ID", visible="MIG-2", gpus=["MIG-2"]),
        msgspec.structs.replace(sample, t=run.t, slices={"MIG-1": 1 << 30, "MIG-2": 5 << 30}),
    ]
    view = seen(run, tmp_path)
    (line,) = view.gpus
    assert (line.memory_used, line.memory_total, line.power) == (5 << 30, 20 << 30, sample.power[0])
    assert "on MIG-2: memory of its own, all else of the whole GPU" in view.gpu_title


def test_readings_that_stopped_are_said_and_not_shown(tmp_path: Path) -> None:
    run = recorded_runs.on_gpus(2, 2)
    run.add(ev.Telemetry(t=0, state="stale", text="no reading for 12 s"))
    view = seen(run, tmp_path)
    assert view.gpu_title == "GPUs, 2 Hz · stale: no reading for 12 s"
    assert {line.trouble for line in view.gpus} == {"stale"}
    assert {line.busy for line in view.gpus} == {None}


def test_what_a_real_gpu_said(tmp_path: Path) -> None:
    [line] = seen(recorded_runs.recorded_on_an_h200(), tmp_path).gpus
    assert (line.index, line.ranks, line.power_limit) == (0, "0", 700.0)
    assert line.throttled_by == ("power cap",)
    assert line.missing == frozenset()


def test_a_run_without_gpus_has_no_panel_but_a_reason(tmp_path: Path) -> None:
    view = seen(recorded_runs.under_way(), tmp_path)
    assert view.gpus == ()
    assert view.host.no_gpu == "the NVIDIA driver is not installed"


def test_the_answer_of_the_smoke_run_is_one_line(tmp_path: Path) -> None:
    [(prompt, answer)] = seen(recorded_runs.on_gpus(1, 1), tmp_path).answers.said
    assert prompt == "What is deep learning, in one sentence?"
    assert answer.startswith("Des machines qui apprennent, à partir")
