"""The commands `sweep`, `ab`, `run --repeat` and `sweeps`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner import preflight
from runner.cli import sweep_narration
from runner.cli.main import main
from runner.engines.check import Check
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.profile.yaml_file import to_yaml
from runner.run import layout
from runner.run.layout import list_sweeps
from runner.schema.base import Profile
from runner.sweep import control
from runner.sweep.directory import SweepBegun, SweepEnded
from runner.sweep.spec import Slot, SweepCell, SweepSpec
from runner.sweep.sweep_feed import SweepFeed
from tests.integration.trtllm_bench import support as bench
from tests.support.sweeps import LARGE, SMALL, TINY, recorded, settled, started, sweep_of, written

RUN = "20260101T000000Z_tiny_0001"


@pytest.fixture(autouse=True)
def no_sweep_left() -> Iterator[None]:
    yield
    for path in list_sweeps():
        control.stop_sweep(path, "the end of a test")


@pytest.fixture
def profile(tmp_path: Path) -> str:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return str(path)


def over() -> Path:
    """Directory of an ended sweep with one run."""
    recorded(RUN, {SMALL: [10.0] * 4})
    return written(
        sweep_of(1),
        SweepBegun(wall=1e9),
        started(Slot(0, 0), RUN, SMALL, LARGE),
        settled(Slot(0, 0), RUN, small="done", large="memory"),
        SweepEnded(wall=1e9 + 60, status="finished"),
    )


def in_flight(folder: Path, name: str) -> str:
    """Path of a profile whose runs take half a second."""
    made = bench.profile(
        folder,
        "1.2.1",
        name=name,
        dataset={"num_requests": 8},
        benchmark={"backend": "pytorch", "concurrency": [2, 4]},
    )
    path = folder / f"{name}.yaml"
    path.write_text(to_yaml(made))
    return str(path)


def test_sweep_from_preflight_to_final_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Profile] = []

    def check(profile: Profile) -> list[Check]:
        asked.append(profile)
        return [Check("GPUs", "pass", "enough of them")]

    monkeypatch.setattr(preflight, "check", check)
    name = in_flight(tmp_path, "small")
    code = main(["sweep", name, "--axis", "dataset.input_len=16,32", "--no-gpu", "--headless"])
    output = capsys.readouterr()
    assert code == 0
    assert len(asked) == 1, "cells with the same needs are checked once"
    assert "input_len 16: run " in output.err
    assert "  input_len 32, in/out 32/8, requests 8, concurrency 4: " in output.err
    assert output.out.startswith("small · trtllm-bench · 2 input_len x 2 concurrency · one run each\n")
    assert "4 of 4 measurements done" in output.out
    assert "* Pareto-optimal" in output.out


def test_ab_alternates_and_json_prints_every_entry(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    names = [in_flight(tmp_path, name) for name in ("tiny", "other")]
    assert main(["ab", *names, "--repeat", "2", "--no-gpu", "--force", "--json"]) == 0
    lines = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [line["cell"] for line in lines if line["kind"] == "started"] == [0, 1, 1, 0]
    assert lines[-2]["kind"] == "sweep"
    assert {point["metrics"]["output_tokens_per_sec"]["n"] for point in lines[-2]["points"]} == {2}
    assert (lines[-1]["kind"], len(lines[-1]["sides"])) == ("comparison", 2)
    profiles = [layout.load_plan(path).profile for path in layout.list_runs()]
    assert sorted(profiles) == ["other", "other", "tiny", "tiny"]


@pytest.mark.usefixtures("mpirun_that_only_plans")
def test_run_repeat_is_a_sweep_of_one_cell(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[SweepSpec] = []

    def start(sweep: SweepSpec) -> Path:
        asked.append(sweep)
        return over()

    monkeypatch.setattr(control, "start_sweep", start)
    assert main(["run", profile, "--repeat", "5", "--set", "model.seed=7", "--force", "--no-gpu"]) == 0
    (sweep,) = asked
    assert (len(sweep.cells), sweep.repeat, sweep.gpu_hz, sweep.kind) == (1, 5, 0.0, "repeat")
    assert not sweep.preflight, "--force also holds for the checks inside of jobs"
    assert "seed: 7" in sweep.cells[0].profile


@pytest.mark.usefixtures("mpirun_that_only_plans")
def test_dry_run_shows_the_cells_and_starts_nothing(profile: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["sweep", profile, "--axis", "parallel.tp=1,2", "--axis", "model.seed=1..2", "--dry-run"]
    assert main([*words, "--repeat", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].strip() == "1  tp 1 · seed 1: 2 configurations"
    assert lines[-1] == "8 runs, interleaved, one after the other"
    assert list_sweeps() == []


def test_dry_run_of_ab_shows_shared_artifacts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [in_flight(tmp_path, name) for name in ("small", "other")]
    assert main(["ab", *names, "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "   1  profile small: 2 configurations",
        "   2  profile other: 2 configurations",
        "6 runs, interleaved, one after the other",
        "to make, once for all runs: 2 x dataset",
    ]
    assert list_sweeps() == []


@pytest.mark.usefixtures("mpirun_that_only_plans")
def test_failing_preflight_check_starts_no_sweep(
    profile: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(preflight, "check", lambda profile: [Check("torch", "fail", "not there")])
    assert main(["sweep", profile, "--axis", "parallel.tp=2,4"]) == 2
    assert "tp 2: the run would fail:" in capsys.readouterr().err
    assert list_sweeps() == []


def test_cells_of_as_many_ranks_are_checked_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """tp 2 on its own is another thing to the checks than pp 2, though both are two ranks."""

    def check(checked: Profile) -> list[Check]:
        fails = isinstance(checked, BenchProfile) and checked.parallel.tp == 2 and checked.parallel.pp == 1
        return [Check("heads", "fail", "do not divide")] if fails else []

    monkeypatch.setattr(preflight, "check", check)
    axes = ["--axis", "parallel.tp=1,2", "--axis", "parallel.pp=2,1"]
    assert main(["sweep", in_flight(tmp_path, "b"), *axes, "--headless"]) == 2
    assert "tp 2 · pp 1: the run would fail:" in capsys.readouterr().err
    assert list_sweeps() == []


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["sweep", "quickstart"], "has no axes"),
        (["sweep", "quickstart", "--axis", "parallel.tp"], "expected PATH=V1,V2"),
        (["ab", "quickstart"], "two or more profiles"),
        (["sweeps", "show", "nope"], "there is no sweep 'nope'"),
        (["sweeps", "stop", "nope"], "there is no sweep 'nope'"),
        (["sweeps", "resume", "nope"], "there is no sweep 'nope'"),
        (["attach", "nope"], "there is no run 'nope'"),
    ],
)
def test_mistakes_are_one_sentence(words: list[str], error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert error in capsys.readouterr().err


def test_sweeps_ls_lists_sweeps_and_unreadable_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweeps", "ls"]) == 0
    assert "no sweeps yet" in capsys.readouterr().out
    path = over()
    broken = path.with_name("20260101T000000Z_broken_0001")
    broken.mkdir()
    main(["sweeps", "ls"])
    out = capsys.readouterr().out
    assert f"{path.name[-4:]}  finished  tiny  2/2" in out
    assert f"{broken}: not a sweep" in out
    main(["sweeps", "ls", "--json"])
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["status"] == "finished"
    broken.rmdir()


def test_show_and_attach_print_the_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    path = over()
    assert main(["sweeps", "show", "last", "--metric", "latency_ms"]) == 0
    out = capsys.readouterr().out
    assert "latency, mean, ms" in out
    assert "tokens per second" not in out
    assert "out of memory: why memory" in out
    assert main(["attach", path.name[-4:]]) == 0
    assert "* Pareto-optimal" in capsys.readouterr().out
    assert main(["sweeps", "show", "last", "--metric", "latency_ms.p95"]) == 0
    assert "p95, ms" in capsys.readouterr().out
    assert main(["sweeps", "show", "last", "--metric", "latncy_ms"]) == 2
    assert "there is no metric 'latncy_ms' (did you mean latency_ms?)" in capsys.readouterr().err


def test_stop_and_resume_of_an_ended_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    over()
    assert main(["sweeps", "stop", ""]) == 2
    assert "there is no sweep ''" in capsys.readouterr().err
    assert main(["sweeps", "stop", "last"]) == 0
    assert "has already ended: finished" in capsys.readouterr().err
    assert main(["sweeps", "resume", "last"]) == 2
    assert "there is nothing left to measure" in capsys.readouterr().err


def test_runs_of_a_single_cell_are_named_by_repeat() -> None:
    cell = SweepCell(number=0, values=(), profile=TINY, configurations=[SMALL])
    sweep = SweepSpec(name="s", engine="torch", created=1e9, axes=[], cells=[cell], repeat=2)
    entry = started(Slot(0, 1), "20260101T000000Z_tiny_7f3a", SMALL)
    feed = SweepFeed(written(sweep, SweepBegun(wall=1e9), entry))
    assert sweep_narration._sentences(feed, entry) == ["repeat 2 of 2: run 7f3a"]
