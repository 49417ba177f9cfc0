"""Every failure of trtllm-bench ends a run with one cause and remedy, and leaves no process."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from runner.history.reports import load_report
from runner.report.files import read_state
from runner.run import layout, liveness
from runner.supervision.launch import start
from runner.util import processes
from tests.integration.trtllm.support import log_of, wait_for_stage
from tests.integration.trtllm_bench.support import faulty, profile, run
from tests.support.runs import wait_for, wait_until_ended
from tests.support.slow import first_of

PYTORCH: dict[str, Any] = {"backend": "pytorch", "concurrency": [4]}

FAULTS = {
    "prte": ("trtllm-bench could not spawn its ranks: Open MPI's launcher", "SLURM_"),
    "spawn": ("trtllm-bench could not spawn its ranks through MPI", "mpi4py"),
    "slurm": ("trtllm-bench could not spawn its ranks: under Slurm", "srun"),
    "gated": ("the model could not be downloaded", "HF_TOKEN"),
    "oom": ("a GPU ran out of memory", "kv_cache_free_gpu_mem_fraction"),
    "failed": ("requests failed while they were measured", "max_num_tokens"),
}


@pytest.mark.parametrize("fault", first_of(FAULTS))
def test_a_failure_is_told_with_what_to_do(tmp_path: Path, fault: str) -> None:
    begin, remedy = FAULTS[fault]
    run_dir, state = run(faulty(tmp_path, "1.2.1", fault, benchmark=PYTORCH))
    assert state.status == "failed"
    assert state.failure is not None
    assert state.failure.cause.startswith(begin)
    assert remedy in state.failure.remedy
    assert state.failure.log == "1-benchmark.log"
    assert (run_dir / state.failure.log).exists()


MISBEHAVED = {
    "crash@load": "the program crashed: Segmentation fault",
    "crash@measure": "the program crashed: Segmentation fault",
    "garbage": "the program ended with exit code 1; its last line: ValueError: the first cause",
    "no-report": "the benchmark ended with exit code 0 but printed no result",
    "cut-report": "the benchmark ended with exit code 0 but printed no result",
    "no-requests": "the benchmark ended with exit code 0 but printed no result: trtllm-bench reports that it"
    " measured no request",
}


@pytest.mark.parametrize("version", first_of(["1.2.1", "0.16.0"]))
@pytest.mark.parametrize("fault", first_of(MISBEHAVED))
def test_a_tool_that_misbehaves_is_a_failed_run_with_one_cause(
    tmp_path: Path, fault: str, version: str
) -> None:
    benchmark = {} if version == "0.16.0" else PYTORCH
    run_dir, state = run(faulty(tmp_path, version, fault, benchmark=benchmark))
    assert state.status == "failed"
    assert state.failure is not None
    assert state.failure.cause == MISBEHAVED[fault]
    assert load_report(run_dir).cause == MISBEHAVED[fault]
    assert not processes.find_tagged(run_dir.name)


def test_a_flood_of_output_keeps_the_first_cause(tmp_path: Path) -> None:
    much = {"env": {"TRTLLM_STANDIN_FLOOD_MIB": "20"}}
    run_dir, state = run(faulty(tmp_path, "1.2.1", "flood", benchmark=PYTORCH, launch=much))
    assert state.failure is not None
    assert state.failure.cause == "requests failed while they were measured"
    assert (run_dir / state.failure.log).stat().st_size > 19 << 20
    assert (run_dir / layout.EVENTS).stat().st_size < 1 << 20, "nothing of it is in the log of events"


def test_an_option_the_installed_tool_does_not_have(tmp_path: Path) -> None:
    wanted = profile(tmp_path, "1.2.1", benchmark=PYTORCH | {"extra_args": ["--no_such_option", "1"]})
    _, state = run(wanted)
    assert state.failure is not None
    assert state.failure.cause.startswith("trtllm-bench was given an option that this version of it does not")


def test_a_tool_that_hangs_before_its_report_is_ended(tmp_path: Path) -> None:
    benchmark = PYTORCH | {"shutdown_timeout": 1}
    _, state = run(faulty(tmp_path, "1.2.1", "hang-at-stop", benchmark=benchmark))
    assert state.failure is not None
    assert state.failure.cause.startswith("the benchmark did not stop its backend within 1 s")
    assert "iteration_log: false" in state.failure.remedy


def test_a_tool_that_hangs_after_its_report_has_measured(tmp_path: Path) -> None:
    benchmark = PYTORCH | {"shutdown_timeout": 1}
    run_dir, state = run(faulty(tmp_path, "1.2.1", "hang-after-report", benchmark=benchmark))
    assert state.status == "finished", (state.failure, log_of(run_dir))
    (said,) = [notice.text for notice in state.notices if "did not report and end within 1 s" in notice.text]
    assert "its report was complete" in said
    assert said in load_report(run_dir).flags


@pytest.mark.parametrize("where", first_of(["measure", "load"]))
def test_stopping_leaves_nothing_of_the_ranks_it_spawned(tmp_path: Path, where: str) -> None:
    run_dir = start(
        faulty(tmp_path, "1.2.1", f"hang@{where}", benchmark=PYTORCH, parallel={"tp": 2}), gpu_hz=0
    )
    wait_for_stage(run_dir, "benchmark")
    members = processes.RunProcesses(run_dir.name, run_dir / layout.PROCESSES)
    wait_for(lambda: len(members.alive()) >= 3, "the tool and two ranks")
    liveness.request_stop(run_dir, "a test")
    state = wait_until_ended(run_dir)
    assert state.status == "stopped"
    assert not members.alive()


def test_a_hang_while_loading_is_not_a_hang_at_the_end(tmp_path: Path) -> None:
    wanted = faulty(tmp_path, "1.2.1", "hang@load", benchmark=PYTORCH | {"shutdown_timeout": 1})
    run_dir = start(wanted, gpu_hz=0)
    wait_for_stage(run_dir, "benchmark")
    began = time.monotonic()
    wait_for(lambda: time.monotonic() > began + 2, "longer than it may take to end")
    assert read_state(run_dir).running
    liveness.request_stop(run_dir, "a test")
    assert wait_until_ended(run_dir).status == "stopped"
