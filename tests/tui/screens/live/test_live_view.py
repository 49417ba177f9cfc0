"""What the live screen shows of a run: its view, from recorded events."""

from __future__ import annotations

from pathlib import Path

import msgspec

from runner import events as ev
from runner.engines.registry import make_plan
from runner.metrics.current_ceiling import find_current_ceiling
from runner.plan.plan import DecodeReads
from runner.profile.store import find
from runner.report.build import build_report
from runner.run import layout
from runner.state.run import RunState
from tests.support import recorded_runs, recorder
from tests.support.paths import DATA
from tests.support.recorder import Recorder
from tests.tui.screens.live.support import drained, view_of
from tui.framework.rows import row_text
from tui.plots.decode_steps import StepPlotData
from tui.plots.latency import LatencyPlotData
from tui.screens.live.gpu_view import gpu_title
from tui.screens.live.health_findings import find_problems
from tui.screens.live.plot_view import next_mode
from tui.screens.live.progress_lines import draw_progress
from tui.screens.live.view import make_live_view


def test_header_has_profile_run_status_and_elapsed_time(tmp_path: Path) -> None:
    header = view_of(recorded_runs.under_way(), tmp_path, after_s=60).header
    assert (header.profile, header.run, header.status) == ("qwen2.5-32b-fp16-tp8", "7f3a", "running")
    assert header.elapsed_s == 159


def test_the_view_of_an_ended_run_does_not_change(tmp_path: Path) -> None:
    feed = drained(recorded_runs.finished(), tmp_path)
    before = make_live_view(feed)
    feed.at += 3600 * recorder.SECOND
    assert make_live_view(feed) == before


def test_empty_panels_of_an_ended_run_say_nothing_was_recorded(tmp_path: Path) -> None:
    run = Recorder()
    run.begin()
    run.begin_stage()
    run.begin_configuration()
    waiting = make_live_view(drained(run, tmp_path / "under-way"))
    assert isinstance(waiting.plot, LatencyPlotData)
    assert (waiting.plot.empty, waiting.numbers.empty) == (
        "waiting for the first iteration",
        "no timed iteration yet",
    )
    run.end("stopped")
    over = make_live_view(drained(run, tmp_path / "over"))
    assert isinstance(over.plot, LatencyPlotData)
    assert (over.plot.empty, over.numbers.empty) == (
        "no iteration was recorded",
        "no timed iteration was recorded",
    )


def test_the_view_is_equal_within_a_second(tmp_path: Path) -> None:
    feed = drained(recorded_runs.under_way(), tmp_path, after_s=1.1)
    before = make_live_view(feed)
    feed.at += recorder.SECOND // 10
    assert make_live_view(feed) == before


def test_preparation_is_shown_with_its_time(tmp_path: Path) -> None:
    run = Recorder()
    run.begin()
    run.begin_stage()
    run.begin_configuration()
    run.add(ev.Preparation(t=0, stage=0, rank=0, config=0, step="tiles"))
    shown = view_of(run, tmp_path / "tiles", after_s=7).progress
    assert shown.activity == "choosing tile sizes of the kernels: 0:07   part of no measurement"
    assert shown.iteration is None
    run.add(ev.Preparation(t=0, stage=0, rank=0, config=0, step="ready", tiles_s=8.0, graphs_s=2.0), 10)
    after = drained(run, tmp_path / "ready", after_s=7)
    assert make_live_view(after).progress.activity == ""
    (row,) = [row for row in build_report(after.plan, after.state).configurations[0].rows if row.unit == "s"]
    assert (row.metric, row.value) == ("preparation_s", 10.0)


def test_decode_steps_are_a_plot_where_they_are_timed(tmp_path: Path) -> None:
    run = recorded_runs.under_way(iterations=0)
    assert next_mode("split", drained(run, tmp_path / "before").state) == "time"
    for i, spike in enumerate((5.0, 9.0)):
        times = ev.StepTimes(
            t=0, stage=0, rank=0, config=0, i=i, step_ms=(4.0, spike), slowest_ms=spike, slowest=1
        )
        run.add(times)
    feed = drained(run, tmp_path / "after")
    assert next_mode("split", feed.state) == "steps"
    assert next_mode("steps", feed.state) == "time"
    plot = make_live_view(feed, mode="steps").plot
    assert isinstance(plot, StepPlotData)
    assert (plot.points, plot.p50, plot.p99) == (((4.0, 4.0), (7.0, 9.0)), 4.5, None)
    assert plot.slowest == "9.000 ms: step 2 of iteration 2"


def test_warm_up_is_shown_as_separate_phase(tmp_path: Path) -> None:
    view = view_of(recorded_runs.warming_up(), tmp_path)
    assert (view.progress.phase, view.progress.warmed, view.progress.warm_up) == ("warm-up", 1, 2)
    assert view.numbers.n == 0
    assert isinstance(view.plot, LatencyPlotData)
    assert view.plot.n == 0
    assert len(view.plot.warmup) == 1
    assert view.plot.begin < view.plot.warmup[0][0] <= 0
    assert {rank.state for rank in view.ranks} == {"warm-up"}


def test_progress_counts_iterations_and_duration(tmp_path: Path) -> None:
    progress = view_of(recorded_runs.under_way(), tmp_path, after_s=2).progress
    assert (progress.phase, progress.number, progress.total) == ("timed", 2, 4)
    assert progress.what == "batch 4  in 64  out 24"
    assert (progress.measured, progress.num_runs) == (7, 10)
    assert (progress.seconds, progress.duration) == (46, 60)
    assert progress.left_s == 18


def test_header_shows_the_remaining_time(tmp_path: Path) -> None:
    left = view_of(recorded_runs.under_way(), tmp_path / "a", after_s=2).header.left
    assert left.startswith("~4:")
    assert view_of(recorded_runs.on_gpus(1, 1), tmp_path / "b").header.left == "0:20"
    assert view_of(recorded_runs.finished(), tmp_path / "c").header.left == ""
    stalled = view_of(recorded_runs.stalled(), tmp_path / "d")
    assert stalled.header.left == "unknown: stalled"
    assert stalled.progress.stalled
    assert stalled.progress.left_s is None


def test_a_long_iteration_shows_its_own_progress(tmp_path: Path) -> None:
    run = recorded_runs.under_way(2, iterations=0)
    run.iterate(2, "timed", 1, base_ms=38_000)
    view = view_of(run, tmp_path / "a", after_s=23)
    shown = row_text(draw_progress(view.progress, 120, 2)[0])
    assert "iteration 3: 0:23 of ~0:38   this configuration: about 4:" in shown
    narrow = row_text(draw_progress(view.progress, 80, 2)[0])
    assert narrow.startswith("config 2/4  batch 4  in 64  out 24  ")
    assert "iteration 3: 0:23 of ~0:38   ~4:" in narrow
    run = Recorder()
    run.begin()
    run.begin_configuration()
    first = view_of(run, tmp_path / "b", after_s=23).progress
    assert "warm-up 1: 0:23" in row_text(draw_progress(first, 80, 2)[0])
    fast = recorded_runs.under_way(2, iterations=0)
    fast.iterate(6, "timed", 1, base_ms=900)
    assert view_of(fast, tmp_path / "c", after_s=1).progress.iteration is None


def test_stage_marks_of_planned_running_and_failed_stages(tmp_path: Path) -> None:
    run = Recorder(stage_names=("convert", "build", "benchmark"))
    run.begin()
    run.begin_stage("convert", 1)
    run.end_stage("convert", "skipped")
    run.begin_stage("build", 1)
    running = view_of(run, tmp_path / "a").stages.stages
    assert [stage.mark for stage in running] == ["skipped", "running", "planned"]
    run.end_stage("build", "failed", -9)
    stages = view_of(run, tmp_path / "b").stages.stages
    assert [stage.mark for stage in stages] == ["skipped", "failed", "planned"]
    assert stages[1].exit_code == -9


def test_an_ended_run_shows_the_gpus_of_its_measured_phase(tmp_path: Path) -> None:
    run = recorded_runs.on_gpus(8, 2)
    run.begin_configuration()
    for i in range(10):
        run.iterate(1, first=i)
        run.read_gpus(1, busy=97)
    run.end_stage()
    for _ in range(20):
        run.read_gpus(1, memory_gib=0.1, busy=0)
    run.t += recorder.SECOND
    assert view_of(run, tmp_path / "a").gpus.lines[0].busy == 0
    run.end("finished")
    view = view_of(run, tmp_path / "b")
    assert [gpu.index for gpu in view.gpus.lines] == [0, 1], "those of the ranks"
    busy = view.gpus.lines[0].busy
    assert busy is not None
    assert busy > 80
    assert (view.gpus.lines[0].memory_used or 0) > 70 << 30
    assert view.gpu_title == "GPUs while measured: mean, peak of memory and temperature"


def test_the_log_of_a_replay_follows_its_clock(tmp_path: Path) -> None:
    run = recorded_runs.under_way()
    reading = ev.Host(t=0, cpu_percent=1, memory_used=1, memory_total=9, load=1, log_bytes=47)
    run.add(reading, 1)
    feed = drained(run, tmp_path / "a")
    assert make_live_view(feed).log_bytes is None, "a live run shows all"
    feed.live = False
    assert make_live_view(feed).log_bytes == 47
    run.end_stage()
    feed = drained(run, tmp_path / "b")
    feed.live = False
    assert make_live_view(feed).log_bytes is None
    older = drained(recorded_runs.under_way(), tmp_path / "c")
    older.live = False
    assert make_live_view(older).log_bytes is None, "its log does not tell"


def test_the_slowest_rank_is_marked(tmp_path: Path) -> None:
    view = view_of(recorded_runs.under_way(32), tmp_path / "a")
    assert [rank.rank for rank in view.ranks if rank.slower is not None] == [31]
    assert view.rank_title == "ranks · slowest 31: +1.6 %"
    assert view.ranks[0].i == 7
    balanced = view_of(recorded_runs.under_way(8), tmp_path / "b")
    assert balanced.rank_title == "ranks · balanced within 1 %"
    assert not any(rank.slower for rank in balanced.ranks)


def test_a_rank_that_lost_records_is_broken(tmp_path: Path) -> None:
    run = recorded_runs.under_way()
    run.add(ev.Bye(t=0, stage=0, rank=1, count=3))
    ranks = view_of(run, tmp_path).ranks
    assert [(rank.state, rank.broken) for rank in ranks] == [("timing", False), ("gaps", True)]


def test_a_crashed_rank_is_highlighted(tmp_path: Path) -> None:
    run = recorded_runs.under_way(4)
    run.end_stage(status="failed", code=139)
    run.add(ev.Failure(t=0, cause="rank 2 (pid 4303) crashed: Segmentation fault", rank=2))
    run.end("failed")
    ranks = view_of(run, tmp_path).ranks
    assert [(rank.rank, rank.state) for rank in ranks if rank.broken] == [(2, "crashed")]


def test_a_queued_run_names_the_device_and_its_holder(tmp_path: Path) -> None:
    view = view_of(recorded_runs.queued(), tmp_path)
    assert view.header.status == "queued"
    assert view.progress.what == "waiting for the CPU: in use by run 12ab (alice)"
    assert view.progress.what == "waiting for the CPU: in use by run 12ab (alice)"
    assert view.log is None


def test_a_failure_is_shown_with_cause_remedy_and_log(tmp_path: Path) -> None:
    health = view_of(recorded_runs.failed(), tmp_path).health
    assert health.kind == "bad"
    assert health.lines == (recorded_runs.CAUSE, recorded_runs.REMEDY, "log: 0-benchmark.log   l shows it")


def test_a_failure_without_a_diagnosis_names_the_stage(tmp_path: Path) -> None:
    run = Recorder()
    run.begin()
    run.begin_stage()
    run.end_stage(status="failed", code=-11)
    run.end("failed")
    health = view_of(run, tmp_path).health
    assert health.lines == ("stage benchmark failed: signal SIGSEGV", "l shows its log")


def test_only_a_live_running_run_can_be_stopped(tmp_path: Path) -> None:
    feed = drained(recorded_runs.under_way(), tmp_path)
    assert make_live_view(feed).can_stop
    feed.live = False
    assert not make_live_view(feed).can_stop
    assert not view_of(recorded_runs.finished(), tmp_path / "ended").can_stop


def test_a_run_without_events_has_a_view(tmp_path: Path) -> None:
    view = view_of(recorded_runs.not_started(), tmp_path)
    assert view.header.status == "starting"
    assert view.progress.what == "waiting for the first stage to start"


def test_control_characters_are_removed(tmp_path: Path) -> None:
    run = Recorder(profile="evil\x1b[2Jname")
    run.begin()
    run.add(ev.Notice(t=0, level="warning", text="watch\x07 out"))
    view = view_of(run, tmp_path)
    assert view.header.profile == "evilname"
    assert view.health.lines == ("watch· out",)


def test_a_silent_stage_shows_its_activity(tmp_path: Path) -> None:
    run = Recorder(stage_names=("build", "benchmark"))
    run.begin()
    run.begin_stage("build", 1)
    beat = ev.Heartbeat(t=0, stage=0, silent_s=130, cpu_percent=812, processes=12, output_bytes=14 << 30)
    run.add(beat, 130)
    what = view_of(run, tmp_path).progress.what
    assert what == "stage build is running; no output for 2:10, 12 processes at 812 % CPU, 14.0 GiB written"


def test_a_profiled_rank_is_shown_as_profiling(tmp_path: Path) -> None:
    run = recorded_runs.under_way()
    run.iterate(1, "profile", 1)
    view = view_of(run, tmp_path)
    assert {rank.state for rank in view.ranks} == {"profiling"}
    assert view.numbers.n == 7


def test_gpu_lines_name_their_ranks(tmp_path: Path) -> None:
    view = view_of(recorded_runs.on_gpus(4, 2, hot=1), tmp_path)
    assert view.gpu_title == "GPUs, 2 Hz"
    assert [line.ranks for line in view.gpus.lines] == ["0", "1", "", ""]
    first, hot = view.gpus.lines[:2]
    assert (first.memory_used, first.baseline) == (71 << 30, int(0.1 * 2**30))
    assert first.throttled_by == ()
    assert hot.throttled_by == ("hw thermal",)
    assert len(first.busy_history) == 60


def test_a_mig_device_shows_its_own_memory(tmp_path: Path) -> None:
    run = recorded_runs.on_gpus(1, 1)
    (inventory,) = [event for event in run.events if isinstance(event, ev.GpuInventory)]
    (sample, *_) = [event for event in run.events[::-1] if isinstance(event, ev.GpuSamples)]
    parent = msgspec.structs.replace(inventory.gpus[0], mig=["MIG-1", "MIG-2"], slices={"MIG-2": 20 << 30})
    run.events += [
        msgspec.structs.replace(inventory, gpus=[parent]),
        ev.GpuMapping(t=run.t, order="PCI_BUS_ID", visible="MIG-2", gpus=["MIG-2"]),
        msgspec.structs.replace(sample, t=run.t, slices={"MIG-1": 1 << 30, "MIG-2": 5 << 30}),
    ]
    view = view_of(run, tmp_path)
    (line,) = view.gpus.lines
    assert (line.memory_used, line.memory_total, line.power) == (5 << 30, 20 << 30, sample.power[0])
    assert "on MIG-2: its own memory, other values of the whole GPU" in view.gpu_title


def test_stale_readings_are_reported_and_not_shown(tmp_path: Path) -> None:
    run = recorded_runs.on_gpus(2, 2)
    run.add(ev.Telemetry(t=0, state="stale", text="no reading for 12 s"))
    view = view_of(run, tmp_path)
    assert view.gpu_title == "GPUs, 2 Hz · stale: no reading for 12 s"
    assert {line.trouble for line in view.gpus.lines} == {"stale"}
    assert {line.busy for line in view.gpus.lines} == {None}


def test_recorded_readings_of_a_real_gpu(tmp_path: Path) -> None:
    [line] = view_of(recorded_runs.recorded_on_an_h200(), tmp_path).gpus.lines
    assert (line.index, line.ranks, line.power_limit) == (0, "0", 700.0)
    assert line.throttled_by == ("power cap",)
    assert line.missing == frozenset()


def test_recorded_h200_run_shows_its_ceiling_and_waits() -> None:
    plan = layout.load_plan(DATA / "h200-torch-1gpu")
    plan = msgspec.structs.replace(plan, decode_reads=make_plan(find("torch-1gpu").load()).decode_reads)
    state = RunState()
    state.apply_all(ev.decode_lines((DATA / "h200-torch-1gpu" / layout.EVENTS).read_bytes()))
    current = find_current_ceiling(state, plan)
    assert gpu_title(state, current.ceiling).endswith(" · decode at 35 % of the ceiling: host/launch")
    (waits,) = find_problems(state, None, (), None, current)
    assert waits == ("warn", "the GPU waits for the host: GPU busy 72 %, multiprocessors active 44 %")
    assert isinstance(plan.decode_reads, DecodeReads)
    heavy = msgspec.structs.replace(plan.decode_reads, weight_bytes=10**12)
    beyond = find_current_ceiling(state, msgspec.structs.replace(plan, decode_reads=heavy))
    kind, text = find_problems(state, None, (), None, beyond)[0]
    assert kind == "bad"
    assert text.startswith("faster than the memory allows: the run did not generate what it says")
    without = msgspec.structs.replace(plan, decode_reads="not known")
    unknown = find_current_ceiling(state, without)
    assert unknown.ceiling is not None
    assert unknown.ceiling.why_not == "not known"
    assert "ceiling" not in gpu_title(state, unknown.ceiling)


def test_without_gpus_the_host_line_gives_the_reason(tmp_path: Path) -> None:
    view = view_of(recorded_runs.under_way(), tmp_path)
    assert view.gpus.lines == ()
    assert view.host.no_gpu == "the NVIDIA driver is not installed"


def test_the_answer_of_the_smoke_run_is_one_line(tmp_path: Path) -> None:
    [(prompt, answer)] = view_of(recorded_runs.on_gpus(1, 1), tmp_path).answers.pairs
    assert prompt == "What is deep learning, in one sentence?"
    assert answer.startswith("Des machines qui apprennent, à partir")
