"""Attack the program for a time and print what was found: `make torture`. Exit code 1: something was found.

The seed is printed; with the same seed a storm does the same to the same runs, as far as times allow.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.torture.outcome import Outcome, timer

SHARES = {
    "damage": 0.08, "fuzz": 0.1, "crowd": 0.05, "web": 0.03, "flood": 0.03, "power": 0.06, "soak": 0.1,
    "storm": 0.55,
}  # fmt: skip


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


def parts(mpiruns: list[str]) -> dict[str, Callable[[int, float], Outcome]]:
    """Return the parts of the torture by name; each takes a seed and how long it may last, s."""
    from tests.torture import crowd, damage, endurance, fuzz, launchers, power, storm, web

    found, missing = launchers.find_launchers(mpiruns)

    def stormy(seed: int, seconds: float) -> Outcome:
        for name in missing:
            print(f"storm: no {name} was found; `--mpirun PATH` adds one", flush=True)
        outcome = Outcome("storm")
        for tally in storm.storm(seed, found, timer(seconds)):
            for problem in tally.problems[len(outcome.problems) :]:
                print(f"storm: {problem}", flush=True)
            outcome.figures = {"kills": tally.struck, "without a victim": tally.missed, "gaps": tally.gaps}
            outcome.problems = list(tally.problems)
        outcome.problems += [f"{name} is left" for name in storm.leftovers()]
        return outcome

    return {
        "damage": damage.damage,
        "fuzz": fuzz.fuzz,
        "crowd": crowd.crowd,
        "web": web.web,
        "flood": endurance.flood,
        "power": power.power,
        "soak": endurance.soak,
        "storm": stormy,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--mpirun", action="append", default=[], metavar="PATH", help="a further launcher")
    parser.add_argument("--only", choices=SHARES, action="append", help="only this part (repeatable)")
    arguments = parser.parse_args()
    wanted = arguments.only or list(SHARES)
    total = sum(SHARES[name] for name in wanted)
    print(f"seed {arguments.seed}, {arguments.minutes:g} minutes, {time.strftime('%Y-%m-%d')}", flush=True)
    problems, base = 0, tempfile.gettempdir()
    for name in wanted:
        seconds = arguments.minutes * 60 * SHARES[name] / total
        with tempfile.TemporaryDirectory(prefix="trtbench-torture-", dir=base) as folder:
            use_home(Path(folder))
            outcome = parts(arguments.mpirun)[name](arguments.seed, seconds)
        print(outcome, flush=True)
        for problem in outcome.problems if name != "storm" else ():
            print(f"  {problem}", flush=True)
        problems += len(outcome.problems)
    return min(1, problems)


if __name__ == "__main__":
    sys.exit(main())
