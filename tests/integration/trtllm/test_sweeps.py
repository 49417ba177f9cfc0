"""Sweeps that build engines: shared outputs, a failed build, and resuming after a stop."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.report.files import read_state
from runner.run import layout
from runner.run.layout import list_sweeps
from runner.sweep import board_text, control, directory
from runner.sweep.progress import SweepProgress
from runner.sweep.shared_artifacts import describe_shared_artifacts
from runner.sweep.spec import SweepSpec, axes_of
from runner.sweep.sweep_feed import SweepFeed
from tests import standins
from tests.integration.trtllm import support
from tests.runner.ranks.support import needs_mpi
from tests.support.runs import wait_for

pytestmark = [needs_mpi, pytest.mark.mpi]

MEASURED = {"batch_size": [1, 2], "num_runs": 2, "warm_up": 1}
STAGES = ["convert", "build", "benchmark"]


@pytest.fixture(autouse=True)
def no_sweep_left() -> Iterator[None]:
    yield
    for path in list_sweeps():
        control.stop_sweep(path, "the end of a test")


def frozen(folder: Path, *axes: str, repeat: int = 1, **changes: Any) -> SweepSpec:
    wanted = support.profile(folder, **support.merged({"stages": STAGES, "benchmark": MEASURED}, changes))
    return control.axis_sweep(wanted, axes_of(wanted, axes), repeat=repeat, gpu_hz=0)


def start(folder: Path, *axes: str, **further: Any) -> Path:
    return control.start_sweep(frozen(folder, *axes, **further))


def ended(path: Path) -> SweepProgress:
    wait_for(lambda: not control.is_running(path), "the end of the sweep")
    return control.read_progress(path)


def made(path: Path) -> list[tuple[str, str, str]]:
    """Of every run, in the order of starting: its cell, and what became of its checkpoint and its engine."""
    found = []
    for note in control.read_progress(path).runs.values():
        run_dir = layout.list_runs()[0].parent / note.run
        stages = support.stages(read_state(run_dir))
        found.append((cell(path, note.slot.cell), stages["convert"], stages.get("build", "not reached")))
    return found


def cell(path: Path, number: int) -> str:
    return " ".join(value for _, value in directory.load_sweep(path).cells[number].values)


def outcomes(progress: SweepProgress) -> dict[str, set[str]]:
    """By max_batch_size: how its configurations came out, in all repeats."""
    found: dict[str, set[str]] = {}
    for (slot, _), one in progress.results.items():
        found.setdefault(progress.sweep.cells[slot.cell].values[0][1], set()).add(one.outcome)
    return found


def builder(folder: Path, faults: dict[int, str], gate: Path | None = None) -> dict[str, Any]:
    """A profile's `launch` with a trtllm-build that meets a fault at some values of max_batch_size.

    With a gate, building for a batch of 4 takes a minute until that file exists.
    """
    tools = folder / "tools"
    tools.mkdir()
    cases = "".join(
        f'*"--max_batch_size {size} "*) export TRTLLM_STANDIN_FAULTS=build={fault};;\n'
        for size, fault in faults.items()
    )
    wait = f"[ -e {gate} ] || " if gate else "false && "
    slow = f'*"--max_batch_size 4 "*) {wait}export TRTLLM_STANDIN_BUILD_S=60;;\n'
    real = shlex.quote(str(standins.ROOT / "bin" / "trtllm-build"))
    program = tools / "trtllm-build"
    program.write_text(f'#!/bin/sh\ncase "$*" in\n{cases}{slow}esac\nexec {real} "$@"\n')
    program.chmod(0o755)
    return {"env": {"PATH": f"{tools}:{support.environment()['PATH']}"}}


def test_cells_share_checkpoints_and_engines(tmp_path: Path) -> None:
    axes = ("build.max_batch_size=2,4", "parallel.tp=1,2")
    assert (
        describe_shared_artifacts(frozen(tmp_path, *axes))
        == "to make, once for all runs: 2 x convert, 4 x build"
    )
    path = start(tmp_path, *axes)
    assert ended(path).status == "finished"
    assert made(path) == [
        ("2 1", "ok", "ok"),
        ("2 2", "ok", "ok"),
        ("4 1", "skipped", "ok"),
        ("4 2", "skipped", "ok"),
    ], "a checkpoint for every tp, an engine for every cell"
    notes = [note.ended for note in control.read_progress(path).runs.values()]
    assert all(note is not None and 0 < note.preparing < note.seconds for note in notes)
    more = frozen(tmp_path, "build.max_batch_size=2,8", "parallel.tp=1,2")
    assert (
        describe_shared_artifacts(more)
        == "to make, once for all runs: 2 x build; cached: 2 x convert, 2 x build"
    )
    feed = SweepFeed(path)
    feed.drain()
    assert [point.state for point in feed.board().points] == ["done"] * 8


@pytest.mark.slow
def test_a_failed_build_skips_its_cells_and_larger_ones(
    tmp_path: Path,
) -> None:
    faults = {2: "build-failed", 8: "gpu-oom"}
    gate = tmp_path / "gate"
    path = start(tmp_path, "build.max_batch_size=2,4,8,16", repeat=2, launch=builder(tmp_path, faults, gate))
    feed = SweepFeed(path)

    def building() -> bool:
        feed.drain()
        return feed.activity == "still in stage build" and cell(path, -1) == "16" and len(made(path)) == 2

    # Stopped in the middle of building its second engine.
    wait_for(building, "the second build")
    states = {point.label: (point.state, point.activity) for point in feed.board().points}
    assert states["max_batch_size 4 · batch 1"] == ("running", "build")
    assert states["max_batch_size 8 · batch 1"] == ("queued", "")
    assert control.stop_sweep(path, "a test").status == "stopped"
    feed.drain()
    assert feed.board().completed == 2, "what was cut off is measured again, so it is not settled"

    gate.touch()
    control.resume_sweep(path)
    progress = ended(path)

    assert progress.status == "finished"
    assert outcomes(progress) == {"2": {"failed"}, "4": {"done"}, "8": {"memory"}}
    assert made(path) == [
        ("2", "ok", "failed"),
        ("4", "skipped", "stopped"),
        ("4", "skipped", "ok"),
        ("8", "skipped", "failed"),
        ("4", "skipped", "skipped"),
    ], "what failed is built again neither by a resumption nor in a later repeat"
    feed.drain()
    said = board_text.render(feed.board(), 100)
    assert "failed: build: TensorRT could not build the engine" in said
    first = next(iter(progress.runs)).rpartition("_")[2]
    assert f"not tried again: run {first} failed to make the same (build: TensorRT" in " ".join(said.split())
    assert "out of memory: build: a GPU ran out of memory" in said
    assert "pruned: not tried: max_batch_size 8, in/out 8/6, batch 1 ran out of memory" in said


@pytest.mark.slow
@pytest.mark.slow
def test_a_resumption_that_repeats_what_failed_builds_again(tmp_path: Path) -> None:
    """Cells that would build the same engine are not tried either, unless asked for."""
    tools = builder(tmp_path, {2: "build-failed"})
    path = start(tmp_path, "benchmark.num_runs=2,3", build={"max_batch_size": 2}, launch=tools)
    progress = ended(path)
    assert outcomes(progress) == {"2": {"failed"}, "3": {"failed"}}
    assert made(path) == [("2", "ok", "failed")]

    (tmp_path / "tools" / "trtllm-build").unlink()
    control.resume_sweep(path, failed_too=True)
    assert outcomes(ended(path)) == {"2": {"done"}, "3": {"done"}}
    assert made(path)[1:] == [("2", "skipped", "ok"), ("3", "skipped", "skipped")]
