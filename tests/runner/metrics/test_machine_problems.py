"""Conditions of the machine that spoil numbers while they are measured."""

from __future__ import annotations

from runner import events as ev
from runner.metrics.machine_problems import MachineProblem, find_machine_problems
from runner.state.run import RunState
from tests.support import recorded_runs
from tests.support.recorder import Recorder


def problems(run: Recorder) -> list[MachineProblem]:
    state = RunState()
    state.apply_all(run.events)
    return find_machine_problems(state)


def kinds(run: Recorder) -> list[str]:
    return [problem.kind for problem in problems(run)]


def read_host(run: Recorder, seconds: int = 10, **changes: float) -> Recorder:
    for _ in range(seconds):
        fields = {"cpu_percent": 50.0, "memory_used": 13 << 30, "memory_total": 31 << 30, "load": 8.0}
        run.add(ev.Host(t=0, **(fields | changes)), 1)  # type: ignore[arg-type]
    return run


def test_a_quiet_machine_has_no_problem() -> None:
    run = read_host(recorded_runs.under_way(), waiting_percent=3.0, memory_waiting_percent=0.0)
    assert problems(run) == []


def test_waiting_for_a_cpu_is_judged_over_several_seconds() -> None:
    run = recorded_runs.under_way()
    run.starve(3)
    assert kinds(run) == [], "readings of three seconds decide nothing"
    run.starve(6)
    assert kinds(run) == ["cpu"]


def test_a_burst_that_spoiled_the_configuration_stays_reported() -> None:
    run = recorded_runs.under_way()
    run.starve(30, waiting=90)
    read_host(run, 12, waiting_percent=0.0)
    [problem] = problems(run)
    assert problem.text.endswith("waited for a CPU 64 % of the time of this configuration)")


def test_load_counts_where_the_kernel_reports_no_waiting() -> None:
    assert kinds(read_host(recorded_runs.under_way(), load=80.0)) == []
    [problem] = problems(read_host(recorded_runs.under_way(), load=130.0))
    assert problem.text.endswith("(load 130.0 on 64 cores)")


def test_steal_and_memory_pressure_are_problems() -> None:
    run = read_host(recorded_runs.under_way(), steal_percent=12.0, memory_waiting_percent=9.0)
    assert kinds(run) == ["steal", "memory"]
    assert "9 % of the last 10 s" in problems(run)[1].text
    full = read_host(recorded_runs.under_way(), memory_used=30 << 30)
    assert [problem.text for problem in problems(full)] == [
        "host memory is almost full: 30.0 of 31.0 GiB are in use"
    ]


def test_foreign_processes_on_the_gpus_of_the_run_are_named_once() -> None:
    run = recorded_runs.on_gpus(8, 2)
    for number in range(8):
        run.add(ev.GpuProcesses(t=0, gpu=f"GPU-{number}", when="before", pids=[4711]))
    [problem] = problems(run)
    assert problem.text == "GPUs 0-1 are shared: other processes compute there (pid 4711)"
    found = ev.ComputeProcess(pid=4711, user="alice", command="python3 train.py")
    run.add(ev.GpuProcessTable(t=0, gpu="GPU-0", processes=[found]))
    assert problems(run)[0].text.endswith("(pid 4711 of alice: python3 train.py)")
