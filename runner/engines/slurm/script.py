"""The job script of a run: it asks for nodes and starts the supervisor on the first of them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from runner.plan.job_request import JobRequest
from runner.plan.plan import RUN_DIR
from runner.run.job import OUTPUT
from runner.util.daemon import IMPORT_ROOT

SUPERVISOR = "runner.supervision.batch"
NOTICE_S = 30
"""How long before the time limit the supervisor is asked to end the run; Slurm may be a minute earlier"""
_START = "import sys; sys.path.insert(0, sys.argv[1]); from {module} import main; main(*sys.argv[2:])"


def job_script(
    request: JobRequest, directory: Path, module: str = SUPERVISOR, further: Sequence[str] = ()
) -> str:
    """Return the script that `sbatch` takes.

    Args:
        request: the job.
        directory: of the run; `RUN_DIR` in a preview.
        module: its `main` gets the directory and is the whole job.
        further: more arguments of `main`.
    """
    options = [
        *request.options,
        f"--chdir={directory}",
        f"--output={_verbatim(directory / OUTPUT)}",
        "--open-mode=append",
        # A job that is started again would write into the log of its first start.
        "--no-requeue",
        f"--signal=B:TERM@{NOTICE_S}",
        "--export=ALL",
    ]
    start = [sys.executable, "-c", _START.format(module=module), str(IMPORT_ROOT), str(directory), *further]
    lines = [
        "#!/bin/bash",
        *(f"#SBATCH {_quoted(option)}" for option in options),
        "# The supervisor of the run, on the first node of the job; srun starts the ranks.",
        f"exec {shlex.join(start)}",
    ]
    return "\n".join(lines) + "\n"


def preview(request: JobRequest | None) -> str:
    """Return the script of a run that has no directory yet; empty: none is submitted."""
    return job_script(request, RUN_DIR) if request is not None and request.mode == "sbatch" else ""


def _verbatim(path: Path) -> str:
    """Return a path in which sbatch replaces no pattern such as `%j`."""
    return str(path).replace("%", "%%")


def _quoted(option: str) -> str:
    """Quote an option for a line of sbatch, which knows quotes and no variables."""
    return shlex.quote(option) if shlex.quote(option) != option and "'" not in option else option
