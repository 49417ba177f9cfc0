"""The parts of the torture, each in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.programs.ranks import STORM
from tests.torture import crowd, damage, disk, endurance, fuzz, launchers, power, scenario, storm, web
from tests.torture.outcome import Outcome, timer

SHARES = {
    "damage": 0.06, "fuzz": 0.08, "crowd": 0.05, "web": 0.03, "flood": 0.17, "power": 0.05, "disk": 0.04,
    "soak": 0.07, "storm": 0.45,
}  # fmt: skip
"""Part of the whole time; of an hour, ten minutes are a flood."""


def use_home(home: Path) -> None:
    """Have everything that is started keep its files in a folder."""
    for name, folder in {
        "TRTBENCH_HOME": "state",
        "XDG_CONFIG_HOME": "config",
        "TRTBENCH_LOCKS": "locks",
        "TMPDIR": "tmp",
    }.items():
        (home / folder).mkdir(exist_ok=True)
        os.environ[name] = str(home / folder)
    tempfile.tempdir = None


def become(user: str) -> None:
    """Continue as another user, which only root can."""
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ |= {"HOME": entry.pw_dir, "USER": user, "LOGNAME": user}
    os.chdir("/")


def parts(mpiruns: Sequence[str], modes: Sequence[str] = STORM) -> dict[str, Callable[[int, float], Outcome]]:
    """Return the parts of the torture by name; each takes a seed and how long it may last, s."""
    found, missing = launchers.find_launchers(mpiruns)

    def stormy(seed: int, seconds: float) -> Outcome:
        for name in missing:
            print(f"storm: no {name} was found; `--mpirun PATH` adds one", flush=True)
        for victim in scenario.VICTIMS:
            if reason := storm.why_not(victim):
                print(f"storm: the supervisor is hit in place of {victim}: {reason}", flush=True)
        outcome = Outcome("storm")
        for tally in storm.storm(seed, found, timer(seconds), modes=modes):
            for problem in tally.problems[len(outcome.problems) :]:
                print(f"storm: {problem}", flush=True)
            outcome.figures = {"kills": tally.struck, "without a victim": tally.missed, "gaps": tally.gaps}
            outcome.figures |= dict(tally.kinds.most_common())
            if tally.gpu_ms:
                outcome.at_most("ms until the memory of a GPU was back", tally.gpu_ms)
            outcome.problems = list(tally.problems)
        # Triton compiles in the temporary folder of the machine, and a rank that is killed leaves that.
        is_compiled = launchers.ENGINES.keys() & set(modes)
        left = [] if is_compiled else [f"{name} is left" for name in storm.leftovers()]
        outcome.problems += left
        for problem in left:
            print(f"storm: {problem}", flush=True)
        return outcome

    return {
        "damage": damage.damage,
        "fuzz": fuzz.fuzz,
        "crowd": crowd.crowd,
        "web": web.web,
        "flood": endurance.flood,
        "power": power.power,
        "disk": disk.disk,
        "soak": endurance.soak,
        "storm": stormy,
    }


@dataclass(frozen=True)
class Task:
    """What one worker does."""

    part: str
    seed: int
    seconds: float
    mpiruns: Sequence[str] = ()
    """further launchers"""
    modes: Sequence[str] = STORM
    """of the ranks of the storm"""
    keep: str | None = None
    """folder where the files of the worker stay; None: they are removed"""


def work(task: Task) -> Outcome:
    """Do a part in a folder of its own."""
    folder = tempfile.mkdtemp(prefix=f"trtbench-torture-{task.seed}-", dir=task.keep)
    try:
        use_home(Path(folder))
        outcome = parts(task.mpiruns, task.modes)[task.part](task.seed, task.seconds)
        print(f"seed {task.seed}: {outcome}", flush=True)
        return outcome
    finally:
        if task.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
