"""The list of runs, and runs that lost their supervisor."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runner import events as ev
from runner.cli.main import main
from runner.history.lookup import find_run
from runner.history.reader import read_entries
from runner.history.recovery import recover
from runner.history.reports import load_report
from runner.history.run_entry import read_entry
from runner.history.stop import stop_run
from runner.plan.plan import SweepMembership
from runner.report.build import build_report
from runner.report.files import write_report
from runner.run import layout, liveness
from runner.util import paths, processes
from runner.util.errors import UserError
from runner.util.exit_codes import ExitCode
from runner.util.files import write_atomically
from tests.support.runs import record, single, start, state_of, wait_for, wait_until_ended

BEGIN = ev.RunStarted(
    t=time.monotonic_ns(), run="r", schema=1, wall=1e9, host="h", boot_id="b", pid=1, cores=2, version="0"
)


def abandoned(name: str = "20260101T000000Z_program_0001") -> Path:
    """A run whose supervisor vanished in the middle."""
    return record(paths.runs_dir() / name, single("ok"), [BEGIN])


def owned_by(run_dir: Path, **changes: str) -> None:
    owner = liveness.owner_of(run_dir, os.getpid())
    liveness.write_owner(run_dir, msgspec.structs.replace(owner, start_time=1, **changes))


def test_no_runs_is_an_empty_list() -> None:
    assert read_entries() == []


def test_a_run_without_supervisor_is_lost_and_says_so() -> None:
    run_dir = abandoned()
    owned_by(run_dir)

    (entry,) = read_entries()

    assert (entry.status, entry.cause) == ("lost", "the run was lost: its supervisor was killed while it ran")
    assert state_of(run_dir).status == "lost"
    assert load_report(run_dir).status == "lost"


def test_an_empty_log_does_not_say_that_the_run_had_begun() -> None:
    run_dir = record(abandoned().with_name("20260101T000000Z_program_0002"), single("ok"), [])
    owned_by(run_dir)
    recover(run_dir)
    assert "was killed, or its disk was full, before it could write its log" in read_entry(run_dir).cause


def test_after_a_restart_of_the_machine_the_cause_is_the_restart() -> None:
    run_dir = abandoned()
    owned_by(run_dir, boot_id="another boot")
    recover(run_dir)
    assert read_entry(run_dir).cause == "the run was lost: the machine was restarted while it ran"


def test_a_run_of_another_machine_is_left_alone() -> None:
    run_dir = abandoned()
    owned_by(run_dir, host="another host", boot_id="another boot")
    assert not recover(run_dir)
    assert read_entry(run_dir).status == "running"


def test_a_killed_run_of_a_renamed_machine_is_lost() -> None:
    run_dir = abandoned()
    owned_by(run_dir, host="an earlier name")
    assert read_entry(run_dir).status == "lost"


def test_a_supervised_run_is_left_alone() -> None:
    run_dir = start(single("short"))
    assert not recover(run_dir)
    assert wait_until_ended(run_dir).status == "finished"


def test_a_run_being_created_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[bool] = []

    def write_and_look(path: Path, content: bytes, **how: Any) -> None:
        write_atomically(path, content, **how)
        seen.append(read_entry(path.parent).ended)

    monkeypatch.setattr("runner.run.layout.write_atomically", write_and_look)
    with layout.create_run_dir(paths.runs_dir() / "20260101T000000Z_program_0001", single("ok"), "name: p\n"):
        pass
    assert seen == [False]


def test_a_torn_log_of_a_lost_run_is_repaired() -> None:
    run_dir = abandoned()
    with open(run_dir / layout.EVENTS, "ab") as log:
        log.write(b'{"kind":"iteration","t":12')
    recover(run_dir)
    assert state_of(run_dir).status == "lost"


def test_a_log_that_cannot_be_read_ends_the_watching(capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = abandoned()
    (run_dir / layout.EVENTS).unlink()
    (run_dir / layout.EVENTS).mkdir()
    for _ in range(2):
        assert main(["attach", str(run_dir)]) == ExitCode.RUN_LOST
        told = capsys.readouterr()
        assert "its log (events.jsonl) cannot be read: Is a directory" in told.err
        assert f"run {run_dir.name} · lost" in told.out
    assert main(["stop", str(run_dir)]) == 0


def test_the_table_of_a_run_with_an_empty_log_names_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = record(paths.runs_dir() / "20260101T000000Z_program_0001", single("ok"), [])
    assert main(["show", "last"]) == 0
    assert f"run {run_dir.name} · lost" in capsys.readouterr().out


def test_a_lost_run_is_lost_on_a_read_only_disk_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = abandoned()
    before = sorted(run_dir.iterdir())

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(layout, "try_lock", refuse)
    monkeypatch.setattr("runner.history.recovery.JournalWriter", refuse)
    monkeypatch.setattr("runner.history.recovery.write_report", refuse)
    assert read_entry(run_dir).status == "lost"
    assert main(["attach", str(run_dir)]) == ExitCode.RUN_LOST
    assert main(["show", str(run_dir)]) == 0
    assert "· lost" in capsys.readouterr().out
    assert sorted(run_dir.iterdir()) == before


def test_a_log_without_its_end_keeps_the_report() -> None:
    run_dir = abandoned()
    state = state_of(run_dir)
    state.apply(ev.RunEnded(t=state.last_t, status="finished", wall=1e9))
    write_report(run_dir, build_report(single("ok"), state))
    before = (run_dir / layout.REPORT).read_bytes()
    recover(run_dir)
    assert state_of(run_dir).status == "finished"
    assert (run_dir / layout.REPORT).read_bytes() == before


def stage_ended(stage: int, status: ev.StageStatus) -> ev.Event:
    return ev.StageEnded(t=BEGIN.t + 9, stage=stage, name="benchmark", status=status)


@pytest.mark.parametrize(
    ("log", "status"),
    [
        ([stage_ended(0, "ok"), stage_ended(1, "skipped")], "finished"),
        ([stage_ended(0, "ok")], "lost"),
        ([ev.Failure(t=BEGIN.t + 1, cause="why"), stage_ended(0, "failed")], "failed"),
        ([ev.Failure(t=BEGIN.t + 1, cause="why")], "failed"),
        ([ev.Stopping(t=BEGIN.t + 1, by="a test")], "stopped"),
        ([], "lost"),
    ],
)
def test_the_end_is_judged_by_what_was_logged(log: list[ev.Event], status: str) -> None:
    plan = single("ok")
    plan.stages.append(plan.stages[0])
    run_dir = record(paths.runs_dir() / "20260101T000000Z_program_0001", plan, [BEGIN, *log])
    owned_by(run_dir)
    assert read_entry(run_dir).status == status
    assert load_report(run_dir).status == status
    if status != "lost":
        assert load_report(run_dir).seconds < 1e-6, "the time until it was read does not count"


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"engine": 3}'])
def test_a_foreign_directory_is_one_row_that_says_what_it_is(content: bytes | None) -> None:
    run_dir = paths.runs_dir() / "20260101T000000Z_foreign_0001"
    run_dir.mkdir(parents=True)
    if content is not None:
        (run_dir / layout.PLAN).write_bytes(content)
    (entry,) = read_entries()
    assert entry.status == "lost"
    assert str(run_dir) in entry.cause


def test_newest_first() -> None:
    names = [f"2026010{day}T000000Z_program_000{day}" for day in (1, 3, 2)]
    for name in names:
        abandoned(name)
    assert [entry.run for entry in read_entries()] == sorted(names, reverse=True)


def test_a_run_knows_its_place_in_a_sweep() -> None:
    place = SweepMembership(sweep="20260101T000000Z_s_0001", cell=3, repeat=1, values=(("parallel.tp", "2"),))
    run_dir = start(msgspec.structs.replace(single("slow"), sweep=place))
    assert read_entry(run_dir).sweep == place
    liveness.request_stop(run_dir, "a test")
    wait_until_ended(run_dir)
    (entry,) = read_entries()
    assert entry.ended
    assert entry.sweep == place
    assert len({entry, entry}) == 1, "rows are kept by what they say, so they can be hashed"


class TestOtherDirectories:
    """Whatever a directory says, only the processes of the run that started in it are touched.

    Processes are found by the name of their run, so tests that start some have names of their own.
    """

    def sleeping(self, run_dir: Path) -> subprocess.Popen[bytes]:
        """A process that a run whose supervisor is dead names, by its tag and in its list of processes."""
        owner = liveness.owner_of(run_dir, os.getpid())
        liveness.write_owner(run_dir, msgspec.structs.replace(owner, start_time=1))
        sleeper = subprocess.Popen(["sleep", "600"], env={**os.environ, processes.TAG: run_dir.name})
        started = processes.start_time(sleeper.pid)
        (run_dir / layout.PROCESSES).write_text(f"{sleeper.pid} {started}\n")
        return sleeper

    def test_a_copy_kills_nothing_and_the_original_does(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_dir = abandoned("20260101T000000Z_program_c091")
        with self.sleeping(run_dir) as sleeper:
            copied_run = Path(shutil.copytree(run_dir, tmp_path / run_dir.name))
            copied_home = Path(shutil.copytree(paths.state_home(), tmp_path / "copied"))
            before = sorted(copied_run.iterdir())
            assert read_entry(copied_run).status == "lost"
            assert sorted(copied_run.iterdir()) == before, "it is not in the folder of runs"
            with monkeypatch.context() as patch:
                patch.setenv("TRTBENCH_HOME", str(copied_home))
                assert [entry.status for entry in read_entries()] == ["lost"]
                assert state_of(paths.runs_dir() / run_dir.name).status == "lost"
            assert sleeper.poll() is None

            assert read_entry(run_dir).status == "lost"
            assert processes.start_time(sleeper.pid) is None

    def test_a_directory_of_another_user_is_only_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        run_dir = abandoned("20260101T000000Z_program_04e5")
        with self.sleeping(run_dir) as sleeper:
            before = {path: path.stat().st_mtime_ns for path in run_dir.rglob("*")}
            monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
            assert read_entry(run_dir).status == "lost"
            assert {path: path.stat().st_mtime_ns for path in run_dir.rglob("*")} == before
            assert sleeper.poll() is None
            sleeper.kill()

    @pytest.mark.parametrize("what", ["a copy of the run", "a copy of the home", "a run without its lock"])
    def test_a_live_run_is_not_lost(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
        run_dir = start(single("slow"))
        wait_for(lambda: bool(state_of(run_dir).configurations), "the first configuration")
        alive = processes.find_tagged(run_dir.name)
        with monkeypatch.context() as patch:
            read = run_dir
            if what == "a copy of the run":
                read = Path(shutil.copytree(run_dir, tmp_path / run_dir.name))
            elif what == "a copy of the home":
                patch.setenv("TRTBENCH_HOME", str(shutil.copytree(paths.state_home(), tmp_path / "copied")))
            else:
                (run_dir / layout.LOCK).unlink()
            assert [entry.status for entry in read_entries()] == ["running"]
            assert main(["show", str(read)]) == 0
            assert recover(read) is None
        assert processes.find_tagged(run_dir.name) == alive
        assert stop_run(run_dir, "a test").status == "stopped"


class TestFindingARun:
    def test_by_last_by_id_by_end_by_part_by_path(self) -> None:
        old, new = abandoned("20260101T000000Z_a_0001"), abandoned("20260102T000000Z_b_0002")
        assert find_run("last") == new
        assert find_run("20260101T000000Z_a_0001") == old
        assert find_run("0001") == old
        assert find_run("_b_") == new
        assert find_run(str(old)) == old

    def test_nothing_found_is_said_with_a_hint(self) -> None:
        with pytest.raises(UserError, match="there is no run 'nope'"):
            find_run("nope")

    def test_several_found_are_named(self) -> None:
        abandoned("20260101T000000Z_a_0001")
        abandoned("20260102T000000Z_a_0002")
        with pytest.raises(UserError, match="'_a_' matches 2 runs: 20260102T000000Z_a_0002, 20260101T"):
            find_run("_a_")
