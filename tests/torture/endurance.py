"""Floods of output and long runs: memory and descriptors stay flat, keys are answered, no record is lost."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from runner import events as ev
from runner.events.journal import EventReader
from runner.history import verification
from runner.history.stop import stop_run
from runner.run import layout, liveness
from runner.util import processes
from tests.support.paths import ROOT
from tests.support.programs.ranks import FLOOD_EVERY
from tests.support.runs import single, start, state_of, wait_for, wait_until_ended
from tests.support.terminal import Terminal
from tests.torture.outcome import Outcome, timer
from tui.screens.live.plot_view import PLOT_MODES, TITLES

MOST_MB = 150
"""Memory of each process of this program."""
GROWTH_MB = 10
"""Growth of a process after it has settled."""
SETTLED_S = 20.0
SAMPLE_S = 0.5
MOST_KEY_MS = 200
"""95th percentile from a key until the screen shows what it did, in a flood."""
MOST_SLOWER = 1.5
"""Most that an iteration next to a flood may take, in medians of those without."""
JUDGED_S = 120.0
"""How long a flood has to last for a judgement of times: a short one says how busy the machine is."""
_ATTACH = "import sys; from tui.main import main; sys.exit(main(['attach', sys.argv[1]]))"


def flood(_: int, seconds: float) -> Outcome:
    """Follow a rank whose output never stops, and press keys."""
    return _follow(Outcome("flood"), "flood", seconds)


def soak(_: int, seconds: float) -> Outcome:
    """Follow a run that measures for a long time."""
    return _follow(Outcome("soak"), "soak", seconds)


def _follow(outcome: Outcome, mode: str, seconds: float) -> Outcome:
    run_dir = start(single(mode))
    wait_for(lambda: bool(state_of(run_dir).configurations), "the first configuration")
    owner = liveness.read_owner(run_dir)
    assert owner is not None
    import_path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    dashboard = Terminal([sys.executable, "-c", _ATTACH, str(run_dir)], env={"PYTHONPATH": import_path})
    dashboard.wait_until_it_says(TITLES[PLOT_MODES[0]])
    keys = Keys(dashboard)
    followed = {"supervisor": owner.pid, "dashboard": dashboard.process.pid}
    samples: dict[str, list[tuple[float, int]]] = {name: [] for name in followed}
    is_over = timer(seconds)
    while not is_over():
        for name, pid in followed.items():
            if processes.start_time(pid) is not None:
                samples[name].append((_memory_mb(pid), len(os.listdir(f"/proc/{pid}/fd"))))
        for _data in dashboard.chunks(SAMPLE_S):
            pass
        keys.press()
    stop_run(run_dir, "the end of a torture")
    state = wait_until_ended(run_dir)
    dashboard.close()
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
    _judge_times(outcome, keys.delays_ms, _latencies(run_dir), seconds)
    return outcome


@dataclass
class Keys:
    """Presses of the key that switches the plot of a dashboard."""

    dashboard: Terminal
    delays_ms: list[float] = field(default_factory=list)
    """from each press until the screen shows it"""

    def press(self) -> None:
        wanted = TITLES[PLOT_MODES[(len(self.delays_ms) + 1) % len(PLOT_MODES)]]
        began = time.monotonic()
        self.dashboard.send(b"v")
        self.dashboard.wait_until_it_says(wanted)
        self.delays_ms.append((time.monotonic() - began) * 1000)


def _latencies(run_dir: Path) -> tuple[list[float], list[float]]:
    """Return the latencies, ms, without and next to a flood, which come in turn: see `programs/ranks.py`."""
    quiet: list[float] = []
    loud: list[float] = []
    for event in _events(run_dir):
        if isinstance(event, ev.Iteration) and event.phase == "timed":
            (loud if event.i // FLOOD_EVERY % 2 else quiet).append(event.latency_ms)
    return quiet, loud


def _events(run_dir: Path) -> Iterator[ev.AnyEvent]:
    reader = EventReader(run_dir / layout.EVENTS)
    while events := reader.read():
        yield from events


def _judge_times(
    outcome: Outcome, delays_ms: list[float], latencies: tuple[list[float], list[float]], seconds: float
) -> None:
    """Note how late keys were answered, and how much slower iterations became."""
    if len(delays_ms) < 2:
        return
    late = statistics.quantiles(delays_ms, n=20)[-1]
    outcome.at_most("ms from a key to the screen, p95", round(late))
    if seconds >= JUDGED_S and late > MOST_KEY_MS:
        outcome.problems.append(f"95 % of {len(delays_ms)} keys were answered within {late:.0f} ms only")
    if outcome.part == "flood" and all(latencies):
        quiet, loud = map(statistics.median, latencies)
        outcome.at_most("us an iteration without output", round(quiet * 1000))
        outcome.at_most("us an iteration in a flood", round(loud * 1000))
        if seconds >= JUDGED_S and loud > MOST_SLOWER * quiet:
            outcome.problems.append(f"an iteration took {loud:.2f} ms in a flood, {quiet:.2f} ms without")


def _judge(outcome: Outcome, name: str, samples: list[tuple[float, int]]) -> None:
    """Compare the end with the time after the start, in which the program gets ready."""
    if not samples:
        return
    most = max(memory for memory, _ in samples)
    settled = samples[round(SETTLED_S / SAMPLE_S) :] or samples[-1:]
    growth = settled[-1][0] - settled[0][0]
    files = settled[-1][1] - settled[0][1]
    outcome.at_most(f"MB {name}", round(most))
    if most > MOST_MB:
        outcome.problems.append(f"the {name} used {most:.0f} MB")
    if growth > GROWTH_MB:
        outcome.problems.append(f"the {name} grew by {growth:.1f} MB")
    if files > 2:
        outcome.problems.append(f"the {name} opened {files} more files")


def _memory_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
