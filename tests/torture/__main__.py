"""Attack the program for a time and print what was found: `make torture`. Exit code 1: something was found.

The seed is printed; with the same seed a storm does the same to the same runs, as far as times allow.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.support.programs.ranks import STORM
from tests.torture.launchers import ENGINES
from tests.torture.outcome import merged
from tests.torture.parts import SHARES, Task, become, work


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--mpirun", action="append", default=[], metavar="PATH", help="a further launcher")
    parser.add_argument("--only", choices=SHARES, action="append", help="only this part (repeatable)")
    parser.add_argument("--workers", type=int, default=1, help="how many of each part run at once")
    parser.add_argument("--user", help="do it as another user, as root")
    parser.add_argument("--ranks", choices=(*STORM, *ENGINES), action="append", help="ranks of the storm")
    parser.add_argument("--keep", metavar="FOLDER", help="keep the files there, also of runs with problems")
    arguments = parser.parse_args()
    if arguments.user:
        become(arguments.user)
    wanted = arguments.only or list(SHARES)
    ranks = arguments.ranks or STORM
    total = sum(SHARES[name] for name in wanted)
    print(f"seed {arguments.seed}, {arguments.minutes:g} minutes, {time.strftime('%Y-%m-%d')}", flush=True)
    problems = 0
    for name in wanted:
        seconds = arguments.minutes * 60 * SHARES[name] / total
        tasks = [
            Task(name, arguments.seed + number, seconds, arguments.mpirun, ranks, arguments.keep)
            for number in range(arguments.workers)
        ]
        # A process for each: where files are kept is a setting of the process.
        with ProcessPoolExecutor(arguments.workers, multiprocessing.get_context("spawn")) as pool:
            outcome = merged(list(pool.map(work, tasks)))
        print(outcome, flush=True)
        for problem in outcome.problems if name != "storm" else ():
            print(f"  {problem}", flush=True)
        problems += len(outcome.problems)
    return min(1, problems)


if __name__ == "__main__":
    sys.exit(main())
