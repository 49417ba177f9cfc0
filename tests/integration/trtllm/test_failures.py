"""Every failure of the stand-ins ends a run with one cause and remedy."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from runner import events as ev
from runner.run import liveness
from runner.supervision import stage as stage_run
from runner.util import processes
from tests import standins
from tests.integration.trtllm import support
from tests.integration.trtllm.support import only_benchmark, with_faults
from tests.runner.ranks.support import needs_mpi
from tests.support.runs import wait_for, wait_until_ended
from tests.support.slow import first_of

pytestmark = [needs_mpi, pytest.mark.mpi]

# fault -> how the sentence begins, and a word of the remedy
BUILDING = {
    "convert=no-module": ("the interpreter of the stage has no tensorrt_llm", "launch.python"),
    "convert=moe": ("the experts are not spread over exactly the ranks", "moe_tp_size"),
    "convert=conversion-failed": ("the conversion of the checkpoint failed", "first traceback"),
    "convert=oom": ("a GPU ran out of memory", "parallel.tp"),
    "convert=killed": ("the program was killed from outside (signal 9)", "ran out of memory"),
    "build=architecture": ("this version of TensorRT-LLM cannot build this model", "supported models"),
    "build=no-gpu": ("trtllm-build sees no GPU", "CUDA_VISIBLE_DEVICES"),
    "build=gpu-oom": ("a GPU ran out of memory", "build.max_batch_size"),
    "build=build-failed": ("TensorRT could not build the engine", "[E] line"),
    "build=killed": ("the program was killed from outside (signal 9)", "ran out of memory"),
}
LOADING = {
    "benchmark=pmi2": ("MPI could not start: under Slurm", "mpirun -n 1"),
    "benchmark=spawn": ("MPI could not start further processes", "mpi4py >= 4.0"),
    "benchmark=no-module": ("the interpreter of the stage has no tensorrt_llm", "launch.python"),
    "benchmark=mpi-size": ("the engine was built for another number of ranks", "parallel.tp"),
    "benchmark=gpu": ("the engine was built for another kind of GPU", "build the engine again"),
    "benchmark=trt-version": ("the engine was built with another version of TensorRT", "build the engine"),
    "benchmark=deserialize": ("the engine cannot be loaded", "build the engine again"),
    "benchmark=old-format": ("the engine directory holds a checkpoint", "trtllm-build wrote"),
    "benchmark=tensor-names": ("the engine was built by another version of TensorRT-LLM", "build the engine"),
    "smoke=executing": ("the engine failed while it generated", "batch_size"),
}
SEVERAL_RANKS = {
    "benchmark=shm@3": ("NCCL got no shared memory: /dev/shm is too small or full", "--ipc=host"),
    "benchmark=killed@3": ("the kernel killed a process", "host memory"),
    "benchmark=bus-error@3": ("crashed: Bus error", "--ipc=host"),
    "benchmark=segfault@3": ("crashed: Segmentation fault", "native library"),
}


def failure_of(folder: Path, faults: str, **changes: Any) -> tuple[Path, ev.Failure]:
    wanted = with_faults(folder, faults, **changes)
    run_dir, state = support.run(wanted)
    assert state.status == "failed"
    assert state.failure is not None
    return run_dir, state.failure


@pytest.mark.parametrize("fault", first_of(BUILDING))
def test_converting_and_building(tmp_path: Path, fault: str) -> None:
    begin, remedy = BUILDING[fault]
    _, failure = failure_of(tmp_path, fault, stages=["convert", "build"])
    assert begin in failure.cause
    assert remedy in failure.remedy
    assert failure.log == {"convert": "0-convert.log", "build": "1-build.log"}[fault.partition("=")[0]]


@pytest.mark.parametrize("fault", first_of(LOADING))
def test_loading(tmp_path: Path, fault: str) -> None:
    begin, remedy = LOADING[fault]
    stage = fault.partition("=")[0]
    given = {"engine_dir": support.engine(tmp_path)}
    _, failure = failure_of(tmp_path, fault, stages=[stage], paths=given)
    assert begin in failure.cause
    assert remedy in failure.remedy
    assert failure.log.endswith(f"-{stage}.log")


def test_an_exit_without_a_word(tmp_path: Path) -> None:
    run_dir, failure = failure_of(
        tmp_path, "benchmark=silent", stages=["benchmark"], paths={"engine_dir": support.engine(tmp_path)}
    )
    assert failure.cause.startswith("the program ended with exit code 1")
    assert failure.log in {path.name for path in run_dir.iterdir()}


@pytest.mark.parametrize(
    ("changes", "begin"),
    [
        pytest.param(
            {"plugin_config": {"multiple_profiles": True}},
            "the engine has several optimisation profiles",
            id="several profiles",
        ),
        pytest.param(
            {"dtype": "bfloat16"},
            "the engine was built for another dtype",
            id="dtype",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"ranks": 2},
            "the engine was built for several ranks, but every rank",
            id="ranks",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_an_engine_that_changed_after_the_plan(tmp_path: Path, changes: Any, begin: str) -> None:
    """A plan rejects known mismatches; others fail in the benchmark with a clear cause."""
    wanted = only_benchmark(
        tmp_path, benchmark={"dtype": "float16"}, launch={"mpirun": {"path": delayed(tmp_path)}}
    )
    run_dir = support.start(wanted)
    standins.make_engine(tmp_path / "engine", **changes)
    (tmp_path / "go").touch()
    state = wait_until_ended(run_dir)
    assert state.failure is not None
    assert begin in state.failure.cause
    assert state.failure.remedy


def delayed(folder: Path) -> str:
    """An mpirun that waits until the file `go` is there."""
    real = support.mpirun_path()
    program = folder / "mpirun"
    program.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = --version ] || until [ -e {folder}/go ]; do sleep 0.05; done\n'
        f'exec {real} "$@"\n'
    )
    program.chmod(0o755)
    return str(program)


# --- the handler of benchmark.py that fails itself ---------------------------------------------------------

IN_THE_LOOP = {
    "benchmark=oom@4": ("a GPU ran out of memory", "tried to allocate 20.00 GiB, 3.11 GiB of 23.65 GiB"),
    "benchmark=nccl@3": ("NCCL failed between the GPUs", "NCCL error: unhandled cuda error"),
}


@pytest.mark.parametrize("fault", first_of(IN_THE_LOOP))
def test_a_single_rank_that_would_hang_for_ever_is_ended(tmp_path: Path, fault: str) -> None:
    """After any error in its loop upstream waits for its memory monitor; the first error is the cause."""
    cause, first = IN_THE_LOOP[fault]
    gate = tmp_path / "the monitor runs"
    wanted = with_faults(
        tmp_path,
        fault,
        stages=["benchmark"],
        paths={"engine_dir": support.engine(tmp_path)},
        launch={"env": {"TRTLLM_STANDIN_FAULT_GATE": str(gate)}},
    )
    run_dir = support.start(wanted)
    # Both print it when they import tensorrt_llm: the rank, and later its monitor.
    banner = "TensorRT-LLM version: 0.16.0"
    wait_for(lambda: support.log_of(run_dir).count(banner) == 2, "the memory monitor")
    gate.touch()
    opened = time.monotonic()
    state = wait_until_ended(run_dir)

    assert "with_traceback() takes exactly one argument" in support.log_of(run_dir)
    assert state.failure is not None
    assert state.failure.cause.startswith(cause)
    assert first in state.failure.cause
    assert "with_traceback" not in state.failure.cause
    assert time.monotonic() - opened >= stage_run.HANG_S, "it had its chance to end by itself"
    said = "benchmark.py has failed and waits forever for its memory monitor to end; it was ended"
    assert said in support.notices(state)
    assert processes.find_tagged(run_dir.name) == []


@pytest.mark.parametrize("fault", first_of(SEVERAL_RANKS))
def test_several_ranks_end_by_themselves(tmp_path: Path, fault: str) -> None:
    begin, remedy = SEVERAL_RANKS[fault]
    _, failure = failure_of(
        tmp_path,
        fault,
        stages=["benchmark"],
        parallel={"tp": 2},
        paths={"engine_dir": str(standins.make_engine(tmp_path / "engine", ranks=2))},
        launch={"mpirun": {"args": ["--oversubscribe"]}},
    )
    assert begin in failure.cause
    assert remedy in failure.remedy


@pytest.mark.parametrize(
    "fault", first_of(["benchmark=killed@3", "benchmark=bus-error@3", "benchmark=segfault@3"])
)
def test_helpers_of_a_killed_rank_do_not_delay_the_end(tmp_path: Path, fault: str) -> None:
    """Upstream's memory monitor outlives the rank and keeps the launcher waiting forever."""
    begin, remedy = SEVERAL_RANKS[fault]
    run_dir, failure = failure_of(
        tmp_path, fault, stages=["benchmark"], paths={"engine_dir": support.engine(tmp_path)}
    )
    assert begin in failure.cause
    assert remedy in failure.remedy
    assert processes.find_tagged(run_dir.name) == []


@pytest.mark.parametrize("fault", first_of(["benchmark=hang@3", "benchmark=mpi-hang"]))
def test_what_hangs_silently_is_stopped_on_request(tmp_path: Path, fault: str) -> None:
    wanted = with_faults(
        tmp_path, fault, stages=["benchmark"], paths={"engine_dir": support.engine(tmp_path)}
    )
    run_dir = support.start(wanted)
    support.wait_for_stage(run_dir, "benchmark")
    liveness.request_stop(run_dir, "the test")
    state = wait_until_ended(run_dir)
    assert state.status == "stopped"
    assert processes.find_tagged(run_dir.name) == []


def test_an_engine_of_another_model_of_gpu_is_a_warning(tmp_path: Path) -> None:
    wanted = with_faults(
        tmp_path,
        "benchmark=other-model",
        stages=["benchmark"],
        paths={"engine_dir": support.engine(tmp_path)},
    )
    _, state = support.succeed(wanted)
    assert any(
        text.startswith("the engine was built on another model of GPU") for text in support.notices(state)
    )


def test_an_mpi_that_does_not_fit_the_launcher(tmp_path: Path) -> None:
    run_dir, state = support.run(
        only_benchmark(
            tmp_path,
            parallel={"tp": 2},
            paths={"engine_dir": str(standins.make_engine(tmp_path / "pair", ranks=2))},
            launch={"env": {"TRTLLM_STANDIN_MPI": "broken"}, "mpirun": {"args": ["--oversubscribe"]}},
        )
    )
    assert state.failure is not None, support.log_of(run_dir)
    assert state.failure.cause.startswith(
        "the engine was built for several ranks, but every rank sees only itself"
    )
    assert "mpi4py" in state.failure.remedy
