"""The command next to the ranks of trtllm-llmapi-launch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from runner.ranks import launched_command
from runner.util import processes


def test_a_command_that_cannot_start_ends_the_launcher(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ended: list[tuple[int, str]] = []
    monkeypatch.setattr(launched_command, "find_launcher", lambda _: (7, "1"))
    monkeypatch.setattr(launched_command, "end_later", lambda *launcher: ended.append(launcher))
    monkeypatch.setattr(sys, "argv", ["launched_command.py", "/no%20such/program"])
    assert launched_command.main() == 127
    assert ended == [(7, "1")]
    assert "No such file or directory: '/no such/program'" in capfd.readouterr().err


def test_the_end_of_a_launcher_that_stays_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launched_command, "END_S", 0.0)
    monkeypatch.setattr(launched_command, "GIVE_UP_S", 0.05)
    with subprocess.Popen(["sleep", "1000"]) as launcher:
        launched_command.end_children(launcher.pid, str(processes.start_time(launcher.pid)))
        assert launcher.poll() is None
        launcher.kill()
