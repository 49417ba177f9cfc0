"""The baseline of a profile: kept, shown, cleared, and beside the numbers of later runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from runner.cli.main import main
from runner.compare.against_baseline import with_baseline
from runner.history import baseline
from runner.history.reports import load_report
from runner.report import result_table
from runner.report.model import MetricCell, Report
from runner.run import layout
from tests.support.compared_runs import PROFILE, run, some

REPEATS = (0.998, 0.999, 1.0, 1.001, 1.002)


def five(level: float, letter: str, *, seed: int) -> list[Path]:
    return [
        run({1: some(level * factor, seed=seed + index)}, name=f"{letter}00{index}", second=seed + index)
        for index, factor in enumerate(REPEATS)
    ]


def row(found: Report, metric: str) -> MetricCell:
    return next(row for row in found.configurations[0].rows if row.metric == metric)


def test_it_is_set_shown_and_cleared(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    assert main(["baseline", "show"]) == 0
    assert "there is no baseline; `trtbench-tui baseline set RUN` sets one" in capsys.readouterr().out
    run_dir = run({1: some()}, name="aaaa")
    assert main(["baseline", "set", "aaaa"]) == 0
    assert capsys.readouterr().err == f"the baseline of p is {run_dir.name}\n"
    stored = json.loads((home / "state/baselines/p.json").read_text())
    assert (stored["schema"], stored["profile"], stored["runs"]) == (1, "p", [run_dir.name])
    main(["baseline", "show", "p"])
    assert capsys.readouterr().out.startswith(f"p  {run_dir.name}  set ")
    assert main(["baseline", "clear", "p"]) == 0
    assert baseline.find_baseline("p") is None
    assert capsys.readouterr().err == "p has no baseline now\n"
    assert main(["baseline", "clear", "p"]) == 2
    assert "there is no baseline of 'p'" in capsys.readouterr().err


def test_what_cannot_be_one_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run({1: some()}, name="aaaa", status="failed")
    assert main(["baseline", "set", "aaaa"]) == 2
    assert "is failed; only a finished run can be a baseline" in capsys.readouterr().err
    good = run({1: some()}, name="bbbb", second=1)
    shutil.copytree(good, tmp_path / "elsewhere")
    assert main(["baseline", "set", str(tmp_path / "elsewhere")]) == 2
    assert "is outside of the history" in capsys.readouterr().err
    (tmp_path / "home/state/baselines").write_text("a file where the folder should be")
    assert main(["baseline", "set", "bbbb"]) == 2
    assert "cannot write the baseline" in capsys.readouterr().err


def test_a_file_that_is_none_counts_as_none(home: Path) -> None:
    folder = home / "state/baselines"
    folder.mkdir(parents=True)
    (folder / "p.json").write_bytes(b'{"schema": 1, "prof')
    assert baseline.find_baseline("p") is None
    assert baseline.list_baselines() == []


def test_later_runs_are_held_against_it(capsys: pytest.CaptureFixture[str]) -> None:
    before = five(100, "a", seed=0)
    after = run({1: some(105, seed=40)}, name="bbbb", second=40)
    baseline.set_baseline(before)
    assert main(["show", "bbbb"]) == 0
    text = capsys.readouterr().out
    assert "vs baseline a000, a001, a002, a003, a004: 5 and 1 runs" in text
    (line,) = [line for line in text.splitlines() if line.startswith("latency, mean, ms")]
    assert line.endswith("% SLOWER")
    assert main(["show", "bbbb", "--json"]) == 0
    beside = json.loads(capsys.readouterr().out)
    assert beside["baseline"]["runs"] == [path.name for path in before]
    stored = json.loads((after / layout.REPORT).read_text())
    assert stored["baseline"] is None, "the run's own directory stays as it is"
    latency = row(with_baseline(load_report(after), after), "latency_ms")
    assert latency.versus is not None
    assert latency.versus.change == pytest.approx(0.05, abs=0.01)
    assert result_table.describe_change(latency.versus, 3).endswith("SLOWER")


def test_a_run_is_not_held_against_itself_nor_without_a_baseline() -> None:
    first = run({1: some()}, name="aaaa")
    found = load_report(first)
    assert with_baseline(found, first) is found
    baseline.set_baseline([first])
    assert with_baseline(found, first) is found


def test_an_unfair_comparison_gives_reasons_instead_of_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    baseline.set_baseline([run({1: some()}, name="aaaa")])
    other = run({1: some()}, name="bbbb", host="bench02", profile=PROFILE, second=1)
    found = with_baseline(load_report(other), other)
    assert all(row.versus is None for row in found.configurations[0].rows)
    assert result_table.describe_baseline(found) == (
        "not compared with the baseline aaaa: not the same machine: bench01 and bench02"
    )
    main(["show", "bbbb"])
    assert "vs baseline" not in capsys.readouterr().out


def test_a_baseline_whose_run_was_deleted_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    gone = run({1: some()}, name="aaaa")
    baseline.set_baseline([gone])
    shutil.rmtree(gone)
    later = run({1: some()}, name="bbbb", second=1)
    found = with_baseline(load_report(later), later)
    assert "the baseline of p cannot be used: run" in result_table.describe_baseline(found)
    main(["baseline", "show"])
    assert "(gone: its run was deleted)" in capsys.readouterr().out
