"""`run -d`, `logs`, `wait`, the last run as default, and unknown commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.cli import run_command
from runner.cli.main import main
from runner.util import paths
from tests.support import recorded_runs, recorder
from tests.support.runs import single, start, wait_until_ended


def recorded(run: recorder.Recorder) -> Path:
    paths.runs_dir().mkdir(parents=True, exist_ok=True)
    return run.write(paths.runs_dir())


@pytest.mark.usefixtures("mpirun_that_only_plans")
def test_detached_run_prints_its_id_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = start(single("ok"))
    monkeypatch.setattr("runner.supervision.launch.start", lambda profile, **options: run_dir)
    monkeypatch.setattr(run_command, "check_preflight", lambda profile: None)
    assert main(["run", "quickstart", "-d"]) == 0
    assert capsys.readouterr().out == f"{run_dir.name}\n"
    wait_until_ended(run_dir)
    assert main(["run", "quickstart", "-d", "--assert", "latency_ms < 1"]) == 2
    assert "--assert needs the end of the run" in capsys.readouterr().err


def test_wait_returns_the_exit_code_of_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = start(single("short"))
    assert main(["wait"]) == 0
    assert capsys.readouterr().err == f"{run_dir.name} finished\n"
    assert main(["wait", recorded(recorded_runs.failed()).name]) == 1


def test_logs_prints_the_output_of_all_stages_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = recorded(recorded_runs.failed())
    for number, name in ((2, "smoke"), (10, "benchmark")):
        (run_dir / f"{number}-{name}.log").write_text(f"{name}\n\x1erecord\nno newline")
    (run_dir / "0-benchmark.log").write_text("first, WANDB_API_KEY=0123456789ab\n")
    assert main(["logs"]) == 0
    assert (
        capsys.readouterr().out == "first, WANDB_API_KEY=(withheld)\nsmoke\nno newlinebenchmark\nno newline"
    )


def test_logs_masks_the_lines_of_a_secret_of_several(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOY_KEY", "-----BEGIN KEY-----\nb3BlbnNzaC1rZXktdjE\n")
    run_dir = recorded(recorded_runs.failed())
    (run_dir / "0-benchmark.log").write_text("-----BEGIN KEY-----\nb3BlbnNzaC1rZXktdjE\ndone\n")
    assert main(["logs"]) == 0
    assert capsys.readouterr().out == "(withheld)\n(withheld)\ndone\n"


def test_logs_follows_a_run_to_its_end(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    run_dir = start(single("short"))
    assert main(["logs", "-f"]) == 0
    wait_until_ended(run_dir)
    written = b"".join(path.read_bytes() for path in sorted(run_dir.glob("[0-9]*-*.log")))
    shown = [line for line in written.splitlines(keepends=True) if b"\x1e" not in line]
    assert capfdbinary.readouterr().out == b"".join(shown)


def test_the_last_run_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    recorded(recorded_runs.finished())
    assert main(["show"]) == 0
    assert "latency, mean, ms" in capsys.readouterr().out


@pytest.mark.parametrize(("word", "nearest"), [("atach", "attach"), ("shwo", "show"), ("comp", "compare")])
def test_unknown_command_names_the_nearest_three(
    word: str, nearest: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--theme", "dark", word]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"trtbench-tui: there is no command {word!r}; the nearest are ")
    names = error.splitlines()[0].rpartition(" are ")[2].split(", ")
    assert len(names) == 3
    assert nearest in names
