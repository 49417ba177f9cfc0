"""A storm of signals: runs whose processes are hit at random moments, with everything checked after each."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from runner.engines.mpi import LAUNCHERS
from runner.history.stop import stop_run
from runner.plan.plan import Plan
from runner.run import layout, liveness
from runner.run.device_locks import DeviceLocks
from runner.supervision import launch
from runner.util import paths, processes
from runner.util.processes import ProcessIdentity
from tests.standins import nvml
from tests.support.paths import ROOT
from tests.support.programs.ranks import STORM
from tests.support.runs import is_supervised, state_of
from tests.torture import gpu, invariants, screens
from tests.torture.launchers import ENGINES, Launcher
from tests.torture.scenario import SCREENS, SIGNALS, VICTIMS, Scenario, draw

DEVICE = "torture"
POLL_S = 0.1
PATIENCE_S = 600.0
"""Ends only a wait that is in vain: a storm next to others may wait minutes for a processor."""
STOPPED_S = 0.3
"""How long a process is stopped before it is killed."""
_PROFILE = "name: storm\n"
_START = (
    "import sys, msgspec; from pathlib import Path; from runner.plan.plan import Plan;"
    " from runner.supervision import launch; run_dir = Path(sys.argv[1]);"
    " plan = msgspec.json.decode(sys.argv[2], type=Plan);"
    f" launch.launch(run_dir, plan, {_PROFILE!r})"
)
_WATCH = f"{_START}; from tui.main import main; sys.exit(main(['attach', str(run_dir)]))"
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
    kinds: Counter[str] = field(default_factory=Counter)
    """signals that hit, by victim, signal, launcher and ranks"""
    gpu_ms: int = 0
    """longest time until the memory of a GPU was back, ms"""
    problems: list[str] = field(default_factory=list)


def storm(
    seed: int,
    launchers: Sequence[Launcher],
    is_over: Callable[[], bool],
    *,
    modes: Sequence[str] = STORM,
    first: int = 0,
) -> Iterator[Tally]:
    """Strike runs until a time is over; yields the tally after each."""
    tally = Tally()
    victims = [victim for victim in VICTIMS if not why_not(victim)]
    number = first
    while not is_over():
        scenario = draw(number, seed, launchers, modes, victims)
        number += 1
        try:
            problems = _strike(scenario, tally)
        except (AssertionError, TimeoutError, subprocess.CalledProcessError) as error:
            problems = [str(error)]
            _stop_all()
        if problems is None:
            tally.missed += 1
        else:
            tally.struck += 1
            tally.kinds.update((scenario.victim, scenario.blow, scenario.launcher.name, scenario.mode))
            gaps = [one for one in problems if invariants.is_known_gap(one, scenario.victim, scenario.mode)]
            tally.gaps += len(gaps)
            tally.problems += [f"{scenario}: {problem}" for problem in problems if problem not in gaps]
        yield tally


def why_not(victim: str) -> str:
    """Return why a victim cannot be had here; empty: it can."""
    if victim == "telemetry":
        return "" if nvml.compiler() is not None else "the stand-in for NVML needs a C compiler"
    return screens.why_not(victim)


def _strike(scenario: Scenario, tally: Tally) -> list[str] | None:
    """Do one scenario; returns what does not hold afterwards, None without a victim."""
    run_dir = paths.runs_dir() / layout.new_run_id("storm")
    plan = scenario.launcher.plan(scenario.mode, [DEVICE], run_dir)
    if scenario.victim == "starter":
        return _strike_starter(scenario, plan, run_dir)
    with contextlib.ExitStack() as at_end:
        holder = DeviceLocks("holder")
        at_end.callback(holder.release)
        if scenario.moment == "queue" and (busy := holder.take([DEVICE])):
            return [f"{DEVICE} is taken by {busy.holder} before the run"]
        if scenario.victim == "telemetry":
            at_end.enter_context(_gpus())
        screen = None
        if scenario.victim in SCREENS:
            mark = f"screen-of-{run_dir.name}"
            words = [sys.executable, "-c", _WATCH, str(run_dir), msgspec.json.encode(plan).decode(), mark]
            screen = at_end.enter_context(screens.opened(scenario.victim, words, mark))
            _wait(lambda: liveness.read_owner(run_dir) is not None, f"the start of {run_dir.name}")
        else:
            launch.launch(run_dir, plan, _PROFILE)
        _wait_for_moment(scenario, run_dir)
        supervisor = liveness.read_owner(run_dir)
        assert supervisor is not None, f"{run_dir} has no supervisor"
        members = set(processes.descendants(supervisor.pid))
        watching = screen.find_program() if screen is not None else []
        victim = screen.find_victim() if screen is not None else _victim(scenario, run_dir)
        if victim is None or processes.start_time(victim) is None:
            holder.release()
            _wait_until_over(run_dir)
            return None
        _hit(victim, scenario.blow)
        allowed = _allowed(scenario)
        if supervisor.pid in {pid for pid, _ in watching}:
            allowed.add("lost")  # the dashboard had only begun to start the run
        if scenario.victim != "supervisor" or scenario.blow not in _DEADLY:
            holder.release()
        _wait_until_over(run_dir)
    problems = invariants.is_gone(watching, "dashboard")
    if not (run_dir / layout.PLAN).exists():
        return problems
    problems += _check(run_dir, plan, members, allowed)
    if ENGINES.get(scenario.mode) == "cuda":
        left, seconds = gpu.wait_until_free({pid for pid, _ in members})
        tally.gpu_ms = max(tally.gpu_ms, round(seconds * 1000))
        problems += left
    return problems


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


def _strike_starter(scenario: Scenario, plan: Plan, run_dir: Path) -> list[str]:
    """Hit the process that starts a run; there is then a complete run, or none."""
    arguments = [sys.executable, "-c", _START, str(run_dir), msgspec.json.encode(plan).decode()]
    starter = subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.DEVNULL)
    time.sleep(scenario.delay)
    _hit(starter.pid, scenario.blow)
    starter.wait()
    if not (run_dir / layout.PLAN).exists():
        return []
    _wait_until_over(run_dir)
    return _check(run_dir, plan, set(), {"finished", "lost", "stopped"})


def _wait_for_moment(scenario: Scenario, run_dir: Path) -> None:
    def has_come() -> bool:
        state = state_of(run_dir)
        reached = {
            "start": scenario.victim in ("supervisor", *SCREENS) or _victim(scenario, run_dir) is not None,
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
    if scenario.victim in ("telemetry", *SCREENS):
        return {"finished"} | stopped
    return {"failed", "finished"} | stopped


def _stop_all() -> None:
    """End runs that were given up: they would keep the device from all that follow."""
    for run_dir in layout.list_runs():
        if is_supervised(run_dir):
            stop_run(run_dir, "a storm that gave it up")


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
