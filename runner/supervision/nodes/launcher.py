"""How the node agents of a run are started."""

from __future__ import annotations

import os
from pathlib import Path

from runner.engines.mpi.fan_out import RESTART
from runner.plan.node_launch import NodeLaunch
from runner.util import processes
from runner.util.daemon import IMPORT_ROOT
from runner.util.launcher_process import LauncherProcess

END_S = 5.0
"""How long the agents, and then their launcher, may take to end."""
_AGENT = "runner.supervision.nodes.agent"
_BOOTSTRAP = f"import sys; sys.path.insert(0, sys.argv[1]); from {_AGENT} import main; main(sys.argv[2:])"


def agent_launcher(launch: NodeLaunch, run_dir: Path, token: str, first: str) -> LauncherProcess:
    """Return one start of the agents of all nodes, which is not started yet.

    Args:
        launch: how processes are started.
        run_dir: the run directory.
        token: what the agents look for in it, to see whether they share it.
        first: name of the node of this process.
    """
    words = [str(IMPORT_ROOT), str(run_dir), token, first]
    env = {name: value for name, value in os.environ.items() if name != processes.TAG}
    return LauncherProcess(
        [*launch.argv, launch.python, "-c", _BOOTSTRAP, *words],
        {**env, **launch.env, RESTART: "1"},
        cwd="/",
    )
