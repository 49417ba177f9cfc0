"""Run every simulation and print its tables: `make simulate`. Exit code 1: a target is missed."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor

from tests.simulations.registry import SIMULATIONS
from tests.simulations.table import Cell, as_markdown

TRIALS = 500
SEED = 20260101


def _run(number: int, trials: int) -> list[Cell]:
    return list(SIMULATIONS[number](trials, SEED))


def main() -> int:
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else TRIALS
    print(f"{trials} trials a case; a target is missed if it is exceeded by 3 standard errors\n")
    missed = 0
    with ProcessPoolExecutor() as pool:
        numbers = range(len(SIMULATIONS))
        for number, cells in zip(numbers, pool.map(_run, numbers, [trials] * len(numbers)), strict=True):
            print(f"## {(SIMULATIONS[number].__doc__ or '').strip()}\n")
            print("\n".join(as_markdown(cells, trials)), flush=True)
            missed += sum(not cell.holds(trials) for cell in cells)
    print(f"{missed} targets are missed" if missed else "all targets are met")
    return min(1, missed)


if __name__ == "__main__":
    sys.exit(main())
