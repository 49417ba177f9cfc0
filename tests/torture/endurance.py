"""Floods of output and long runs: memory and descriptors stay flat, and no record is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from runner.history import verification
from runner.history.stop import stop_run
from runner.run import liveness
from runner.util import processes
from tests.support.paths import ROOT
from tests.support.runs import single, start, state_of, wait_for, wait_until_ended
from tests.torture.outcome import Outcome, timer

MOST_MB = 150
"""Memory of each process of this program."""
GROWTH_MB = 10
"""Growth of a process after it has settled."""
SETTLED_S = 20.0
SAMPLE_S = 0.5
_ATTACH = "import sys; from tui.main import main; sys.exit(main(['attach', '--headless', sys.argv[1]]))"


def flood(_: int, seconds: float) -> Outcome:
    """Follow ranks that print as fast as they can."""
    return _follow(Outcome("flood"), "chatty", seconds)


def soak(_: int, seconds: float) -> Outcome:
    """Follow a run that measures for a long time, with a terminal attached."""
    return _follow(Outcome("soak"), "soak", seconds)


def _follow(outcome: Outcome, mode: str, seconds: float) -> Outcome:
    run_dir = start(single(mode))
    wait_for(lambda: bool(state_of(run_dir).configurations), "the first configuration")
    owner = liveness.read_owner(run_dir)
    assert owner is not None
    follower = subprocess.Popen(
        [sys.executable, "-c", _ATTACH, str(run_dir)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    followed = {"supervisor": owner.pid, "follower": follower.pid}
    samples: dict[str, list[tuple[float, int]]] = {name: [] for name in followed}
    is_over = timer(seconds)
    while not is_over():
        for name, pid in followed.items():
            if processes.start_time(pid) is not None:
                samples[name].append((_memory_mb(pid), len(os.listdir(f"/proc/{pid}/fd"))))
        time.sleep(SAMPLE_S)
    stop_run(run_dir, "the end of a torture")
    state = wait_until_ended(run_dir)
    follower.wait()
    for name, taken in samples.items():
        _judge(outcome, name, taken)
    if state.status != "stopped":
        outcome.problems.append(f"the run ended by itself: {state.status}")
    outcome.count("iterations", sum(rank.records for rank in state.ranks.values()))
    outcome.problems += [
        f"verify: {check.name}: {check.text}"
        for check in verification.checks(run_dir)
        if check.verdict == "fail"
    ]
    return outcome


def _judge(outcome: Outcome, name: str, samples: list[tuple[float, int]]) -> None:
    """Compare the end with the time after the start, in which the program gets ready."""
    if not samples:
        return
    most = max(memory for memory, _ in samples)
    settled = samples[round(SETTLED_S / SAMPLE_S) :] or samples[-1:]
    growth = settled[-1][0] - settled[0][0]
    files = settled[-1][1] - settled[0][1]
    outcome.count(f"MB {name}", round(most))
    if most > MOST_MB:
        outcome.problems.append(f"the {name} used {most:.0f} MB")
    if growth > GROWTH_MB:
        outcome.problems.append(f"the {name} grew by {growth:.1f} MB")
    if files > 2:
        outcome.problems.append(f"the {name} opened {files} more files")


def _memory_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
