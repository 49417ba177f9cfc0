"""An error of the program itself: one sentence, and the traceback in a file of the user."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from runner.cli import crash
from runner.cli.main import main
from runner.util import paths
from runner.util.exit_codes import ExitCode


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise ValueError("odd \x1b[2J\nvalue")

    monkeypatch.setattr("runner.history.trash.list_trash", fail)


def reports() -> list[Path]:
    return sorted(paths.crashes_dir().glob("*"))


@pytest.mark.usefixtures("broken")
def test_unexpected_error_is_one_sentence_and_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trash", "ls"]) == ExitCode.INTERNAL_ERROR

    (report,) = reports()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert (
        captured.err == f"trtbench-tui: internal error: ValueError: odd value; the details are in {report}\n"
    )
    text = report.read_text(encoding="utf-8")
    assert 'raise ValueError("odd' in text
    assert "\x1b" not in text
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


def test_error_in_a_thread_is_reported_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ValueError("in a thread")

    def start_and_list(*_: object) -> list[object]:
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        return []

    monkeypatch.setattr("runner.history.trash.list_trash", start_and_list)
    hook = threading.excepthook
    assert main(["trash", "ls"]) == ExitCode.INTERNAL_ERROR
    assert "internal error: ValueError: in a thread; the details are in " in capsys.readouterr().err
    assert 'raise ValueError("in a thread")' in reports()[0].read_text()
    assert threading.excepthook is hook


@pytest.mark.usefixtures("broken")
def test_report_that_cannot_be_stored_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    paths.state_home().mkdir(parents=True)
    paths.crashes_dir().write_text("not a directory")
    assert main(["trash", "ls"]) == ExitCode.INTERNAL_ERROR
    first, *rest = capsys.readouterr().err.splitlines()
    assert "ValueError: odd value; the details follow, because they cannot be stored: " in first
    assert rest[0] == "Traceback (most recent call last):"


@pytest.mark.usefixtures("broken")
def test_only_the_newest_reports_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crash, "KEPT", 3)
    paths.crashes_dir().mkdir(parents=True)
    for second in range(5):
        (paths.crashes_dir() / f"20200101T00000{second}-1.txt").touch()
    main(["trash", "ls"])
    assert [report.name[:4] for report in reports()[:2]] == ["2020", "2020"]
    assert len(reports()) == 3
