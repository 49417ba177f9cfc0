"""Sweeps of trtllm-bench, and alternating profiles of different engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.cli.main import main
from runner.profile.yaml_file import to_yaml
from runner.report.files import read_state
from runner.run import layout
from runner.schema.base import Profile
from runner.sweep import control
from runner.sweep.spec import axes_of
from runner.sweep.sweep_feed import SweepFeed
from tests.integration.trtllm import support as static
from tests.integration.trtllm_bench.support import profile
from tests.runner.ranks.support import needs_mpi
from tests.support.runs import wait_for
from tests.support.sweeps import TINY

IN_FLIGHT = {"backend": "pytorch", "concurrency": [2, 4], "streaming": True}


SIDE_BY_SIDE = "side by side: 4 at a time, 8 in, 6 out"


def written(folder: Path, wanted: Profile) -> str:
    path = folder / f"{wanted.name}.yaml"
    path.write_text(to_yaml(wanted))
    return str(path)


def test_all_concurrencies_in_a_run_and_requests_shared(tmp_path: Path) -> None:
    wanted = profile(tmp_path, "1.2.1", benchmark=IN_FLIGHT, dataset={"num_requests": 8})
    axes = axes_of(wanted, ["benchmark.concurrency=2,4", "dataset.input_len=16,32"])
    path = control.start_sweep(control.axis_sweep(wanted, axes, repeat=2, gpu_hz=0))
    wait_for(lambda: not control.is_running(path), "the end of the sweep")

    states = [read_state(run) for run in layout.list_runs()]
    # Not by their names, which know seconds only.
    states.sort(key=lambda state: state.started.t if state.started else 0)
    made = [static.stages(state)["dataset"] for state in states]
    assert made == ["ok", "ok", "skipped", "skipped"], "requests of each length, for both repeats"
    feed = SweepFeed(path)
    feed.drain()
    board = feed.board()
    assert [(axis.title, axis.values) for axis in board.axes] == [
        ("input_len", ("16", "32")),
        ("concurrency", ("2", "4")),
    ]
    assert {(point.state, point.numbers["output_tokens_per_sec"].n) for point in board.points} == {
        ("done", 2)
    }


@needs_mpi
@pytest.mark.mpi
@pytest.mark.slow
def test_profiles_of_three_engines_in_turn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shape = {"batch_size": [4], "input_output_len": [[8, 6]], "num_runs": 3, "warm_up": 1}
    requests = {"input_len": 8, "output_len": 6, "num_requests": 8}
    torch = tmp_path / "tiny.yaml"
    torch.write_text(TINY.replace("[1, 2]", "[4]").replace("[[8, 8]]", "[[8, 6]]"))
    names = [
        written(tmp_path, static.only_benchmark(tmp_path, benchmark=shape)),
        written(tmp_path, profile(tmp_path, "1.2.1", benchmark=IN_FLIGHT, dataset=requests)),
        str(torch),
    ]
    assert main(["ab", *names, "--repeat", "1", "--no-gpu", "--force", "--headless"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("small-vs-small-bench-vs-tiny · trtllm, trtllm-bench, torch · ")
    assert "A → B: not comparable" in said
    assert "A → C: not comparable" in said
    assert "not the same quantity" in said
    assert "A and B have no configuration in common: they are side by side below" in said
    lines = said.splitlines()
    heads, shapes = lines[lines.index(SIDE_BY_SIDE) + 1 :][:2]
    assert heads.split() == ["A", "trtllm", "B", "trtllm-bench", "C", "torch"]
    assert "batch 4 8→6  concurrency 4 8→6  batch 4 8→6" in shapes
