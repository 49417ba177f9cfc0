"""How far a sweep is, by its log; and the log on disk."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from runner.history.sweep_lookup import find_sweep
from runner.run import layout, liveness
from runner.sweep import control
from runner.sweep.directory import (
    LOG,
    SPEC,
    AnyLogEntry,
    LogReader,
    LogWriter,
    SweepBegun,
    SweepEnded,
    create_sweep,
    fingerprint,
    load_sweep,
)
from runner.sweep.progress import SweepProgress
from runner.sweep.spec import Slot
from runner.sweep.sweep_feed import SweepFeed
from runner.util.errors import UserError
from tests.support.sweeps import LARGE, SMALL, settled, started, sweep_of, written

A, B = Slot(0, 0), Slot(1, 0)
BEGUN = SweepBegun(wall=1e9)


def test_nothing_is_done_twice_and_what_was_not_reached_is_left() -> None:
    progress = SweepProgress(sweep_of(2))
    progress.apply_all([BEGUN, started(A, "r1", SMALL, LARGE), settled(A, "r1", small="done")])
    assert progress.remaining(A) == [LARGE]
    assert progress.remaining(B) == [SMALL, LARGE]
    assert progress.current_run is None


def test_a_resumption_repeats_stopped_runs_but_not_failures() -> None:
    progress = SweepProgress(sweep_of(2))
    progress.apply_all(
        [
            BEGUN,
            settled(A, "r1", small="stopped", large="lost"),
            settled(B, "r2", small="failed", large="done"),
        ]
    )
    assert progress.remaining(A) == []
    progress.apply_all([BEGUN])
    assert progress.remaining(A) == [SMALL, LARGE]
    assert progress.remaining(B) == []
    progress.apply_all([SweepBegun(wall=1e9, failed_too=True)])
    assert progress.remaining(B) == [SMALL]


def test_out_of_memory_prunes_larger_cells_in_later_repeats() -> None:
    progress = SweepProgress(sweep_of(2, repeat=2))
    progress.apply_all([BEGUN, settled(A, "r1", small="done", large="memory")])
    assert progress.remaining(Slot(0, 1)) == [SMALL]
    assert progress.skip_reason(Slot(0, 1), LARGE) == "not tried: ran out of memory in repeat 1"
    assert progress.remaining(B) == [SMALL], "a larger max_batch_size needs as much"
    assert "max_batch_size 1, in/out 8/8, batch 2 ran out of memory" in progress.skip_reason(B, LARGE)


def test_refused_cells_are_kept_until_failures_are_repeated() -> None:
    progress = SweepProgress(sweep_of(2))
    failed = replace(settled(A, "20260101T000000Z_tiny_7f3a", small="failed"), unmade="key")
    progress.apply_all([BEGUN, failed, BEGUN])
    assert progress.failed_artifacts == {"key": "run 7f3a failed to make the same (why failed)"}
    progress.apply_all([SweepBegun(wall=1e9, failed_too=True)])
    assert progress.failed_artifacts == {}


def test_the_time_that_a_sweep_rests_is_not_counted() -> None:
    """Entries found before the start, such as a deleted run, are in the log before `SweepBegun`."""
    progress = SweepProgress(sweep_of(1))
    progress.apply_all([SweepBegun(wall=100.0), SweepEnded(wall=110.0, status="finished")])
    progress.apply_all([replace(settled(A, "r1", small="lost"), wall=500.0), SweepBegun(wall=500.0)])
    assert progress.elapsed_s(505.0) == 15.0


@pytest.mark.parametrize(("name", "mode"), [("HF_TOKEN", 0o600), ("OMP_NUM_THREADS", 0o644)])
def test_a_sweep_with_a_secret_is_for_its_owner_alone(name: str, mode: int) -> None:
    sweep = sweep_of(2)
    first, second = sweep.cells
    path = create_sweep(
        replace(sweep, cells=[first, replace(second, profile=f"launch: {{env: {{{name}: x}}}}\n")])
    )
    assert stat.S_IMODE((path / SPEC).stat().st_mode) == mode


def test_a_sweep_without_a_sweep_runner_is_interrupted() -> None:
    path = written(sweep_of(), BEGUN, started(A, "r1", SMALL, LARGE))
    assert control.read_progress(path).status == "interrupted"


def test_a_sweep_that_ended_stays_so() -> None:
    path = written(sweep_of(), BEGUN, SweepEnded(wall=1e9, status="finished"))
    assert control.read_progress(path).status == "finished"
    with pytest.raises(UserError, match="there is nothing left to measure"):
        control.resume_sweep(path)


def test_lost_cells_of_a_finished_sweep_can_be_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken_up: list[Path] = []
    monkeypatch.setattr(control, "_start_runner", taken_up.append)
    finished = SweepEnded(wall=1e9, status="finished")
    path = written(sweep_of(1), BEGUN, settled(A, "r1", small="done", large="lost"), finished)
    control.resume_sweep(path)
    assert taken_up == [path]


class TestOfAnotherMachine:
    def conducted_elsewhere(self, *entries: AnyLogEntry) -> Path:
        path = written(sweep_of(), *entries)
        liveness.write_owner(path, liveness.Owner(pid=1, start_time=1, boot_id="b", host="another host"))
        return path

    def test_it_is_under_way_until_its_log_says_that_it_ended(self) -> None:
        assert control.read_progress(self.conducted_elsewhere(BEGUN)).status == "running"
        ended = self.conducted_elsewhere(BEGUN, SweepEnded(wall=2e9, status="stopped"))
        assert not control.is_running(ended)
        assert control.stop_sweep(ended, "a test").status == "stopped"

    def test_one_that_does_not_answer_is_not_waited_for_without_end(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(control, "STOP_S", 0.0)
        with pytest.raises(UserError, match="runs on another host, which does not answer"):
            control.stop_sweep(self.conducted_elsewhere(BEGUN), "a test")


class TestOnDisk:
    def test_what_is_written_is_read(self) -> None:
        sweep = sweep_of(3, repeat=2, stop_on_failure=True)
        path = written(sweep, BEGUN, settled(A, "r1", small="done", large="memory"))
        assert load_sweep(path) == sweep
        assert LogReader(path).read() == [BEGUN, settled(A, "r1", small="done", large="memory")]

    def test_a_torn_line_is_passed_over_and_what_follows_is_read(self) -> None:
        path = written(sweep_of(), BEGUN)
        with open(path / LOG, "ab") as file:
            file.write(b'{"kind":"settled","wall":1')
        LogWriter(path).write(SweepEnded(wall=2e9, status="stopped"))
        assert LogReader(path).read() == [BEGUN, SweepEnded(wall=2e9, status="stopped")]

    def test_an_entry_that_a_full_disk_takes_half_of_spoils_no_other(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = written(sweep_of(), BEGUN)
        log = LogWriter(path)
        write = os.write
        with monkeypatch.context() as full:
            full.setattr("os.write", lambda file, data: write(file, data[:10]))
            with pytest.raises(OSError, match="No space left"):
                log.write(settled(A, "r1", small="done"))
        log.write(SweepEnded(wall=2e9, status="failed"))
        assert LogReader(path).read() == [BEGUN, SweepEnded(wall=2e9, status="failed")]

    def test_it_is_found_like_a_run(self) -> None:
        path = written(sweep_of())
        for name in ("last", path.name, path.name[-4:], "tiny", str(path)):
            assert find_sweep(name) == path
        with pytest.raises(UserError, match="there is no sweep 'nope'"):
            find_sweep("nope")

    @pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"schema": 9}'])
    def test_a_foreign_directory_is_said_in_words(self, content: bytes, tmp_path: Path) -> None:
        (tmp_path / SPEC).write_bytes(content)
        with pytest.raises(UserError, match="cannot be read as a sweep"):
            load_sweep(tmp_path)

    def test_a_newer_version_is_said(self) -> None:
        path = written(sweep_of(schema=99))
        with pytest.raises(UserError, match=r"newer version of trtbench-tui \(schema 99\)"):
            load_sweep(path)

    def test_a_sweep_that_was_changed_is_not_resumed(self) -> None:
        path = written(sweep_of(3))
        LogWriter(path).write(SweepBegun(wall=1e9, spec=fingerprint(path)))
        LogWriter(path).write(SweepEnded(wall=2e9, status="stopped"))
        (path / SPEC).write_bytes(msgspec.json.encode(sweep_of(2)))
        with pytest.raises(UserError, match=r"sweep\.json was changed after the sweep began"):
            control.resume_sweep(path)

    def test_entries_about_cells_that_are_not_there_are_passed_over(self) -> None:
        entries: list[AnyLogEntry] = [
            BEGUN,
            started(Slot(7, 0), "r1", SMALL),
            settled(Slot(7, 0), "r1", small="memory"),
        ]
        feed = SweepFeed(written(sweep_of(2), *entries))
        assert feed.drain() == [BEGUN]
        assert feed.board().completed == 0

    def test_who_has_resumed_a_sweep_sees_it_under_way(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The log ends with the last end until the sweep runner has begun."""
        path = written(sweep_of(), BEGUN, SweepEnded(wall=2e9, status="stopped"))
        locks = []

        def conduct(directory: Path) -> None:
            locks.append(layout.try_lock(directory))
            threading.Timer(0.3, lambda: LogWriter(path).write(SweepBegun(wall=3e9))).start()

        monkeypatch.setattr(control, "_start_runner", conduct)
        control.resume_sweep(path)
        assert control.read_progress(path).status == "running"
        for lock in locks:
            assert lock is not None
            os.close(lock)

    def test_only_one_conducts(self) -> None:
        path = written(sweep_of(), BEGUN)
        lock = layout.try_lock(path)
        assert lock is not None
        try:
            with pytest.raises(UserError, match="is already running"):
                control.resume_sweep(path)
        finally:
            os.close(lock)
