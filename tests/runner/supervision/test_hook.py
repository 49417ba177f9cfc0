"""A command at the end of a run: it is told what ended, and whatever it does, the run has ended as it has."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import msgspec
import pytest

from runner.cli.main import build_parser
from runner.history.run_entry import read_entry
from runner.plan.plan import Hook, Plan
from runner.profile import store as profile_store
from runner.run import layout, liveness
from runner.supervision import hook, launch
from runner.util import paths
from runner.util.errors import UserError
from tests.support.runs import record, single, start, wait_for, wait_until_ended


def with_hook(plan: Plan, *argv: str, timeout: int = 60) -> Plan:
    return msgspec.structs.replace(plan, on_end=Hook(list(argv), timeout))


def log_of(run_dir: Path) -> str:
    """What the hook's process wrote, once it has ended."""
    log = run_dir / hook.LOG
    wait_for(lambda: log.exists() and "[trtbench]" in log.read_text(), "the end of the hook")
    return log.read_text()


TELL = """
import os
print(*(os.environ.get(f"TRTBENCH_RUN_{name}") for name in ("ID", "PROFILE", "STATUS", "DIR")))
"""


@pytest.mark.parametrize(("program", "status"), [("ok", "finished"), ("no-bye", "failed")])
def test_it_is_told_what_ended_and_how(program: str, status: str) -> None:
    run_dir = start(with_hook(single(program), sys.executable, "-c", TELL))
    assert wait_until_ended(run_dir).status == status
    log = log_of(run_dir)
    assert f"{run_dir.name} program {status} {run_dir}" in log
    assert "ended with exit code 0" in log


def test_it_is_not_taken_for_a_process_of_the_run() -> None:
    run_dir = start(
        with_hook(single("ok"), sys.executable, "-c", "import os; print('TRTBENCH_RUN' in os.environ)")
    )
    wait_until_ended(run_dir)
    assert log_of(run_dir).startswith("False")


def test_no_run_waits_for_it(tmp_path: Path) -> None:
    """The run is over, its lock free, while the command still waits for us."""
    go = tmp_path / "go"
    wait = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.02)"
    run_dir = start(with_hook(single("ok"), sys.executable, "-c", wait))
    assert wait_until_ended(run_dir).status == "finished"
    assert "[trtbench]" not in (run_dir / hook.LOG).read_text()
    go.touch()
    assert "ended with exit code 0" in log_of(run_dir)


def test_one_that_does_not_end_is_ended() -> None:
    began = time.monotonic()
    run_dir = start(with_hook(single("ok"), "sleep", "600", timeout=1))
    assert wait_until_ended(run_dir).status == "finished"
    assert "sleep was killed after 1 s; raise hooks.timeout in the settings" in log_of(run_dir)
    assert time.monotonic() - began < 60


def test_one_that_is_not_there_is_a_sentence() -> None:
    run_dir = start(with_hook(single("ok"), "/no/such/program"))
    assert wait_until_ended(run_dir).status == "finished"
    assert "/no/such/program: cannot be started: No such file or directory" in log_of(run_dir)


def test_one_that_fails_changes_nothing_about_the_run() -> None:
    run_dir = start(with_hook(single("ok"), sys.executable, "-c", "raise SystemExit(7)"))
    assert wait_until_ended(run_dir).status == "finished"
    assert "ended with exit code 7" in log_of(run_dir)


def lost(run_dir: Path, plan: Plan) -> Path:
    """A run whose supervisor vanished."""
    record(run_dir, plan, [])
    owner = msgspec.structs.replace(liveness.owner_of(run_dir, os.getpid()), start_time=1)
    liveness.write_owner(run_dir, owner)
    return run_dir


def test_for_a_run_that_is_found_lost_it_is_started_once() -> None:
    plan = with_hook(single("ok"), sys.executable, "-c", TELL)
    run_dir = lost(paths.runs_dir() / "20260101T000000Z_program_0001", plan)
    for _ in range(2):
        assert read_entry(run_dir).status == "lost"
    assert log_of(run_dir).count(f"{run_dir.name} program lost") == 1


def test_a_directory_from_elsewhere_starts_nothing(tmp_path: Path) -> None:
    """Its plan names the command, and it may be anybody's."""
    plan = with_hook(single("ok"), sys.executable, "-c", TELL)
    run_dir = lost(tmp_path / "20260101T000000Z_program_0001", plan)
    assert read_entry(run_dir).status == "lost"
    assert not (run_dir / hook.LOG).exists()


def test_a_run_that_no_supervisor_here_ever_had_starts_nothing() -> None:
    """An imported one: whoever made it wrote its plan."""
    plan = with_hook(single("ok"), sys.executable, "-c", TELL)
    run_dir = record(paths.runs_dir() / "20260101T000000Z_program_0001", plan, [])
    assert read_entry(run_dir).status == "lost"
    assert not (run_dir / hook.LOG).exists()


@pytest.mark.usefixtures("mpirun_that_only_plans")
def test_the_settings_and_the_command_line_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[Plan] = []
    monkeypatch.setattr(launch, "launch", lambda run_dir, plan, text, shared: plans.append(plan))
    path = paths.settings_file()
    path.parent.mkdir(parents=True)
    path.write_text("hooks: {on_end: [notify, me], timeout: 9, webhook: https://chat/T1}\n")
    profile = profile_store.find("quickstart").load()
    for on_end in (None, ["other"], []):
        launch.start(profile, on_end=on_end)
    assert [plan.on_end for plan in plans] == [Hook(["notify", "me"], 9), Hook(["other"], 9), None]
    assert [plan.webhook for plan in plans] == [True, True, False]
    assert build_parser().parse_args(["run", "p", "--on-end", "mail -s 'it is done' me"]).on_end == [
        "mail", "-s", "it is done", "me",
    ]  # fmt: skip


def test_settings_with_a_mistake_start_nothing() -> None:
    path = paths.settings_file()
    path.parent.mkdir(parents=True)
    path.write_text("hooks: {on_end: done}\n")
    with pytest.raises(UserError, match=r"hooks\.on_end"):
        launch.start(profile_store.find("quickstart").load())
    assert layout.list_runs() == []
