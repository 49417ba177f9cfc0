"""The process of a stage: how it is started, and ended with SIGTERM, then SIGKILL.

This is the launcher or the program itself; `runner.util.processes` then finds and ends what remains of its
ranks.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from runner.engines import mpi
from runner.plan.plan import Stage
from runner.run import layout
from runner.state import cuda_devices
from runner.util import process_control, processes
from runner.util.cgroup import Cgroup
from runner.util.files import open_append

logger = logging.getLogger(__name__)

GRACE_S = 5.0
"""Time between SIGTERM and SIGKILL of the launcher; Open MPI gives its ranks 250 ms of it."""
ORPHANS_S = 5.0
"""How long a launcher without ranks may wait for orphans of its ranks before they are killed."""


def start_process(
    stage: Stage, run_dir: Path, log: Path, records: Path, scratch: Path, cgroup: Cgroup | None
) -> subprocess.Popen[bytes]:
    """Start the process of a stage: own session, no terminal, output to its raw log.

    Args:
        stage: what to start.
        run_dir: its name tags every process of the run.
        log: the raw log, appended to.
        records: the folder for the records of ranks.
        scratch: for the files of mpirun.
        cgroup: the control group that the process joins; None: it has none.

    Raises:
        OSError: it cannot be started; `filename` says what is missing.
    """
    parent = os.getpid()

    def prepare() -> None:
        """Run in the child between fork and exec."""
        if cgroup is not None:
            cgroup.join()
        process_control.die_with_parent(parent)

    env = {
        **os.environ,
        # The folder is on this machine, and srun starts ranks on others.
        **({} if Path(stage.argv[0]).name == "srun" else mpi.scratch_env(str(scratch))),
        **stage.env,
        cuda_devices.ORDER: cuda_devices.PCI_ORDER,
        processes.TAG: run_dir.name,
        "TRTBENCH_RECORDS": str(records),
        # Python programs that set their title would overwrite their environment, including the tag.
        "SPT_NOENV": "1",
    }
    with open_append(log, layout.log_mode(run_dir)) as output:
        return subprocess.Popen(
            stage.argv,
            cwd=stage.cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=prepare,
        )


def is_mpirun(stage: Stage) -> bool:
    """Check whether the process of a stage is a launcher of ranks."""
    return Path(stage.argv[0]).name in mpi.LAUNCHERS


@dataclass(slots=True)
class Termination:
    """End the process of a stage: SIGTERM at the first call, SIGKILL when the grace period is over."""

    pid: int
    name: str
    """of the stage, for the log of the program"""
    _kill_at: float | None = None
    _killed: bool = False

    def advance(self, now: float) -> None:
        """Send the signal that is due; called at every poll until the process has ended (monotonic, s)."""
        if self._kill_at is None:
            self._kill_at = now + GRACE_S
            logger.info("stage %s: SIGTERM to process %d", self.name, self.pid)
            _signal(self.pid, signal.SIGTERM)
        elif now > self._kill_at:
            if not self._killed:
                self._killed = True
                logger.warning(
                    "stage %s did not end within %.0f s after SIGTERM: SIGKILL to process %d",
                    self.name,
                    GRACE_S,
                    self.pid,
                )
            _signal(self.pid, signal.SIGKILL)


@dataclass(slots=True)
class Orphans:
    """Detect a launcher that waits for orphans: helper processes of a killed rank keep its pipes open."""

    launcher: int
    _alone_since: float | None = None

    def are_blocking(self, now: float) -> bool:
        """Check whether the launcher has had no rank for so long that only orphans can block it."""
        if mpi.has_ranks(self.launcher):
            self._alone_since = None
            return False
        self._alone_since = self._alone_since or now
        return now > self._alone_since + ORPHANS_S


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
