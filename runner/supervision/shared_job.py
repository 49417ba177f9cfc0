"""A job of Slurm in which runs of a sweep take turns; the job script starts it on the first node."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from subprocess import Popen

from runner.run.job_turns import END, SILENT_S, Stamp, read_turns
from runner.util import daemon, signals

POLL_S = 0.5
SUPERVISOR = "runner.supervision.batch"


def main(directory: str, runs: str) -> None:
    """Supervise the runs that a sweep assigns in a directory; `runs`: the folder of the runs."""
    signals.reset_inherited_signals()
    SharedJob(Path(directory), Path(runs)).run()


class SharedJob:
    """The runs of one job, one after the other."""

    def __init__(self, directory: Path, runs: Path) -> None:
        self.directory = directory
        self.runs = runs
        self._supervisor: Popen[bytes] | None = None
        self._ends = False
        """Slurm ends the job"""

    def run(self) -> None:
        """Take turns until the sweep closes the job, is silent for too long, or Slurm ends the job."""
        signal.signal(signal.SIGTERM, lambda *_: self._terminate())
        taken = 0
        stamp: Stamp = (-1, -1)
        changed = time.monotonic()
        while not self._ends and time.monotonic() - changed < SILENT_S:
            lines, found = read_turns(self.directory)
            if found != stamp:
                stamp, changed = found, time.monotonic()
            if len(lines) == taken:
                time.sleep(POLL_S)
                continue
            line = lines[taken]
            taken += 1
            if line == END:
                return
            self._supervise(self.runs / line)
            changed = time.monotonic()

    def _supervise(self, run_dir: Path) -> None:
        try:
            self._supervisor = daemon.spawn(SUPERVISOR, run_dir, None, "supervisor.log")
        except OSError as error:  # the run was deleted, or stopped before its turn
            print(f"{run_dir}: cannot start the supervisor: {error.strerror}", flush=True)
            return
        self._supervisor.wait()
        self._supervisor = None

    def _terminate(self) -> None:
        """End the current run and take no other: Slurm sends SIGTERM before it ends the job."""
        self._ends = True
        if self._supervisor is not None:
            self._supervisor.terminate()
