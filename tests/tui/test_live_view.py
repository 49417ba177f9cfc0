from __future__ import annotations

from pathlib import Path

from runner import events as ev
from tests.tui import runs
from tests.tui.runs import Recorder, StillFeed
from tui.screens.live_view import LiveView, live_view


def seen(run: Recorder, root: Path, after_s: float = 0.0) -> LiveView:
    return live_view(drained(run, root, after_s))


def drained(run: Recorder, root: Path, after_s: float = 0.0) -> StillFeed:
    feed = run.feed(root, after_s)
    feed.drain(1.0)
    return feed


def test_the_header_says_what_and_how(tmp_path: Path) -> None:
    header = seen(runs.under_way(), tmp_path, after_s=60).header
    assert (header.profile, header.run, header.status) == ("qwen2.5-32b-fp16-tp8", "7f3a", "running")
    assert header.elapsed_s == 159


def test_an_ended_run_has_a_clock_that_stands_still(tmp_path: Path) -> None:
    feed = drained(runs.finished(), tmp_path)
    before = live_view(feed)
    feed.at += 3600 * runs.SECOND
    assert live_view(feed) == before


def test_within_a_second_nothing_changes(tmp_path: Path) -> None:
    feed = drained(runs.under_way(), tmp_path, after_s=1.1)
    before = live_view(feed)
    feed.at += runs.SECOND // 10
    assert live_view(feed) == before


def test_warm_up_is_a_phase_of_its_own(tmp_path: Path) -> None:
    view = seen(runs.warming_up(), tmp_path)
    assert (view.progress.phase, view.progress.warmed, view.progress.warm_up) == ("warm-up", 1, 2)
    assert view.numbers.n == 0
    assert view.plot.n == 0
    assert len(view.plot.warmup) == 1
    assert {rank.state for rank in view.ranks} == {"warm-up"}


def test_progress_counts_iterations_and_duration(tmp_path: Path) -> None:
    progress = seen(runs.under_way(), tmp_path, after_s=2).progress
    assert (progress.phase, progress.number, progress.total) == ("timed", 2, 4)
    assert progress.what == "batch 4  in 64  out 24"
    assert (progress.measured, progress.num_runs) == (7, 10)
    assert (progress.seconds, progress.duration) == (46, 60)
    assert progress.left_s == 20


def test_the_expected_number_of_iterations_follows_the_duration_in_round_numbers(tmp_path: Path) -> None:
    run = runs.under_way()
    run.duration = 600
    run.begin_configuration(2)
    run.iterate(2, "warmup", 2, 1000)
    run.iterate(5, "timed", 2, 1000)
    assert seen(run, tmp_path).plot.expected == 802


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
    ranks = seen(runs.under_way(8), tmp_path).ranks
    assert [rank.rank for rank in ranks if rank.slower is not None] == [7]
    assert ranks[0].i == 7


def test_a_rank_that_lost_records_is_broken(tmp_path: Path) -> None:
    run = runs.under_way()
    run.add(ev.Bye(t=0, stage=0, rank=1, count=3))
    ranks = seen(run, tmp_path).ranks
    assert [(rank.state, rank.broken) for rank in ranks] == [("timing", False), ("gaps", True)]


def test_a_queued_run_says_for_what_and_for_whom_it_waits(tmp_path: Path) -> None:
    view = seen(runs.queued(), tmp_path)
    assert view.header.status == "queued"
    assert view.progress.what == "waits for cpu, which run 20251231T235900Z_other_12ab holds"
    assert view.log is None


def test_a_failure_is_said_with_cause_remedy_and_log(tmp_path: Path) -> None:
    health = seen(runs.failed(), tmp_path).health
    assert health.kind == "bad"
    assert health.lines == (runs.CAUSE, runs.REMEDY, "log: 0-benchmark.log   l shows it")


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
        name: seen(getattr(runs, name)(), tmp_path / name).health.kind
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
    feed = drained(runs.under_way(), tmp_path)
    feed.gone = True
    view = live_view(feed)
    assert "deleted" in view.health.lines[0]
    assert not view.can_stop
    assert view.numbers.n == 7


def test_silence_is_mentioned_only_when_it_lasts(tmp_path: Path) -> None:
    assert seen(runs.under_way(), tmp_path / "a", after_s=1).note == ""
    assert seen(runs.under_way(), tmp_path / "b", after_s=75).note == "last event 1:15 ago"
    assert seen(runs.finished(), tmp_path / "c", after_s=75).note == ""


def test_only_a_live_run_under_way_can_be_stopped(tmp_path: Path) -> None:
    feed = drained(runs.under_way(), tmp_path)
    assert live_view(feed).can_stop
    feed.live = False
    assert not live_view(feed).can_stop
    assert not seen(runs.finished(), tmp_path / "ended").can_stop


def test_nothing_at_all_is_a_view_too(tmp_path: Path) -> None:
    view = seen(runs.nothing_yet(), tmp_path)
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
    run = runs.under_way()
    run.iterate(1, "profile", 1)
    view = seen(run, tmp_path)
    assert {rank.state for rank in view.ranks} == {"profiling"}
    assert view.numbers.n == 7


def test_gpus_with_the_ranks_that_compute_on_them(tmp_path: Path) -> None:
    view = seen(runs.on_gpus(4, 2, hot=1), tmp_path)
    assert view.gpu_title == "GPUs, 2 Hz"
    assert [line.ranks for line in view.gpus] == ["0", "1", "", ""]
    first, hot = view.gpus[:2]
    assert (first.memory_used, first.baseline) == (71 << 30, int(0.1 * 2**30))
    assert first.throttled_by == ()
    assert hot.throttled_by == ("hw thermal",)
    assert len(first.busy_history) == 60


def test_readings_that_stopped_are_said_and_not_shown(tmp_path: Path) -> None:
    run = runs.on_gpus(2, 2)
    run.add(ev.Telemetry(t=0, state="stale", text="no reading for 12 s"))
    view = seen(run, tmp_path)
    assert view.gpu_title == "GPUs, 2 Hz · stale: no reading for 12 s"
    assert {line.trouble for line in view.gpus} == {"stale"}
    assert {line.busy for line in view.gpus} == {None}


def test_what_a_real_gpu_said(tmp_path: Path) -> None:
    [line] = seen(runs.recorded_on_an_h200(), tmp_path).gpus
    assert (line.index, line.ranks, line.power_limit) == (0, "0", 700.0)
    assert line.throttled_by == ("power cap",)
    assert line.missing == frozenset()


def test_a_run_without_gpus_has_no_panel_but_a_reason(tmp_path: Path) -> None:
    view = seen(runs.under_way(), tmp_path)
    assert view.gpus == ()
    assert view.host.no_gpu == "the NVIDIA driver is not installed"


def test_the_answer_of_the_smoke_run_is_one_line(tmp_path: Path) -> None:
    [(prompt, answer)] = seen(runs.on_gpus(1, 1), tmp_path).answers.said
    assert prompt == "What is deep learning, in one sentence?"
    assert answer.startswith("Des machines qui apprennent, à partir")
