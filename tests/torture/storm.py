"""A storm of signals: runs whose processes are hit at random moments, with everything checked after each."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from runner import paths
from runner.engines.mpi import LAUNCHERS
from runner.plan.plan import Plan
from runner.run import layout, liveness
from runner.run.device_locks import DeviceLocks
from runner.util import processes
from runner.util.processes import ProcessIdentity
from tests.standins import nvml
from tests.support.paths import ROOT
from tests.support.runs import is_supervised, start, state_of
from tests.support.terminal import Terminal
from tests.torture import invariants
from tests.torture.launchers import Launcher
from tests.torture.scenario import SIGNALS, Scenario, draw

DEVICE = "torture"
POLL_S = 0.1
PATIENCE_S = 600.0
"""Ends only a wait that is in vain: a storm next to others may wait minutes for a processor."""
STOPPED_S = 0.3
"""How long a process is stopped before it is killed."""
_ATTACH = "import sys; from tui.main import main; sys.exit(main(sys.argv[1:]))"
_START = "import sys, msgspec; from runner.plan.plan import Plan; from tests.support.runs import start\
; start(msgspec.json.decode(sys.argv[1], type=Plan))"
_DEADLY = ("KILL", "STOP+KILL")


@dataclass
class Tally:
    """The figures of a storm."""

    struck: int = 0
    """scenarios whose victim got the signal"""
    missed: int = 0
    """scenarios whose victim had ended, or had not started"""
    gaps: int = 0
    """processes that were left where that is not promised"""
    problems: list[str] = field(default_factory=list)


def storm(
    seed: int, launchers: Sequence[Launcher], is_over: Callable[[], bool], *, first: int = 0
) -> Iterator[Tally]:
    """Strike runs until a time is over; yields the tally after each."""
    tally = Tally()
    number = first
    while not is_over():
        scenario = draw(number, seed, launchers)
        number += 1
        try:
            problems = _strike(scenario)
        except (AssertionError, TimeoutError) as error:
            problems = [str(error)]
        if problems is None:
            tally.missed += 1
        else:
            tally.struck += 1
            gaps = [one for one in problems if invariants.is_known_gap(one, scenario.victim, scenario.mode)]
            tally.gaps += len(gaps)
            tally.problems += [f"{scenario}: {problem}" for problem in problems if problem not in gaps]
        yield tally


def _strike(scenario: Scenario) -> list[str] | None:
    """Do one scenario; returns what does not hold afterwards, None without a victim."""
    plan = scenario.launcher.plan(scenario.mode, [DEVICE])
    if scenario.victim == "starter":
        return _strike_starter(scenario, plan)
    with contextlib.ExitStack() as at_end:
        holder = DeviceLocks("holder")
        at_end.callback(holder.release)
        if scenario.moment == "queue" and (busy := holder.take([DEVICE])):
            return [f"{DEVICE} is taken by {busy.holder} before the run"]
        if scenario.victim == "telemetry":
            at_end.enter_context(_gpus())
        run_dir = start(plan)
        terminal = _attach(run_dir) if scenario.victim == "terminal" else None
        if terminal is not None:
            at_end.callback(terminal.close)
        _wait_for_moment(scenario, run_dir)
        supervisor = liveness.read_owner(run_dir)
        assert supervisor is not None, f"{run_dir} has no supervisor"
        members = set(processes.descendants(supervisor.pid))
        victim = terminal.process.pid if terminal is not None else _victim(scenario, run_dir)
        if victim is None or processes.start_time(victim) is None:
            holder.release()
            _wait_until_over(run_dir)
            return None
        _hit(victim, scenario.blow)
        if scenario.victim != "supervisor" or scenario.blow not in _DEADLY:
            holder.release()
        _wait_until_over(run_dir)
    return _check(run_dir, plan, members, _allowed(scenario))


@contextlib.contextmanager
def _gpus() -> Iterator[None]:
    """Let runs that start in the block read GPUs that a library without a driver shows."""
    with tempfile.TemporaryDirectory() as folder:
        before = dict(os.environ)
        os.environ |= {"LD_LIBRARY_PATH": str(nvml.build(Path(folder))), "TRTBENCH_TELEMETRY": "always"}
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def _strike_starter(scenario: Scenario, plan: Plan) -> list[str] | None:
    """Hit the process that starts a run; there is then a complete run, or none."""
    known = set(layout.list_runs())
    arguments = [sys.executable, "-c", _START, msgspec.json.encode(plan).decode()]
    starter = subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.DEVNULL)
    time.sleep(scenario.delay)
    _hit(starter.pid, scenario.blow)
    starter.wait()
    problems: list[str] = []
    for run_dir in set(layout.list_runs()) - known:
        if (run_dir / layout.PLAN).exists():
            _wait_until_over(run_dir)
            problems += _check(run_dir, plan, set(), {"finished", "lost", "stopped"})
    return problems


def _attach(run_dir: Path) -> Terminal:
    return Terminal([sys.executable, "-c", _ATTACH, "attach", str(run_dir)], env={"PYTHONPATH": str(ROOT)})


def _wait_for_moment(scenario: Scenario, run_dir: Path) -> None:
    def has_come() -> bool:
        state = state_of(run_dir)
        reached = {
            "start": scenario.victim in ("supervisor", "terminal") or _victim(scenario, run_dir) is not None,
            "queue": state.status == "queued",
            "middle": bool(state.configurations),
            "stop": bool(state.configurations),
            "end": state.results > 0,
        }
        return reached[scenario.moment] or not state.running

    _wait(has_come, f"{scenario.moment} of {run_dir.name}")
    if scenario.moment == "stop" and is_supervised(run_dir):
        liveness.request_stop(run_dir, "a storm")
    time.sleep(scenario.delay)


def _victim(scenario: Scenario, run_dir: Path) -> int | None:
    """Return the process to hit; None: there is none now."""
    owner = liveness.read_owner(run_dir)
    if scenario.victim == "supervisor" or owner is None:
        return owner.pid if owner is not None else None
    below = [pid for pid, _ in processes.descendants(owner.pid)]
    if scenario.victim == "launcher":
        return next((pid for pid in below if processes.name(pid) in LAUNCHERS), None)
    if scenario.victim == "telemetry":
        return next((pid for pid in below if _reads_gpus(pid)), None)
    ranks = [rank.hello.pid for rank in state_of(run_dir).ranks.values() if rank.hello is not None]
    return ranks[-1] if ranks else None


def _reads_gpus(pid: int) -> bool:
    try:
        return f"/{layout.TELEMETRY}".encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _hit(pid: int, blow: str) -> None:
    for number, pause in zip(SIGNALS[blow], (0.0, STOPPED_S), strict=False):
        time.sleep(pause)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _wait_until_over(run_dir: Path) -> None:
    _wait(lambda: not _has_supervisor(run_dir), f"the end of {run_dir.name}")


def _wait(condition: Callable[[], bool], what: str) -> None:
    """Wait for a state without taking the processors from the run."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:.0f} s in vain for {what}"
        time.sleep(POLL_S)


def _has_supervisor(run_dir: Path) -> bool:
    owner = liveness.read_owner(run_dir)
    return is_supervised(run_dir) or (
        owner is not None and processes.start_time(owner.pid) == owner.start_time
    )


def _allowed(scenario: Scenario) -> set[str]:
    """Return how a run may end."""
    stopped = {"stopped"} if scenario.moment == "stop" else set()
    if scenario.victim == "supervisor":
        if scenario.blow in _DEADLY:
            return {"lost", "finished", "failed", "stopped"}
        stopped |= {"stopped"} if scenario.blow == "TERM" else set()
        return {"finished"} | stopped
    if scenario.victim in ("telemetry", "terminal"):
        return {"finished"} | stopped
    return {"failed", "finished"} | stopped


def _check(run_dir: Path, plan: Plan, members: set[ProcessIdentity], allowed: set[str]) -> list[str]:
    problems = [
        *invariants.at_first_look(run_dir, allowed, plan),
        *invariants.nothing_is_left(run_dir, members, DEVICE),
        *invariants.nothing_is_lost(run_dir),
    ]
    if not problems:
        shutil.rmtree(run_dir)  # a long storm must not fill the disk
    return [f"{problem} ({run_dir})" for problem in problems]


def leftovers() -> list[str]:
    """Return what a whole storm has left in the folders of this machine."""
    temporary = os.listdir(os.environ["TMPDIR"])
    locks = Path(paths.device_locks_override() or "/nonexistent")
    return [*temporary, *(os.listdir(locks) if locks.exists() else ())]
