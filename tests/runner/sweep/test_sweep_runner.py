"""The sweep runner: with runs of small programs in this process, and detached with real ones."""

from __future__ import annotations

import errno
import importlib.util
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest

from runner.history.reader import read_entries
from runner.history.run_entry import read_entry
from runner.plan.plan import Plan, SweepMembership
from runner.run import layout, liveness
from runner.run.layout import list_sweeps
from runner.schema.base import Profile
from runner.supervision import launch as launcher
from runner.sweep import control, directory, sweep_runner
from runner.sweep.directory import SweepBegun
from runner.sweep.progress import SweepProgress
from runner.sweep.spec import Slot, SweepSpec, axes_of
from runner.sweep.sweep_runner import InOrder, SweepRunner
from runner.util import paths, processes
from runner.util.errors import UserError
from tests.support.reports import write_report_of
from tests.support.runs import record, single, state_of, wait_for, wait_until_ended
from tests.support.sweeps import LARGE, SMALL, started, sweep_of, tiny, written

needs_torch = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("torch", "mpi4py")),
    reason="needs torch and mpi4py in this environment",
)


@pytest.fixture(autouse=True)
def no_process_left(home: Path) -> Iterator[None]:
    yield
    for path in list_sweeps():
        control.stop_sweep(path, "the end of a test")
        assert not control.is_running(path)
    for run_dir in layout.list_runs():
        assert read_entry(run_dir).ended
        assert processes.find_tagged(run_dir.name) == []


class Programs:
    """In place of the launcher: runs of `programs/ranks.py`, each with its place in the sweep.

    The mode `live` is `ok` with a process of its own. Other runs that end by themselves are run once; later
    ones have the same log.
    """

    logs: ClassVar[dict[str, bytes]] = {}
    """the log of an ended run by its mode"""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *modes: str) -> None:
        self.modes = list(modes)
        self.places: list[tuple[int, int]] = []
        monkeypatch.setattr(launcher, "start", self.start)

    def start(self, profile: Profile, *, sweep: SweepMembership, **_: object) -> Path:
        self.places.append((sweep.cell, sweep.repeat))
        mode = self.modes.pop(0) if self.modes else "ok"
        if mode == "refused":
            raise UserError("no such model")
        plan = msgspec.structs.replace(single("ok" if mode == "live" else mode), sweep=sweep)
        run_dir = paths.runs_dir() / layout.new_run_id("tiny")
        if mode not in ("ok", "raise"):
            launcher.launch(run_dir, plan, "name: tiny\n")
        elif mode in self.logs:
            record(run_dir, plan, [])
            (run_dir / layout.EVENTS).write_bytes(self.logs[mode])
            write_report_of(run_dir, plan)
        else:
            launcher.launch(run_dir, plan, "name: tiny\n")
            wait_until_ended(run_dir)
            self.logs[mode] = (run_dir / layout.EVENTS).read_bytes()
        return run_dir


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Programs]:
    monkeypatch.setattr(sweep_runner, "POLL_S", 0.01)
    return lambda *modes: Programs(monkeypatch, *modes)


def of_programs(count: int, **further: object) -> SweepSpec:
    """A sweep whose cells measure what `programs/ranks.py` measures."""
    sweep = sweep_of(count, **further)  # type: ignore[arg-type]
    measured = single("ok").configurations
    cells = [msgspec.structs.replace(cell, configurations=measured) for cell in sweep.cells]
    return msgspec.structs.replace(sweep, cells=cells)


def conducted(sweep: SweepSpec) -> SweepProgress:
    the_runner = SweepRunner(directory.create_sweep(sweep), sweep)
    the_runner.run()
    return the_runner.progress


def outcomes(progress: SweepProgress) -> list[tuple[int, int, str]]:
    return [(slot.cell, slot.repeat, one.outcome) for (slot, _), one in progress.results.items()]


def test_runs_come_one_after_the_other_and_know_their_place(programs: Callable[..., Programs]) -> None:
    fake = programs()
    progress = conducted(of_programs(2, repeat=2))
    assert progress.status == "finished"
    assert fake.places == [(0, 0), (1, 0), (1, 1), (0, 1)]
    assert outcomes(progress) == [(cell, repeat, "done") for cell, repeat in fake.places]
    entries = list(reversed(read_entries()))
    assert {(entry.sweep.cell, entry.sweep.repeat) for entry in entries if entry.sweep} == set(fake.places)
    (sweep,) = list_sweeps()
    assert {entry.sweep.sweep for entry in entries if entry.sweep} == {sweep.name}


class Decides(InOrder):
    """Ends every run as soon as it has measured something."""

    def is_decided(self, progress: SweepProgress, slot: Slot, run_dir: Path) -> str:
        return "its interval decides" if state_of(run_dir).configurations else ""


def test_a_run_whose_interval_decides_is_ended_early(
    programs: Callable[..., Programs], monkeypatch: pytest.MonkeyPatch
) -> None:
    programs("slow")
    monkeypatch.setattr(sweep_runner, "LIVENESS_S", 0.05)
    sweep = of_programs(1)
    the_runner = SweepRunner(directory.create_sweep(sweep), sweep, Decides())
    the_runner.run()
    (result,) = the_runner.progress.results.values()
    assert (result.outcome, result.why) == ("decided", "its interval decides")
    assert the_runner.progress.status == "finished"


def test_a_failed_cell_does_not_end_the_sweep(programs: Callable[..., Programs]) -> None:
    programs("raise", "ok")
    progress = conducted(of_programs(2))
    assert progress.status == "finished"
    assert outcomes(progress) == [(0, 0, "failed"), (1, 0, "done")]
    assert "ValueError: the first cause" in progress.failures()[0].why


def test_unless_it_is_asked_to(programs: Callable[..., Programs]) -> None:
    fake = programs("raise", "ok")
    progress = conducted(of_programs(2, stop_on_failure=True))
    assert (progress.status, progress.why) == ("stopped", "a cell failed (--stop-on-failure)")
    assert fake.places == [(0, 0)]


def test_a_run_that_cannot_be_started_is_a_failed_cell(programs: Callable[..., Programs]) -> None:
    programs("refused", "ok")
    progress = conducted(of_programs(2))
    assert outcomes(progress) == [(0, 0, "failed"), (1, 0, "done")]
    assert [one.why for one in progress.failures()] == ["no such model"]


def test_a_resumption_measures_the_rest_and_adopts_a_run(
    programs: Callable[..., Programs],
) -> None:
    fake = programs("live")
    sweep = of_programs(3)
    path = written(sweep, SweepBegun(wall=1e9))
    run_dir = fake.start(tiny(), gpu_hz=0, sweep=SweepMembership(sweep=path.name, cell=0))
    measured = single("ok").configurations
    directory.LogWriter(path).write(started(Slot(0, 0), run_dir.name, *measured))

    the_runner = SweepRunner(path, sweep)
    the_runner.run()

    assert fake.places == [(0, 0), (1, 0), (2, 0)], "the run under way was not started again"
    assert outcomes(the_runner.progress) == [(0, 0, "done"), (1, 0, "done"), (2, 0, "done")]


def test_an_unlogged_run_of_a_killed_runner_is_taken_over(
    programs: Callable[..., Programs],
) -> None:
    fake = programs("live")
    sweep = of_programs(2)
    path = written(sweep, SweepBegun(wall=1e9))
    run_dir = fake.start(tiny(), gpu_hz=0, sweep=SweepMembership(sweep=path.name, cell=0))

    the_runner = SweepRunner(path, sweep)
    the_runner.run()

    assert fake.places == [(0, 0), (1, 0)], "it was not started again"
    assert next(iter(the_runner.progress.runs)) == run_dir.name
    assert outcomes(the_runner.progress) == [(0, 0, "done"), (1, 0, "done")]


def test_a_run_that_was_not_noted_is_stopped_with_its_sweep(programs: Callable[..., Programs]) -> None:
    fake = programs("slow")
    path = written(of_programs(1), SweepBegun(wall=1e9))
    run_dir = fake.start(tiny(), gpu_hz=0, sweep=SweepMembership(sweep=path.name, cell=0))
    assert control.stop_sweep(path, "a test").status == "stopped"
    assert state_of(run_dir).status == "stopped"


def test_a_stop_in_the_last_cell_leaves_it_open(
    programs: Callable[..., Programs], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = programs("slow", "ok")
    sweep = of_programs(1)
    path = directory.create_sweep(sweep)

    def start_and_stop(profile: Profile, *, gpu_hz: float, sweep: SweepMembership, checks: bool) -> Path:
        liveness.request_stop(path, "a test")
        return fake.start(profile, gpu_hz=gpu_hz, sweep=sweep, checks=checks)

    with monkeypatch.context() as stopped:
        stopped.setattr(launcher, "start", start_and_stop)
        SweepRunner(path, sweep).run()
    assert (control.read_progress(path).status, control.read_progress(path).why) == ("stopped", "a test")

    (path / layout.STOP).unlink()
    SweepRunner(path, sweep).run()
    assert fake.places == [(0, 0), (0, 0)]
    assert control.read_progress(path).status == "finished"


def test_a_run_that_was_deleted_is_measured_again(programs: Callable[..., Programs]) -> None:
    fake = programs()
    path = written(
        of_programs(1), SweepBegun(wall=1e9), started(Slot(0, 0), "20260101T000000Z_gone_0001", SMALL)
    )
    the_runner = SweepRunner(path, of_programs(1))
    the_runner.run()
    assert fake.places == [(0, 0)]
    assert the_runner.progress.status == "finished"


def test_a_deleted_run_is_measured_again(
    programs: Callable[..., Programs],
) -> None:
    fake = programs()
    sweep = of_programs(2)
    the_runner = SweepRunner(directory.create_sweep(sweep), sweep)
    the_runner.run()
    first, second = (paths.runs_dir() / run for run in the_runner.progress.runs)
    shutil.rmtree(first)

    again = SweepRunner(the_runner.directory, sweep)
    again.run()
    assert fake.places == [(0, 0), (1, 0), (0, 0)]
    assert [note.run for note in again.progress.runs.values()][:2] == [first.name, second.name]
    assert again.progress.deleted_runs(paths.runs_dir()) == []
    with pytest.raises(UserError, match="there is nothing left to measure"):
        control.resume_sweep(the_runner.directory)


def test_a_cell_of_an_unknown_version_fails(
    programs: Callable[..., Programs],
) -> None:
    programs()
    sweep = of_programs(2)
    strange = msgspec.structs.replace(sweep.cells[0], profile="name: tiny\nengine: abacus\n")
    progress = conducted(msgspec.structs.replace(sweep, cells=[strange, sweep.cells[1]]))
    assert outcomes(progress) == [(0, 0, "failed"), (1, 0, "done")]
    assert "abacus" in progress.failures()[0].why


class TestFullDisk:
    """Cells wait for room; they do not fail one after the other."""

    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sweep_runner, "ROOM_S", 0.01)

    def test_the_next_run_starts_when_there_is_room(
        self, programs: Callable[..., Programs], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake = programs()
        answers = ["", "the disk is full", "the disk is full"]
        monkeypatch.setattr(sweep_runner, "wait_reason", lambda _: answers.pop() if answers else "")
        assert conducted(of_programs(1)).status == "finished"
        assert (answers, fake.places) == ([], [(0, 0)])

    def test_a_sweep_that_waits_can_be_stopped_and_goes_on_later(
        self, programs: Callable[..., Programs], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake = programs()
        sweep = of_programs(1)
        path = directory.create_sweep(sweep)
        the_runner = SweepRunner(path, sweep)

        def full(_: Path) -> str:
            the_runner.ask_to_stop("a test")
            return "the disk is full"

        monkeypatch.setattr(sweep_runner, "wait_reason", full)
        the_runner.run()
        assert (control.read_progress(path).status, control.read_progress(path).why) == ("stopped", "a test")
        assert fake.places == []

    def test_what_finds_no_room_is_written_when_there_is_some(
        self, programs: Callable[..., Programs], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        programs()
        write = directory.LogWriter.write
        refused: list[directory.AnyLogEntry] = []

        def once_full(self: directory.LogWriter, entry: directory.AnyLogEntry) -> None:
            if len(refused) % 2 == 0:
                refused.append(entry)
                raise OSError(errno.ENOSPC, "No space left on device")
            refused.append(entry)
            write(self, entry)

        monkeypatch.setattr(directory.LogWriter, "write", once_full)
        sweep = of_programs(1)
        path = directory.create_sweep(sweep)
        SweepRunner(path, sweep).run()
        assert control.read_progress(path).status == "finished"
        assert [type(entry).__name__ for entry in directory.LogReader(path).read()] == [
            "SweepBegun", "SweepRunStarted", "SweepRunEnded", "SweepEnded",
        ]  # fmt: skip


@needs_torch
@pytest.mark.mpi
class TestDetached:
    """Real runs of the torch engine, conducted by a process of their own."""

    def start(self, *axes: str, repeat: int = 1, further: str = "") -> Path:
        profile = tiny(further)
        return control.start_sweep(
            control.axis_sweep(profile, axes_of(profile, axes), repeat=repeat, gpu_hz=0)
        )

    def ended(self, path: Path) -> SweepProgress:
        wait_for(lambda: not control.is_running(path), "the end of the sweep")
        return control.read_progress(path)

    def test_out_of_memory_skips_larger_configurations_only(self) -> None:
        huge = 10**12
        path = self.start(f"benchmark.batch_size=1,{huge}", "benchmark.input_output_len=[8,8],[16,8]")
        progress = self.ended(path)
        assert progress.status == "finished"
        found = {
            (one.batch_size, one.input_len): measured.outcome
            for (_, one), measured in progress.results.items()
        }
        assert found == {(1, 8): "done", (huge, 8): "memory", (1, 16): "done", (huge, 16): "memory"}
        assert len(layout.list_runs()) == 1, "the ranks skip what does not fit and go on"
        assert not (path / "conductor.log").exists(), "it had nothing to complain about"

    def test_kill_9_keeps_the_run_resume_continues_stop_ends_both(self) -> None:
        path = self.start("model.seed=1,2", "benchmark.num_runs=3,100000")
        wait_for(lambda: control.read_progress(path).current_run is not None, "the first run")
        owner = liveness.read_owner(path)
        assert owner is not None
        os.kill(owner.pid, signal.SIGKILL)
        wait_for(lambda: not control.is_running(path), "the death of the sweep runner")
        assert control.read_progress(path).status == "interrupted"
        (first,) = layout.list_runs()
        assert wait_until_ended(first).status == "finished", "the run went on by itself"

        control.resume_sweep(path)
        wait_for(lambda: len(layout.list_runs()) == 2, "the long run")
        run_dir = layout.list_runs()[0]
        wait_for(lambda: bool(state_of(run_dir).configurations), "its first configuration")
        progress = control.stop_sweep(path, "a test")

        assert (progress.status, progress.why) == ("stopped", "a test")
        assert not control.is_running(path)
        assert state_of(run_dir).status == "stopped"
        assert processes.find_tagged(run_dir.name) == []
        assert [note.run for note in progress.runs.values()] == [first.name, run_dir.name], "none twice"
        kept = [one.outcome for (slot, _), one in progress.results.items() if slot.cell == 0]
        assert kept == ["done", "done"]

    def test_stop_ends_the_run_of_a_killed_sweep_runner(self) -> None:
        path = self.start("benchmark.num_runs=100000,200000")
        wait_for(lambda: control.read_progress(path).current_run is not None, "the first run")
        owner = liveness.read_owner(path)
        assert owner is not None
        os.kill(owner.pid, signal.SIGKILL)
        wait_for(lambda: not control.is_running(path), "the death of the sweep runner")

        assert control.stop_sweep(path, "a test").status == "stopped"

        (run_dir,) = layout.list_runs()
        assert state_of(run_dir).status == "stopped"


def test_plans_of_programs_have_one_configuration() -> None:
    """What the tests above rely on."""
    plan: Plan = single("ok")
    assert len(plan.configurations) == 1
    assert plan.configurations[0] not in (SMALL, LARGE)
