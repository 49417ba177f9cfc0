"""What a storm does to one run, drawn from a seed so that it can be repeated."""

from __future__ import annotations

import random
import signal
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tests.support.programs.ranks import STORM
from tests.torture.launchers import ALONE, ENGINES, Launcher

SIGNALS = {
    "KILL": (signal.SIGKILL,),
    "TERM": (signal.SIGTERM,),
    "HUP": (signal.SIGHUP,),
    "INT": (signal.SIGINT,),
    "STOP+KILL": (signal.SIGSTOP, signal.SIGKILL),
}
SCREENS = ("dashboard", "terminal", "tmux", "ssh", "sshd")
"""What is hit of a dashboard that starts the run: itself, its terminal, its tmux, or one end of its ssh."""
VICTIMS = {
    "supervisor": 6,
    "launcher": 3,
    "rank": 3,
    "telemetry": 1,
    "starter": 1,
    **dict.fromkeys(SCREENS, 1),
}
"""What can be hit, and how often."""
MOMENTS = {"start": 0.6, "queue": 0.6, "middle": 0.8, "stop": 0.3, "end": 0.15}
"""What is waited for, and the longest random time after it, s."""


@dataclass(frozen=True)
class Scenario:
    """One run and one blow."""

    number: int
    launcher: Launcher
    mode: str
    """of the ranks; a key of `ENGINES`: the real ranks of the torch engine"""
    victim: str
    """a key of `VICTIMS`"""
    blow: str
    """a key of `SIGNALS`"""
    moment: str
    """a key of `MOMENTS`"""
    delay: float
    """time after the moment, s"""

    def __str__(self) -> str:
        return (
            f"#{self.number} {self.blow} to {self.victim}, {self.delay:.2f} s after {self.moment},"
            f" {self.launcher.name}, {self.mode}"
        )


def draw(
    number: int,
    seed: int,
    launchers: Sequence[Launcher],
    modes: Sequence[str] = STORM,
    victims: Collection[str] = tuple(VICTIMS),
) -> Scenario:
    """Return scenario `number` of a storm; the supervisor replaces a victim that cannot be had."""
    random_source = random.Random(f"{seed}:{number}")
    victim = random_source.choices(tuple(VICTIMS), tuple(VICTIMS.values()))[0]
    if victim not in victims:
        victim = "supervisor"
    mode = random_source.choice(modes)
    with_mpirun = [one for one in launchers if one is not ALONE]
    needs_mpirun = victim == "launcher" or mode in ENGINES
    launcher = random_source.choice(with_mpirun if needs_mpirun and with_mpirun else launchers)
    # A run that waits has no other process than its supervisor; at its end, one has no ranks.
    moments = tuple(MOMENTS) if victim == "supervisor" else ("start", "middle", "stop")
    moment = "start" if victim == "starter" else random_source.choice(moments)
    return Scenario(
        number,
        launcher,
        mode,
        victim,
        random_source.choice(tuple(SIGNALS)),
        moment,
        random_source.uniform(0.0, MOMENTS[moment]),
    )
