"""Making runs for tests: plans of small programs, and recorded logs from lists of events."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from runner import events as ev
from runner.engines.mpi import find_mpirun, launch_env, mpirun_argv
from runner.plan.plan import Configuration, Plan, Stage
from runner.report.files import read_state
from runner.run import layout
from runner.state.run import RunState
from runner.supervision import launch
from runner.util import paths
from tests.support.paths import TESTS
from tests.support.patience import PATIENCE_S

PROGRAM = TESTS / "support" / "programs" / "ranks.py"


def plan_of(
    argv: list[str], *, ranks: int = 1, devices: list[str] | None = None, env: dict[str, str] | None = None
) -> Plan:
    """A plan of one benchmark stage."""
    stage = Stage(name="benchmark", argv=argv, cwd="/", env=env or {}, ranks=ranks, reports=True)
    return Plan(
        engine="torch",
        profile="program",
        summary="a test program",
        stages=[stage],
        configurations=[Configuration(1, 8, 4)],
        devices=devices or [],
    )


def single(mode: str, *, devices: list[str] | None = None) -> Plan:
    """One rank of `programs/ranks.py`, without a launcher."""
    return plan_of([sys.executable, str(PROGRAM), mode], devices=devices)


def under_mpirun(mode: str, ranks: int = 2) -> Plan:
    """Ranks of `programs/ranks.py` under the real mpirun."""
    mpirun = find_mpirun(None, sys.executable)
    argv = [*mpirun_argv(mpirun, ranks), sys.executable, str(PROGRAM), mode]
    return plan_of(argv, ranks=ranks, env=launch_env(mpirun))


def start(plan: Plan) -> Path:
    """Start a run of a plan; returns its directory."""
    run_dir = paths.runs_dir() / layout.new_run_id(plan.profile)
    launch.launch(run_dir, plan, "name: program\n")
    return run_dir


_read: dict[Path, tuple[tuple[int, int], RunState]] = {}
"""size and inode of the log of a run when its state was read last, and the state"""


def state_of(run_dir: Path) -> RunState:
    """The state of a run; tests ask for it until something holds, so an unchanged log is not read again."""
    try:
        found = os.stat(run_dir / layout.EVENTS)
    except FileNotFoundError:
        return RunState()
    log = found.st_size, found.st_ino
    if run_dir not in _read or _read[run_dir][0] != log:
        if len(_read) > 8:
            _read.clear()
        _read[run_dir] = log, read_state(run_dir)
    return _read[run_dir][1]


def is_supervised(run_dir: Path) -> bool:
    """Whether some process holds the run's lock right now."""
    return layout.is_locked(run_dir)


def wait_for(
    condition: Callable[[], bool], what: str, timeout: float = PATIENCE_S, *, pause: float = 0.02
) -> None:
    """Wait until a condition holds; fails with what was waited for.

    Args:
        condition: is asked repeatedly.
        what: what is waited for.
        timeout: in seconds.
        pause: time between two questions, in seconds; longer for those that start a program.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:.0f} s in vain for {what}")
        time.sleep(pause)


def wait_until_ended(run_dir: Path, timeout: float = PATIENCE_S) -> RunState:
    """The state of a run once its last event is there and its supervisor is gone."""

    def over() -> bool:
        # The lock first: it is asked 50 times a second, and the state is the whole log.
        return not is_supervised(run_dir) and not state_of(run_dir).running

    wait_for(over, f"the end of {run_dir.name}", timeout)
    return state_of(run_dir)


def record(run_dir: Path, plan: Plan, log: Iterable[ev.Event]) -> Path:
    """A run directory with a recorded log, as if it had been run."""
    with layout.create_run_dir(run_dir, plan, "name: program\n"):
        pass
    (run_dir / layout.EVENTS).write_bytes(b"".join(ev.encode(event) for event in log))
    return run_dir
