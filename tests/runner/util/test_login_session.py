"""Whether logging out would end a run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.util import login_session

IN_A_SESSION = "0::/user.slice/user-1000.slice/session-4.scope\n"
OF_THE_USER = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-u1.scope\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's process in a login session; logind is configured in `usr`, `run` and `etc`."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(login_session, "OWN_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(login_session, "CONFIGURED", [str(tmp_path / name) for name in ("usr", "run", "etc")])
    (tmp_path / "cgroup").write_text(IN_A_SESSION)
    for folder in ("usr", "etc"):
        (tmp_path / folder / "logind.conf.d").mkdir(parents=True)
    return tmp_path


def configure(file: Path, value: str) -> None:
    file.write_text(f"[Login]\n#KillUserProcesses=yes\nKillUserProcesses={value}\n")


def test_by_default_nothing_is_ended(machine: Path) -> None:
    (machine / "etc" / "logind.conf").write_text("[Login]\n#KillUserProcesses=yes\n")
    assert not login_session.kills_processes_at_logout()


def test_session_processes_are_killed_if_configured(machine: Path) -> None:
    configure(machine / "etc" / "logind.conf", "yes")
    assert login_session.kills_processes_at_logout()


def test_drop_ins_take_precedence_and_replace_by_name(
    machine: Path,
) -> None:
    configure(machine / "etc" / "logind.conf", "no")
    configure(machine / "usr" / "logind.conf.d" / "10-kill.conf", "yes")
    assert login_session.kills_processes_at_logout()
    configure(machine / "etc" / "logind.conf.d" / "10-kill.conf", "no")
    assert not login_session.kills_processes_at_logout()


def test_what_runs_outside_of_the_session_is_safe(machine: Path) -> None:
    configure(machine / "etc" / "logind.conf", "yes")
    (machine / "cgroup").write_text(OF_THE_USER)
    assert not login_session.kills_processes_at_logout()
    (machine / "cgroup").unlink()
    assert not login_session.kills_processes_at_logout()


def test_root_is_left_alone(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(machine / "etc" / "logind.conf", "yes")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert not login_session.kills_processes_at_logout()
