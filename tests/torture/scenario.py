"""What a storm does to one run, drawn from a seed so that it can be repeated."""

from __future__ import annotations

import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from tests.standins import nvml
from tests.support.programs.ranks import STORM
from tests.torture.launchers import ALONE, Launcher

SIGNALS = {
    "KILL": (signal.SIGKILL,),
    "TERM": (signal.SIGTERM,),
    "HUP": (signal.SIGHUP,),
    "INT": (signal.SIGINT,),
    "STOP+KILL": (signal.SIGSTOP, signal.SIGKILL),
}
VICTIMS = ("supervisor", "launcher", "rank", "telemetry", "starter", "terminal")
_WEIGHTS = (6, 3, 3, 1, 1, 1)
MOMENTS = {"start": 0.6, "queue": 0.6, "middle": 0.8, "stop": 0.3, "end": 0.15}
"""What is waited for, and the longest random time after it, s."""


@dataclass(frozen=True)
class Scenario:
    """One run and one blow."""

    number: int
    launcher: Launcher
    mode: str
    """of the ranks"""
    victim: str
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


def draw(number: int, seed: int, launchers: Sequence[Launcher]) -> Scenario:
    """Return scenario `number` of a storm."""
    random_source = random.Random(f"{seed}:{number}")
    victim = random_source.choices(VICTIMS, _WEIGHTS)[0]
    if victim == "telemetry" and nvml.compiler() is None:
        victim = "supervisor"
    with_mpirun = [one for one in launchers if one is not ALONE]
    launcher = random_source.choice(with_mpirun if victim == "launcher" and with_mpirun else launchers)
    # A run that waits has no other process than its supervisor; at its end, one has no ranks.
    moments = tuple(MOMENTS) if victim == "supervisor" else ("start", "middle", "stop")
    moment = "start" if victim == "starter" else random_source.choice(moments)
    return Scenario(
        number,
        launcher,
        random_source.choice(STORM),
        victim,
        random_source.choice(tuple(SIGNALS)),
        moment,
        random_source.uniform(0.0, MOMENTS[moment]),
    )
