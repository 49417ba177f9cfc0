"""What `verify` finds in runs and archives that are sound, damaged or changed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runner import archive
from runner.cli.main import main
from runner.history import verification
from runner.run import layout
from runner.util import paths
from tests.support import recorded_runs


@pytest.fixture
def run_dir() -> Path:
    return recorded_runs.finished(2).write(paths.runs_dir())


def drop_line(run_dir: Path, kind: str) -> None:
    """Remove the second line of a kind from the log."""
    log = run_dir / layout.EVENTS
    lines = log.read_bytes().splitlines(keepends=True)
    del lines[[number for number, line in enumerate(lines) if json.loads(line)["kind"] == kind][1]]
    log.write_bytes(b"".join(lines))


def append(path: Path, content: bytes) -> None:
    with open(path, "ab") as file:
        file.write(content)


def change_number(run_dir: Path) -> None:
    report = json.loads((run_dir / layout.REPORT).read_text())
    report["configurations"][0]["rows"][0]["value"] += 1
    (run_dir / layout.REPORT).write_text(json.dumps(report))


def add_record(run_dir: Path) -> None:
    (run_dir / layout.RANKS / "0").mkdir(parents=True, exist_ok=True)
    append(run_dir / layout.RANKS / "0" / "0.jsonl", b'{"kind":"bye","t":1,"rank":0,"count":3}\n')


DAMAGE: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "file": (lambda run: (run / layout.REPRO).unlink(), "files", "missing, or not a regular file: repro.sh"),
    "mode": (lambda run: (run / layout.PLAN).chmod(0o666), "modes", "other users can change plan.json"),
    "line": (lambda run: append(run / layout.EVENTS, b"\x00\n"), "log", "cannot be decoded: line "),
    "cut": (
        lambda run: os.truncate(run / layout.EVENTS, 2000),
        "log",
        "no end, but report.json says finished",
    ),
    "end": (lambda run: append(run / layout.EVENTS, b"{"), "log", "does not end with the end of the run"),
    "iteration": (lambda run: drop_line(run, "iteration"), "records", "missing in the log: "),
    "record": (add_record, "ranks", "1 records are not in the log: 0.jsonl at 1"),
    "number": (change_number, "results", "report.json and the log differ: "),
}


def failures(run_dir: Path) -> dict[str, str]:
    return {check.name: check.text for check in verification.checks(run_dir) if check.verdict == "fail"}


def test_a_sound_run_and_its_archive_pass(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(paths.runs_dir().rglob("*"))
    assert main(["verify"]) == 0
    assert capsys.readouterr().out.endswith("\n0 fail, 0 warn, 6 pass\n")
    packed = archive.pack_run(run_dir, tmp_path).path
    assert main(["verify", str(packed)]) == 0
    assert capsys.readouterr().out.endswith("\n0 fail, 0 warn, 7 pass\n")
    assert sorted(paths.runs_dir().rglob("*")) == before


@pytest.mark.parametrize("what", DAMAGE)
def test_each_damage_is_named(run_dir: Path, what: str) -> None:
    damage, name, text = DAMAGE[what]
    damage(run_dir)
    assert text in failures(run_dir)[name]
    assert main(["verify", str(run_dir)]) == 1


def test_a_damaged_archive_is_one_failure(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = archive.pack_run(run_dir, tmp_path).path
    packed.write_bytes(packed.read_bytes()[:-100])
    assert main(["verify", str(packed)]) == 1
    assert "FAIL  archive  " in capsys.readouterr().out
