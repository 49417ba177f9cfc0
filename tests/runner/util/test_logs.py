"""Logging by the variable TRTBENCH_LOG."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.cli.main import main
from runner.util import logs
from runner.util.errors import UserError
from tests.support.paths import ROOT
from tests.support.runs import single, start, wait_until_ended


@pytest.fixture(autouse=True)
def own_loggers() -> Iterator[None]:
    """Restore the loggers after each test."""
    loggers = [logging.getLogger(name) for name in logs.PACKAGES]
    before = [(logger.level, list(logger.handlers), logger.propagate) for logger in loggers]
    yield
    for logger, (level, handlers, propagate) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers, logger.propagate = handlers, propagate


@pytest.mark.parametrize(
    ("value", "level"), [(None, "warning"), ("", "warning"), ("debug", "debug"), ("INFO ", "info")]
)
def test_level_is_read_from_the_variable(
    value: str | None, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(logs.LOG_LEVEL, raising=False)
    if value is not None:
        monkeypatch.setenv(logs.LOG_LEVEL, value)
    assert logs.requested_level() == level


def test_bad_level_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv(logs.LOG_LEVEL, "loud")
    sentence = "TRTBENCH_LOG=loud is not a log level; allowed: debug, info, warning, error"
    with pytest.raises(UserError, match=sentence):
        logs.set_up_logging()
    assert main(["metrics"]) == 2
    assert capsys.readouterr().err == f"trtbench-tui: {sentence}\n"


def test_bad_level_does_not_stop_a_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(logs.LOG_LEVEL, "loud")
    logs.set_up_process_log()
    assert "TRTBENCH_LOG=loud is not a log level" in capsys.readouterr().err
    assert logging.getLogger("runner.x").getEffectiveLevel() == logging.WARNING


def test_messages_go_to_the_current_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(logs.LOG_LEVEL, "info")
    logs.set_up_logging()
    logging.getLogger("runner.x").debug("hidden")
    logging.getLogger("runner.x").info("stage %d started", 1)
    logging.getLogger("library").info("hidden")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f"INFO runner.x[{os.getpid()}]: stage 1 started")


def test_closed_stderr_loses_messages_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    logs.set_up_process_log()
    with open(tmp_path / "log", "w", encoding="utf-8") as closed:
        monkeypatch.setattr(sys, "stderr", closed)
    logging.getLogger("runner.x").error("lost")


def test_supervisor_logs_state_changes_of_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(logs.LOG_LEVEL, "info")
    run_dir = start(single("ok"))
    wait_until_ended(run_dir)
    log = (run_dir / "supervisor.log").read_text()
    assert f"supervising run {run_dir.name}: 1 stages" in log
    assert "stage 0 benchmark started: process " in log
    assert "stage 0 benchmark ended: ok, exit code 0" in log
    assert f"run {run_dir.name} ended: finished" in log


def test_no_log_file_remains_without_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(logs.LOG_LEVEL, raising=False)
    run_dir = start(single("ok"))
    wait_until_ended(run_dir)
    assert not (run_dir / "supervisor.log").exists()


def test_commands_import_logging_only_when_asked() -> None:
    program = (
        "import sys\nfrom tui.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print('logging' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if name != logs.LOG_LEVEL}
    answer = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, check=True, cwd=ROOT, env=environment,
    )  # fmt: skip
    assert answer.stdout.splitlines()[-1] == "False"
