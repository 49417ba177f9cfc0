"""The process of a tuning: the sweep runner with the decisions of the search.

Like every sweep runner it has no terminal, measures nothing, and takes over the current run of one that was
killed. Every decision follows from the log of the sweep and the reports of its runs, so a kill loses at most
the run under way.
"""

from __future__ import annotations

from pathlib import Path

from runner.sweep.sweep_runner import run_detached
from runner.sweep.tune.strategy import TuneStrategy


def main(sweep_dir: str, lock: int) -> None:
    """Run the tuning in `sweep_dir`; `lock` is the inherited descriptor of its lock."""
    path = Path(sweep_dir)
    run_detached(path, lock, lambda sweep: TuneStrategy(path, sweep))
