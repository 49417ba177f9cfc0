"""Mistakes of a user or a shell give one clear sentence in every command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.cli.main import main
from runner.history import trash
from runner.profile.settings import update
from runner.sweep import directory
from runner.util import paths
from tests.support.histories import ended, figure
from tests.support.paths import ROOT
from tests.support.sweeps import sweep_of


def error_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Message of a command that fails with exit code 2."""
    assert main(words) == 2
    return capsys.readouterr().err.removeprefix("trtbench-tui: ")


# --- an unusable home --------------------------------------------------------------------------------------


def a_file(home: Path) -> None:
    home.write_text("")


def runs_are_a_file(home: Path) -> None:
    home.mkdir()
    (home / "runs").write_text("")


def a_link_to_itself(home: Path) -> None:
    home.symlink_to(home)


@pytest.mark.parametrize("make", [a_file, runs_are_a_file, a_link_to_itself])
@pytest.mark.parametrize(
    "words", ["ls", "show last", "sweeps ls", "trash ls", "run quickstart", "import x", ""]
)
def test_home_that_is_not_a_directory_is_refused(
    make: object,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert callable(make)
    make(tmp_path / "spoilt")
    monkeypatch.setenv("TRTBENCH_HOME", str(tmp_path / "spoilt"))
    assert str(tmp_path / "spoilt") in error_of(capsys, *words.split())


def test_home_of_an_unknown_user_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRTBENCH_HOME", "~no-such-user/x")
    assert error_of(capsys, "ls").startswith("~no-such-user/x: the home directory of this user is unknown")


def test_home_that_is_not_utf_8_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRTBENCH_HOME", f"{tmp_path}/caf\udce9")
    assert error_of(capsys, "ls").startswith(f"'{tmp_path}/caf\\udce9': the path is not UTF-8")


@pytest.mark.parametrize("make", [a_file, runs_are_a_file, a_link_to_itself])
def test_doctor_fails_if_runs_cannot_be_stored(
    make: Callable[[Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make(tmp_path / "spoilt")
    monkeypatch.setenv("TRTBENCH_HOME", str(tmp_path / "spoilt"))
    assert main(["doctor"]) == 1
    assert capsys.readouterr().out.startswith("FAIL  runs ")


def test_doctor_fails_if_the_disk_is_full(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("runner.util.disk.free_bytes", lambda _: 5 << 20)
    assert main(["doctor"]) == 1
    first, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("FAIL  runs ")
    assert first.endswith(" has 5 MiB left")


@pytest.mark.parametrize("words", ["metrics", "profiles list", "completion bash"])
def test_commands_without_runs_work_without_a_home(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_file(tmp_path / "spoilt")
    monkeypatch.setenv("TRTBENCH_HOME", str(tmp_path / "spoilt"))
    assert main(words.split()) == 0


# --- names -------------------------------------------------------------------------------------------------

NAMES = ["", "x" * 300, "~no-such-user/x", "\udcff\udcfe", "\x1b[31m", "a\nb", ",", "%s", "["]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "words",
    ["show {}", "attach {}", "stop {}", "replay {}", "tag {} +a", "note {} x", "rename {} x", "rm {} -y",
     "trash restore {}", "export {}", "archive {}", "import {}", "compare {} {}", "baseline set {}",
     "baseline clear {}", "sweeps show {}", "sweeps stop {}", "trend {}", "profiles show {}", "run {}"],
)  # fmt: skip
def test_unknown_name_is_refused(words: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended(figures=[figure()])
    trash.delete([ended("0002")])
    sentence = error_of(capsys, *(name if word == "{}" else word for word in words.split()))
    assert len(sentence.splitlines()) <= 3
    assert "\x1b" not in sentence


def test_sweep_instead_of_run_and_vice_versa_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    run, sweep = ended(), directory.create_sweep(sweep_of())
    for command in ("stop", "show", "export", "rm"):
        assert error_of(capsys, command, sweep.name[-4:]).splitlines() == [
            f"{sweep.name} is a sweep, but a run is needed",
            f"`trtbench-tui ls --unfold --filter sweep:{sweep.name[-4:]}` lists its runs; `trtbench-tui"
            " sweeps show`, `stop` and `resume` take a sweep",
        ]
    for command in ("show", "stop", "resume"):
        sentence = error_of(capsys, "sweeps", command, run.name)
        assert sentence.startswith(f"{run.name} is a run, but a sweep is needed")


def test_run_in_the_trash_suggests_restore(capsys: pytest.CaptureFixture[str]) -> None:
    run = ended()
    trash.delete([run])
    assert error_of(capsys, "show", "0001").splitlines() == [
        f"the run {run.name} is in the trash", "`trtbench-tui trash restore 0001` restores it"
    ]  # fmt: skip


# --- options that contradict each other ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "both"),
    [
        ("--svg latency --format csv", "--format or --svg"),
        ("--prometheus x.prom --format json", "--format or --prometheus"),
        ("--prometheus x.prom -o y.prom", "--output or --prometheus"),
        ("--iterations --requests", "--iterations or --requests"),
        ("--svg gpu --iterations", "--iterations or --svg"),
        ("--schema -o x.json", "--output or --schema"),
    ],
)
def test_contradicting_export_options_are_refused(
    words: str, both: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended()
    assert error_of(capsys, "export", "last", *words.split()) == f"export takes {both}, not both\n"


@pytest.mark.parametrize("words", ["export last -o", "archive last -o", "attach last --prometheus"])
def test_empty_file_name_is_refused(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended()
    with pytest.raises(SystemExit) as ended_with:
        main([*words.split(), ""])
    assert ended_with.value.code == 2
    assert "the name of the file is empty" in capsys.readouterr().err


def test_dash_means_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    ended()
    assert main(["export", "last", "--format", "md", "-o", "-"]) == 0
    assert capfdbinary.readouterr().out.startswith(b"**quickstart**")


# --- streams ------------------------------------------------------------------------------------------------


def in_a_shell(line: str) -> subprocess.CompletedProcess[str]:
    command = f"{sys.executable} -m tui.main {line}"
    return subprocess.run(
        command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ
    )


@pytest.mark.parametrize("words", ["ls", "ls --json", "show last", "trash ls"])
def test_output_on_a_full_disk(words: str) -> None:
    ended(figures=[figure()])
    answer = in_a_shell(f"{words} >/dev/full")
    assert answer.stderr == "trtbench-tui: the output cannot be written: No space left on device\n"
    assert answer.returncode == 2


@pytest.mark.parametrize("line", ["ls >&-", "show last >&- 2>&-", "attach last <&-", "ls <&- >&- 2>&-"])
def test_closed_streams_are_not_an_error(line: str) -> None:
    ended()
    answer = in_a_shell(line)
    assert (answer.returncode, "Traceback" in answer.stderr) == (0, False)


def test_full_stderr_does_not_change_the_exit_code() -> None:
    assert in_a_shell("show nope 2>/dev/full").returncode == 2


def test_settings_symlink_is_kept(tmp_path: Path) -> None:
    link = paths.settings_file()
    link.parent.mkdir(parents=True)
    (tmp_path / "kept.yaml").write_text("theme: dark\n")
    link.symlink_to(tmp_path / "kept.yaml")
    update(theme="light")
    assert link.is_symlink()
    assert (tmp_path / "kept.yaml").read_text().startswith("theme: light\n")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_closed_pipe_keeps_the_exit_code_of_a_failure(
    unbuffered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    ended(figures=[figure()])
    end, begin = os.pipe()
    os.close(end)
    words = ["check", "last", "--assert", "latency_ms < 1e-9"]
    command = [sys.executable, "-m", "tui.main", *words]
    try:
        answer = subprocess.run(command, cwd=ROOT, stdout=begin, check=False)
    finally:
        os.close(begin)
    assert answer.returncode == 5
